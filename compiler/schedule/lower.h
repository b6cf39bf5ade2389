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

#include "compiler/schedule/expr.h"
#include "ir/graph.h"

struct Lowering {
    Program *program;
    Graph *graph;
    const CpuProfile *cpu;
    Arena *arena;
    Diag *diag;
    VEC(View) views;        /* of values, by value->mark - 1 */
    const Node *node;       /* being lowered */
    const Node *region;     /* whose body is being lowered; NULL: none */
    const Node *anchor;     /* the node that may take `epilogue`; NULL: none */
    Fusion *epilogue;       /* elementwise work on the anchor's output; NULL: none, or taken */
    When when;              /* list to which phases go */
    When earliest;          /* of a region's nodes: when all of its inputs are there */
    Phase *phase;
    Buffer *sums;           /* scratch for a matrix unit's sums, of sums_phase; NULL: none yet */
    const Phase *sums_phase;
    bool joined;            /* phases that are opened become part of the open one, and sections of its one chunk */
    Stmt *open[16];         /* the loops around what is emitted; NULL: a loop of one iteration, left out */
    int depth;
    int64_t n_names;        /* for fresh buffer names */
};

/* One lowering for each operator; false after a diagnostic. */
typedef bool Lower(Lowering *l, const Node *node);
bool lower_node(Lowering *l, const Node *node);
bool lower_elementwise(Lowering *l, const Node *node); /* every operator of CLASS_ELEMENTWISE */
/* lower_NAME for all the others: a row of the op table without one does not link. */
#define LOWER_CLASS_ELEMENTWISE(name)
#define LOWER_CLASS_MOVE(name) Lower lower_##name;
#define LOWER_CLASS_REDUCTION(name) Lower lower_##name;
#define LOWER_CLASS_CONTRACTION(name) Lower lower_##name;
#define LOWER_CLASS_META(name) Lower lower_##name;
#define LOWER_CLASS_OTHER(name) Lower lower_##name;
#define OP(name, domain, class, ...) LOWER_##class(name)
#include "ir/ops.def"
#undef OP

bool unsupported(Lowering *l, const char *what);    /* reports at the node that it is not supported; false */
bool mixes_images(Lowering *l, const char *what);   /* likewise, and names the flag that fixes the batch */
const char *node_label(const Node *node);          /* its output's name */
View view_of_input(Lowering *l, const Node *node, int64_t input);

#endif
