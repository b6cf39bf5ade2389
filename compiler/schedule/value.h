/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The views of values, and where nodes write their outputs. */
#ifndef CNXC_SCHEDULE_VALUE_H
#define CNXC_SCHEDULE_VALUE_H

#include "compiler/schedule/view.h"

typedef struct ViewEntry {
    const Value *value;     /* NULL: free */
    View *view;
} ViewEntry;

typedef struct ViewMap { /* zeroed: empty */
    ViewEntry *entries;     /* a power of two of them, at most half in use */
    int64_t len, cap;
} ViewMap;

const View *view_of(Lowering *l, const Value *value); /* of any value that is there; constants on first use */
View *view_found(const Lowering *l, const Value *value); /* NULL: it is not there yet */
View view_of_input(Lowering *l, const Node *node, int64_t input);
void view_set(Lowering *l, const Value *value, View view);
View view_constant(Lowering *l, const Tensor *tensor, const char *name);

bool value_is_per_image(const Value *value);       /* its dimension 0 is the free batch */
int value_dims(const Value *value, int64_t *dims); /* rank; the free batch is 1 */
bool value_is_result(const Lowering *l, const Value *value); /* the graph gives it out */
/* Where a node writes its output: the graph's own output if it is one and order is row-major, else the arena. */
View view_output(Lowering *l, const Value *value, const int *order, bool pad);
View output_like(Lowering *l, const Value *value, const View *like); /* laid out as that is, if ranks agree */
/* The same for kernels that compute floats: what has another element type is computed aside and converted. */
View float_output(Lowering *l, const Value *value, const int *order, bool pad);
void float_output_set(Lowering *l, const Value *value, View computed);

#endif
