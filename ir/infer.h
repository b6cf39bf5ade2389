/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Shape and type inference, and the fixing of symbolic dimensions. */
#ifndef CNXC_IR_INFER_H
#define CNXC_IR_INFER_H

#include "ir/graph.h"

/* Checks every node (node_check) and sets the type of every value, bodies included. A declared type that
 * contradicts the inferred one is an error at the declaration; a declared symbol gives way to an inferred number.
 * Requires functions inlined. False after an error. */
bool graph_infer(Graph *graph, Diag *diag);

/* Infers one node that a pass has just made; a failure is a bug of the pass and ends with exit 70. */
void node_infer(Node *node);

typedef struct DimBinding {
    const char *symbol;
    int64_t size;
} DimBinding; /* --dim NAME=N */

/* Replaces symbols in the inputs' and declared types. A symbol nobody knows is an error that lists those there
 * are. Run before graph_infer. */
bool graph_bind_dims(Graph *graph, const DimBinding *bindings, int64_t count, Diag *diag);

/* After inference: every symbolic dimension left must be the batch, at axis 0; otherwise an error that names
 * the flag which fixes it (--dim height=N). First that of inputs; that of nodes' outputs only after passes that may
 * remove those where images mix. */
bool graph_check_inputs(const Graph *graph, Diag *diag);
bool graph_check_dims(Graph *graph, Diag *diag);

/* Shape arithmetic. What is known of a small integer value computed from shapes: for x of float[N,8,7,7],
 * Concat(Gather(Shape(x), 0), -1) is known as {N, -1}. */
enum { MAX_KNOWN = 64 }; /* elements; larger values are not followed */
typedef struct KnownInt {
    bool is_known;      /* value holds */
    int64_t value;
    const char *symbol; /* not known, but equal to this dimension; NULL: nothing is known */
} KnownInt;
typedef struct Known {
    Tensor *tensor;     /* every element is known; else NULL */
    int64_t count;
    KnownInt *at;       /* count elements; NULL if the value is not of integers */
} Known;

/* The value's elements where they are known at compile time: an initializer, a Constant node, or shape
 * arithmetic that inference has followed. NULL: not known. */
const Tensor *value_constant(const Value *value);

#endif
