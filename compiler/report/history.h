/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What became of one value of a graph in the passes. */
#ifndef CNXC_REPORT_HISTORY_H
#define CNXC_REPORT_HISTORY_H

#include "compiler/build/build.h"

/* A value after one pass, as text: passes edit the graph itself. */
typedef struct Seen {
    const char *name;
    const Op *op;           /* that makes it; NULL: nothing does */
    const Tensor *constant; /* NULL: it is none */
    Type type;
    StrList reads;          /* names of what its node reads */
    VEC(const struct Seen *) readers; /* what is computed from it */
    const Node *region;     /* the outermost that holds its node; NULL: none */
} Seen;

/* What one pass did to it. */
typedef struct Change {
    const char *pass;
    const char *how;        /* a word for machines: "turned", "multiplied" … */
    const char *into;       /* the value that it is or is part of from then on; NULL: none */
    StrList with;           /* other initializers in the same constant */
    const char *text;
} Change;

typedef struct History {
    VEC(Change) changes;
    VEC(const Seen *) ends; /* what it is in the optimised graph, or what stands in its stead */
} History;

/* Optimises build, which is loaded. fresh: the same, not loaded: an initializer is followed by reading the model again and
 * changing some of its numbers. False after a diagnostic. */
bool history_trace(Build *build, const Build *fresh, const Value *value, History *history);

#endif
