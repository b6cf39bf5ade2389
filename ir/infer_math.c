/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference of elementwise operators, reductions, contractions and losses: everything that computes. */
#include "ir/infer_util.h"

#include <string.h>

/* ── Elementwise ─────────────────────────────────────────────────────────────────────────────────────── */

#define OP(...)
#define MAP(name, versions, input, output, types, ...) \
    bool infer_##name(Node *node, Diag *diag) { return infer_same_type(node, types, diag); }
#include "ir/ops.def"
#undef OP

/* Unary with attributes, each of which must be a number: a NaN would spread unnoticed. */
static bool unary_with(Node *node, const char *first, const char *second, Diag *diag)
{
    return infer_check_finite(node, first, diag) && (!second || infer_check_finite(node, second, diag)) &&
           infer_same_type(node, SET_FLOAT, diag);
}

bool infer_Celu(Node *node, Diag *diag) { return unary_with(node, "alpha", NULL, diag); }
bool infer_Elu(Node *node, Diag *diag) { return unary_with(node, "alpha", NULL, diag); }
bool infer_HardSigmoid(Node *node, Diag *diag) { return unary_with(node, "alpha", "beta", diag); }
bool infer_LeakyRelu(Node *node, Diag *diag) { return unary_with(node, "alpha", NULL, diag); }
bool infer_Selu(Node *node, Diag *diag) { return unary_with(node, "alpha", "gamma", diag); }

bool infer_Swish(Node *node, Diag *diag) { return unary_with(node, "alpha", NULL, diag); }
bool infer_ThresholdedRelu(Node *node, Diag *diag) { return unary_with(node, "alpha", NULL, diag); }

bool infer_Shrink(Node *node, Diag *diag)
{
    return infer_check_finite(node, "bias", diag) && infer_check_finite(node, "lambd", diag) &&
           infer_same_type(node, SET_NUMBER, diag);
}

static bool is_odd(Node *node, Diag *diag)
{
    if (!infer_check_dtype(node, 0, SET_FLOAT, diag))
        return false;
    node_set_output(node, 0, DT_BOOL, *node_input_shape(node, 0));
    return true;
}

bool infer_IsInf(Node *node, Diag *diag) { return is_odd(node, diag); }
bool infer_IsNaN(Node *node, Diag *diag) { return is_odd(node, diag); }

bool infer_Gelu(Node *node, Diag *diag)
{
    const char *how = node_attr_string(node, "approximate");
    if (strcmp(how, "none") != 0 && strcmp(how, "tanh") != 0)
        return FAIL(node, diag, "approximate of Gelu is '%s', expected 'none' or 'tanh'", how);
    return infer_same_type(node, SET_FLOAT, diag);
}

/* All inputs, of one type in set, broadcast to the output. */
static bool broadcast_all(Node *node, unsigned set, DType result, Diag *diag)
{
    Shape shape = *node_input_shape(node, 0);
    if (!infer_check_dtype(node, 0, set, diag))
        return false;
    for (int64_t i = 1; i < node->inputs.len; i++)
        if (!infer_check_same_dtype(node, 0, i, diag) || !infer_broadcast_into(node, &shape, node_input_shape(node, i), diag))
            return false;
    node_set_output(node, 0, result == DT_UNDEFINED ? node_input_dtype(node, 0) : result, shape);
    return true;
}

#define BROADCAST(name, set, result) \
    bool infer_##name(Node *node, Diag *diag) { return broadcast_all(node, set, result, diag); }

BROADCAST(Add, SET_NUMBER, DT_UNDEFINED)
BROADCAST(And, SET_BOOL, DT_BOOL)
BROADCAST(BitwiseAnd, SET_INT, DT_UNDEFINED)
BROADCAST(BitwiseOr, SET_INT, DT_UNDEFINED)
BROADCAST(BitwiseXor, SET_INT, DT_UNDEFINED)
BROADCAST(Div, SET_NUMBER, DT_UNDEFINED)
BROADCAST(Equal, SET_ANY, DT_BOOL)
BROADCAST(Greater, SET_NUMBER, DT_BOOL)
BROADCAST(GreaterOrEqual, SET_NUMBER, DT_BOOL)
BROADCAST(Less, SET_NUMBER, DT_BOOL)
BROADCAST(LessOrEqual, SET_NUMBER, DT_BOOL)
BROADCAST(Max, SET_NUMBER, DT_UNDEFINED)
BROADCAST(Mean, SET_FLOAT, DT_UNDEFINED)
BROADCAST(Min, SET_NUMBER, DT_UNDEFINED)
BROADCAST(Mod, SET_NUMBER, DT_UNDEFINED)
BROADCAST(Mul, SET_NUMBER, DT_UNDEFINED)
BROADCAST(MulAdd, 1 << DT_FLOAT, DT_UNDEFINED)
BROADCAST(Or, SET_BOOL, DT_BOOL)
BROADCAST(Sub, SET_NUMBER, DT_UNDEFINED)
BROADCAST(Sum, SET_FLOAT, DT_UNDEFINED)
BROADCAST(Xor, SET_BOOL, DT_BOOL)

