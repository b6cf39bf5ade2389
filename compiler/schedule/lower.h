/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Lowering: what the files of this room share while they turn nodes into phases.
 *
 * A value of the graph becomes a View: a place in a buffer with a size and a stride for each dimension, so that
 * Transpose, Slice, Expand, Split, Squeeze and most reshapes cost nothing: they make another view of the same
 * bytes. Kernels that need contiguous elements ask for them (view_contiguous), which copies only if it must.
 *
 *   x: float[1,3,8,8] at x, strides 768 256 32 4  → Transpose(0,2,3,1) →  the same bytes, strides 768 32 4 256
 *
 * The free batch: a value with a symbolic dimension 0 is one image of it; that dimension is taken as 1. */
#ifndef CNXC_SCHEDULE_LOWER_H
#define CNXC_SCHEDULE_LOWER_H

#include "compiler/schedule/schedule.h"
#include "compiler/schedule/value.h"
#include "ir/graph.h"

/* A region whose body is being lowered. */
typedef struct Scope {
    const Node *region;
    const struct Scope *outer; /* the region that it stands in; NULL: the graph */
    When earliest;          /* when all of the region's inputs are there */
} Scope;

struct Lowering {
    Program *program;
    Graph *graph;
    const CpuProfile *cpu;
    const TileLimits *limits;
    bool shared;
    Arena *arena;
    Diag *diag;
    ViewMap views;
    StrMap buffers;         /* of the program, by name */
    StrMap results;         /* the tensor that each output of the graph is first, by the output's name */
    const Node *node;       /* being lowered */
    const Node *origin;     /* the node of the graph that phases are made for; NULL: none */
    const Scope *scope;     /* the regions whose bodies are being lowered, from the inside out; NULL: none */
    When when;              /* list to which phases go */
    Phase *phase;
    Buffer *sums;           /* scratch for a matrix unit's sums, of sums_phase; NULL: none yet */
    const Phase *sums_phase;
    bool joined;            /* phases that are opened become part of the open one, and sections of its one chunk */
    Stmt *open[16];         /* the loops around what is emitted; NULL: a loop of one iteration, left out */
    int depth;
    int64_t n_names;        /* for fresh buffer names */
    int64_t computed_bytes; /* of constants that the lowering made */
};

bool lower_unsupported(Lowering *l, const char *what);    /* reports at the node that it is not supported; false */
/* Counts what a small model makes large constants of; false after a report that they are too many. */
bool lower_may_compute(Lowering *l, int64_t bytes);
bool mixes_images(Lowering *l, const char *what);   /* likewise, and names the flag that fixes the batch */
const char *node_label(const Node *node);          /* its output's name */

#endif
