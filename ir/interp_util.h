/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the reference functions share. */
#ifndef CNXC_IR_INTERP_UTIL_H
#define CNXC_IR_INTERP_UTIL_H

#include "ir/infer.h"
#include "ir/interp.h"
#include "ir/op.h"
#include "ir/params.h"

/* Each operator: computes outputs from inputs with plain loops and double accumulation. inputs[i] NULL: left out. The outputs
 * come allocated by type. False after a diagnostic (index out of range, say). */
#define OP(name, ...) bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag);
#include "ir/ops.def"
#undef OP

/* The operator's own of these; not a region's. node NULL: one without attributes, of one output. */
bool op_compute(OpKind op, const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag);

enum { MAX_WALKED = 4 };

/* Visits the places of a shape in row-major order, and with each the offsets of up to four tensors in it.
 *
 *   Walk w = walk_over(out->rank, out->dims);
 *   walk_broadcast(&w, 0, in);
 *   for (int64_t i = 0; i < out->count; i++, walk_next(&w))
 *       out[i] = in[w.offset[0]]; */
typedef struct Walk {
    int rank;
    int64_t dims[MAX_RANK], at[MAX_RANK];
    int64_t stride[MAX_WALKED][MAX_RANK], offset[MAX_WALKED]; /* in elements */
} Walk;
Walk walk_over(int rank, const int64_t *dims);
void walk_broadcast(Walk *walk, int which, const Tensor *tensor); /* right-aligned, 1 stretches */
void walk_next(Walk *walk);

/* Row-major strides of dims. */
void dense_strides(int rank, const int64_t *dims, int64_t *strides);

double *tensor_doubles(Arena *arena, const Tensor *tensor);
void tensor_copy_element(Tensor *to, int64_t to_index, const Tensor *from, int64_t from_index); /* of one type */
bool tensor_is_integer(const Tensor *tensor); /* bool, too */
/* Element i of a node's indices into n places, where negative ones count from the end. False after a diagnostic. */
bool interp_index(const Node *node, const Tensor *indices, int64_t i, int64_t n, int64_t *index, Diag *diag);
Tensor *interp_input(const Node *node, Tensor *const *inputs, int64_t index); /* NULL: left out */

#endif
