/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What legalize promises, as a check: one opset and one spelling, bodies of regions included. */
#ifndef CNXC_PASSES_LEGALIZE_H
#define CNXC_PASSES_LEGALIZE_H

#include "ir/graph.h"

/* Whether every node has its legal form; *problem says which has not, and which form that is. */
bool graph_is_legal(const Graph *graph, const char **problem);

#endif