bool infer_BitShift(Node *node, Diag *diag)
{
    const char *direction = node_attr_string(node, "direction");
    if (strcmp(direction, "LEFT") != 0 && strcmp(direction, "RIGHT") != 0)
        return FAIL(node, diag, "direction of BitShift is '%s', expected LEFT or RIGHT", direction);
    return broadcast_all(node, SET_INT, DT_UNDEFINED, diag);
}

bool infer_Pow(Node *node, Diag *diag)
{
    Shape shape = *node_input_shape(node, 0);
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !infer_check_dtype(node, 1, SET_NUMBER, diag) ||
        !infer_broadcast_into(node, &shape, node_input_shape(node, 1), diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), shape);
    return true;
}

bool infer_Where(Node *node, Diag *diag)
{
    Shape shape = *node_input_shape(node, 0);
    if (!infer_check_dtype(node, 0, SET_BOOL, diag) || !infer_check_dtype(node, 1, SET_ANY, diag) ||
        !infer_check_same_dtype(node, 1, 2, diag) || !infer_broadcast_into(node, &shape, node_input_shape(node, 1), diag) ||
        !infer_broadcast_into(node, &shape, node_input_shape(node, 2), diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 1), shape);
    return true;
}

bool infer_PRelu(Node *node, Diag *diag)
{
    return infer_check_same_dtype(node, 0, 1, diag) && infer_check_broadcasts_to(node, 1, node_input_shape(node, 0), diag) &&
           infer_same_type(node, SET_NUMBER, diag);
}

bool infer_Clip(Node *node, Diag *diag)
{
    for (int64_t i = 1; i <= 2; i++) {
        if (!node_has_input(node, i))
            continue;
        if (!infer_check_same_dtype(node, 0, i, diag) ||
            !infer_check_broadcasts_to(node, i, &(Shape){.rank = 1, .dims = {{1, NULL}}}, diag))
            return false;
    }
    return infer_same_type(node, SET_NUMBER, diag);
}

static bool cast_to(Node *node, int64_t to, Diag *diag)
{
    if (!infer_check_dtype(node, 0, SET_ANY, diag))
        return false;
    if (to <= DT_UNDEFINED || to > DT_LAST)
        return FAIL(node, diag, "%s to element type %lld, expected 1 to %d", node->op->name, (long long)to, DT_LAST);
    if (!dtype_is_computable((DType)to)) {
        diag_unsupported(diag, node->span, "%s to %s is not supported", node->op->name, dtype_name((DType)to));
        return false;
    }
    node_set_output(node, 0, (DType)to, *node_input_shape(node, 0));
    return true;
}

bool infer_Cast(Node *node, Diag *diag) { return cast_to(node, node_attr_int(node, "to"), diag); }
bool infer_CastLike(Node *node, Diag *diag) { return cast_to(node, node_input_dtype(node, 1), diag); }

/* ── Reductions ──────────────────────────────────────────────────────────────────────────────────────── */

