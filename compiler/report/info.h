/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What `cnxc info` says. */
#ifndef CNXC_REPORT_INFO_H
#define CNXC_REPORT_INFO_H

#include "compiler/build/build.h"
#include "compiler/report/graph_cost.h"
#include "ir/op.h"

#include <jansson.h>

/* A graph as it was read: once it is fused, nobody sees these. */
typedef struct Layers {
    Cost cost;
    int64_t count[OP_COUNT]; /* nodes by operator */
    int64_t n_nodes;
    int64_t n_halves;        /* values of float16 and bfloat16 */
} Layers;

Layers layers_of(const Graph *graph);

/* To standard output, of a build that is scheduled. */
void info_print(const Build *build, const Layers *layers);
json_t *info_json(const Build *build, const Layers *layers);
void info_print_json(const Build *build, const Layers *layers);

#endif
