/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Making cnxc.Region nodes out of nodes of a graph. */
#ifndef CNXC_PASSES_REGION_H
#define CNXC_PASSES_REGION_H

#include "ir/region.h"

/* Nodes with one output each, in topological order, of which only the last one's is used outside, become the body of a
 * Region node in the last one's place, which keeps its output. They may be regions themselves. */
Node *region_make(Node *const *nodes, int n, RegionKind kind);

#endif
