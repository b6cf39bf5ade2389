/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The graph as a Graphviz drawing: --emit=dot. */
#ifndef CNXC_REPORT_DOT_H
#define CNXC_REPORT_DOT_H

#include "ir/graph.h"

void dot_print(const Graph *graph, FILE *out);

#endif
