/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Origins: which of the user's nodes a region was made from. */
#ifndef CNXC_REPORT_ORIGINS_H
#define CNXC_REPORT_ORIGINS_H

#include "ir/graph.h"

/* A node as the user's file has it. */
typedef struct Origin {
    const char *op, *name;
    Span span;             /* source NULL: the graph came from a configuration, which has no nodes */
} Origin;

typedef VEC(Origin) Origins;

/* Of a graph as it was read, before any pass. */
Origins origins_of(const Graph *graph, Arena *arena);

/* Those that the nodes of a region, or the node itself, come from, in the user's order. Where no place is known, its own nodes. */
Origins node_origins(const Node *node, const Origins *all, Arena *arena);

#endif