static bool reduce(Node *node, unsigned set, Diag *diag)
{
    Ints axes;
    const Shape *in = node_input_shape(node, 0);
    if (!infer_check_dtype(node, 0, set, diag) || !infer_axes(node, 1, in->rank, &axes, diag))
        return false;
    bool keep = node_attr_int(node, "keepdims"), reduced[MAX_RANK];
    node_reduced(node, reduced);
    Shape out = {0};
    for (int i = 0; i < in->rank; i++)
        if (keep || !reduced[i])
            out.dims[out.rank++] = reduced[i] ? dim_of(1) : in->dims[i];
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

#define REDUCE(name) \
    bool infer_##name(Node *node, Diag *diag) { return reduce(node, SET_NUMBER, diag); }

REDUCE(ReduceL1)
REDUCE(ReduceL2)
REDUCE(ReduceLogSum)
REDUCE(ReduceLogSumExp)
REDUCE(ReduceMean)
REDUCE(ReduceProd)
REDUCE(ReduceSum)
REDUCE(ReduceSumSquare)

bool infer_ReduceMax(Node *node, Diag *diag) { return reduce(node, SET_ANY, diag); }
bool infer_ReduceMin(Node *node, Diag *diag) { return reduce(node, SET_ANY, diag); }

/* Places are counted in 32 bits when they are looked for. */
static bool arg(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    Shape out = {0};
    int axis;
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !infer_axis(node, node_attr_int(node, "axis"), in->rank, &axis, diag))
        return false;
    if (in->dims[axis].size == 0 || in->dims[axis].size > INT32_MAX)
        return FAIL(node, diag, "%s looks along an axis of %lld elements, expected 1 to %d", node->op->name,
                    (long long)in->dims[axis].size, INT32_MAX);
    for (int i = 0; i < in->rank; i++)
        if (i != axis || node_attr_int(node, "keepdims"))
            out.dims[out.rank++] = i == axis ? dim_of(1) : in->dims[i];
    node_set_output(node, 0, DT_INT64, out);
    return true;
}

bool infer_ArgMax(Node *node, Diag *diag) { return arg(node, diag); }
bool infer_ArgMin(Node *node, Diag *diag) { return arg(node, diag); }

static bool softmax(Node *node, Diag *diag)
{
    int64_t axis = node_axis_written(node);
    int rank = node_input_shape(node, 0)->rank, resolved;
    bool flattens_nothing = softmax_flattens(node) && axis == rank;
    return (flattens_nothing || infer_axis(node, axis, rank, &resolved, diag)) && infer_same_type(node, SET_FLOAT, diag);
}

bool infer_Softmax(Node *node, Diag *diag) { return softmax(node, diag); }
bool infer_LogSoftmax(Node *node, Diag *diag) { return softmax(node, diag); }

/* Where each place along axis has a number. */
bool infer_Hardmax(Node *node, Diag *diag)
{
    const Shape *shape = node_input_shape(node, 0);
    if (!softmax(node, diag))
        return false;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i].size == 0 || (i == node_axis(node) && !dim_is_fixed(shape->dims[i]))) {
            diag_unsupported(diag, node->span, "Hardmax along axis %d of shape %s is not supported", node_axis(node),
                             shape_text(node_arena(node), shape));
            return false;
        }
    return true;
}

