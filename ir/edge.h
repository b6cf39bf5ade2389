/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a graph takes and gives in one element type and computes in another. */
#ifndef CNXC_IR_EDGE_H
#define CNXC_IR_EDGE_H

#include "ir/graph.h"

/* Nodes that use value, an input or a constant, use a Cast of it. */
void edge_take(Value *value, DType as);
/* What computes value, an output, computes another one, of type from, and a Cast at the end makes value of it. */
void edge_give(Value *value, DType from);

#endif
