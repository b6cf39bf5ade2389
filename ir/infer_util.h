/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the inference functions share: checks that report at the node, broadcasting, axes. Each returns false
 * after a diagnostic. */
#ifndef CNXC_IR_INFER_UTIL_H
#define CNXC_IR_INFER_UTIL_H

#include "ir/infer.h"
#include "ir/op.h"
#include "ir/params.h"

/* The rule of each operator: sets the types of the node's outputs from its inputs; reports errors at the user's line and
 * returns false after one. Requires: arity and attributes checked. */
#define OP(name, ...) bool infer_##name(Node *node, Diag *diag);
#include "ir/ops.def"
#undef OP

/* Sets of element types, one bit each. */
enum {
    SET_FLOAT = 1 << DT_FLOAT | 1 << DT_DOUBLE | 1 << DT_FLOAT16 | 1 << DT_BFLOAT16,
    SET_INT = 1 << DT_INT8 | 1 << DT_INT16 | 1 << DT_INT32 | 1 << DT_INT64 | 1 << DT_UINT8 | 1 << DT_UINT16 | 1 << DT_UINT32 |
              1 << DT_UINT64,
    SET_INDEX = 1 << DT_INT32 | 1 << DT_INT64,
    SET_NUMBER = SET_FLOAT | SET_INT,
    SET_BOOL = 1 << DT_BOOL,
    SET_BYTE = 1 << DT_INT8 | 1 << DT_UINT8,
    SET_QUANTISED = SET_BYTE | 1 << DT_INT16 | 1 << DT_UINT16,
    SET_SCALE = 1 << DT_FLOAT | 1 << DT_FLOAT16 | 1 << DT_BFLOAT16,
    SET_ANY = SET_NUMBER | SET_BOOL,
};

#define FAIL(node, diag, ...) (diag_error((diag), (node)->span, __VA_ARGS__), false)

Arena *node_arena(const Node *node);
const Shape *node_input_shape(const Node *node, int64_t index);
DType node_input_dtype(const Node *node, int64_t index);
Dim dim_of(int64_t size);
bool node_has_input(const Node *node, int64_t index);

/* Input index, if given, is of a type in set. */
bool infer_check_dtype(const Node *node, int64_t index, unsigned set, Diag *diag);
/* Inputs i and j, both given, are of one type. */
bool infer_check_same_dtype(const Node *node, int64_t i, int64_t j, Diag *diag);
bool infer_check_rank(const Node *node, int64_t index, int rank, Diag *diag);
bool infer_check_min_rank(const Node *node, int64_t index, int rank, Diag *diag);
/* Dimension `dim` of input index is `expected` (a symbol or an unknown one passes). */
bool infer_check_dim(const Node *node, int64_t index, int dim, Dim expected, const char *why, Diag *diag);
bool infer_check_finite(const Node *node, const char *attr, Diag *diag);
bool infer_check_epsilon(const Node *node, Diag *diag);

/* For n places along a dimension a table is made at compile time, `each` numbers for each, which is not done for any number of them. */
bool infer_check_table(const Node *node, int64_t n, int64_t each, Diag *diag);
bool infer_check_p(const Node *node, int64_t most, Diag *diag); /* p, of a norm: 1 to most */

/* Output 0 is of input 0's type, which is in set. */
bool infer_same_type(Node *node, unsigned set, Diag *diag);
void node_set_output(Node *node, int64_t index, DType dtype, Shape shape); /* nothing if left out */

bool infer_broadcast_into(const Node *node, Shape *shape, const Shape *other, Diag *diag); /* both ways */
bool infer_check_broadcasts_to(const Node *node, int64_t index, const Shape *target, Diag *diag); /* one way */

/* axis, counted from the end if negative, in [0, rank). */
bool infer_axis(const Node *node, int64_t axis, int rank, int *resolved, Diag *diag);

/* Integers given as an attribute or as an input, which must be known at compile time. */
bool infer_ints(const Node *node, const char *attr, int64_t input, Ints *ints, Diag *diag);
/* The same as axes of a tensor of that rank: resolved, each at most once. */
bool infer_axes(const Node *node, int64_t input, int rank, Ints *axes, Diag *diag);

/* Shapes of several operators' results: of a MatMul of inputs a and b, of a convolution, of the inputs first, first + step …
 * one after the other along the node's axis. */
bool infer_matmul_shape(const Node *node, int64_t a, int64_t b, Shape *out, Diag *diag);
bool infer_conv_shape(const Node *node, Shape *out, Diag *diag);
bool infer_pool_shape(const Node *node, Shape *out, Diag *diag);
bool infer_concat_shape(const Node *node, int64_t first, int64_t step, Shape *out, Diag *diag);

bool infer_types(Node *node, Diag *diag); /* any node's outputs */
bool infer_rule(Node *node, Diag *diag); /* by its operator's rule; not of a region */
void infer_known(Node *node); /* shape arithmetic, after the node's types are set */

#endif
