/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a graph costs: multiply-adds, parameters, layers. Counted on the graph, whatever is fused. */
#ifndef CNXC_REPORT_GRAPH_COST_H
#define CNXC_REPORT_GRAPH_COST_H

#include "ir/graph.h"

typedef struct Cost {
    int64_t macs;            /* multiply-adds of convolutions and matrix products, for a batch of 1 */
    int64_t parameters;      /* elements of constants that are used */
    int64_t parameter_bytes;
    int64_t largest_value;   /* bytes of the largest intermediate value, for a batch of 1 */
} Cost;

Cost graph_cost(const Graph *graph);
int64_t graph_halves(const Graph *graph); /* values of float16 or bfloat16, also in regions */
int64_t node_macs(const Node *node); /* regions: the sum over their body */

#endif