static bool global_pool(Node *node, Diag *diag)
{
    if (!infer_check_min_rank(node, 0, 3, diag) || !infer_same_type(node, SET_FLOAT, diag))
        return false;
    Shape out = *node_input_shape(node, 0);
    for (int i = 2; i < out.rank; i++)
        out.dims[i] = dim_of(1);
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_GlobalAveragePool(Node *node, Diag *diag) { return global_pool(node, diag); }
bool infer_GlobalMaxPool(Node *node, Diag *diag) { return global_pool(node, diag); }
bool infer_GlobalLpPool(Node *node, Diag *diag) { return infer_check_p(node, INT32_MAX, diag) && global_pool(node, diag); }

/* ── Losses ──────────────────────────────────────────────────────────────────────────────────────────── */

/* scores (N,C,d…), labels (N,d…), weights (C). */
static bool loss(Node *node, Diag *diag)
{
    const char *reduction = node_attr_string(node, "reduction");
    const Shape *scores = node_input_shape(node, 0), *labels = node_input_shape(node, 1);
    bool none = strcmp(reduction, "none") == 0;
    if (!none && strcmp(reduction, "mean") != 0 && strcmp(reduction, "sum") != 0)
        return FAIL(node, diag, "reduction of %s is '%s', expected 'none', 'sum' or 'mean'", node->op->name, reduction);
    if (!infer_check_dtype(node, 0, SET_FLOAT, diag) || !infer_check_min_rank(node, 0, 2, diag) ||
        !infer_check_dtype(node, 1, SET_INDEX, diag) || !infer_check_rank(node, 1, scores->rank - 1, diag) ||
        !infer_check_same_dtype(node, 0, 2, diag) || !infer_check_rank(node, 2, 1, diag) ||
        !infer_check_dim(node, 2, 0, scores->dims[1], "one weight for each class", diag))
        return false;
    for (int i = 0; i < labels->rank; i++)
        if (!infer_check_dim(node, 1, i, scores->dims[i ? i + 1 : 0], "as the scores", diag))
            return false;
    node_set_output(node, 0, node_input_dtype(node, 0), none ? *labels : (Shape){0});
    node_set_output(node, 1, node_input_dtype(node, 0), *scores);
    return true;
}

bool infer_NegativeLogLikelihoodLoss(Node *node, Diag *diag) { return loss(node, diag); }
bool infer_SoftmaxCrossEntropyLoss(Node *node, Diag *diag) { return loss(node, diag); }

/* ── Matrix products ─────────────────────────────────────────────────────────────────────────────────── */

bool infer_Gemm(Node *node, Diag *diag)
{
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !infer_check_same_dtype(node, 0, 1, diag) ||
        !infer_check_same_dtype(node, 0, 2, diag) || !infer_check_rank(node, 0, 2, diag) || !infer_check_rank(node, 1, 2, diag) ||
        !infer_check_finite(node, "alpha", diag) || !infer_check_finite(node, "beta", diag))
        return false;
    const Shape *a = node_input_shape(node, 0), *b = node_input_shape(node, 1);
    bool ta = node_attr_int(node, "transA"), tb = node_attr_int(node, "transB");
    Shape out = {.rank = 2, .dims = {a->dims[ta], b->dims[!tb]}};
    if (!infer_check_dim(node, 1, tb, a->dims[!ta], "the inner dimension of A", diag) ||
        !infer_check_broadcasts_to(node, 2, &out, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

/* The dimensions before the last two. */
static Shape outer_dims(const Shape *shape)
{
    Shape outer = *shape;
    outer.rank = shape->rank > 2 ? shape->rank - 2 : 0;
    return outer;
}

bool infer_RowQuantizedMatMul(Node *node, Diag *diag)
{
    int64_t range = node_attr_int(node, "range");
    if (!infer_check_dtype(node, 0, 1 << DT_FLOAT, diag) || !infer_check_dtype(node, 1, 1 << DT_INT8, diag) ||
        !infer_check_dtype(node, 2, 1 << DT_FLOAT, diag) || !infer_check_min_rank(node, 0, 1, diag) ||
        !infer_check_rank(node, 1, 2, diag) || !infer_check_rank(node, 2, 1, diag))
        return false;
    Shape out = *node_input_shape(node, 0);
    const Shape *b = node_input_shape(node, 1);
    if (!infer_check_dim(node, 1, 0, out.dims[out.rank - 1], "the last dimension of A", diag) ||
        !infer_check_dim(node, 2, 0, b->dims[1], "one for each column of B", diag))
        return false;
    if (range < 0 || (range && b->dims[0].size % range))
        return FAIL(node, diag, "range of RowQuantizedMatMul is %lld, expected a divisor of %lld rows of B, or 0",
                    (long long)range, (long long)b->dims[0].size);
    out.dims[out.rank - 1] = b->dims[1];
    node_set_output(node, 0, DT_FLOAT, out);
    return true;
}

bool infer_matmul_shape(const Node *node, int64_t first, int64_t second, Shape *out, Diag *diag)
{
    if (!infer_check_min_rank(node, first, 1, diag) || !infer_check_min_rank(node, second, 1, diag))
        return false;
    const Shape *a = node_input_shape(node, first), *b = node_input_shape(node, second);
    if (!infer_check_dim(node, second, b->rank > 1 ? b->rank - 2 : 0, a->dims[a->rank - 1], "the last dimension of A", diag))
        return false;
    Shape outer_b = outer_dims(b);
    *out = outer_dims(a);
    if (!infer_broadcast_into(node, out, &outer_b, diag))
        return false;
    if (a->rank > 1)
        out->dims[out->rank++] = a->dims[a->rank - 2];
    if (b->rank > 1)
        out->dims[out->rank++] = b->dims[b->rank - 1];
    return true;
}

bool infer_MatMul(Node *node, Diag *diag)
{
    Shape out;
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !infer_check_same_dtype(node, 0, 1, diag) ||
        !infer_matmul_shape(node, 0, 1, &out, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}
