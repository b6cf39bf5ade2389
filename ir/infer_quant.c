/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference of quantisation: integers, their scales and their zero points.
 *
 *   QuantizeLinear <axis = 1> (x [N,96,56,56], scale [96], zero uint8[96])  →  uint8[N,96,56,56] */
#include "ir/infer_util.h"

/* ── Scales and zero points ──────────────────────────────────────────────────────────────────────────── */

static bool is_one(const Node *node, int64_t index) { return shape_count(node_input_shape(node, index)) == 1; }

static bool check_one(const Node *node, int64_t index, Diag *diag)
{
    return !node_has_input(node, index) || is_one(node, index) || infer_check_rank(node, index, 0, diag);
}

/* A tensor of bytes, the one scale at scale and the one zero point at zero, which may be left out. */
static bool check_operand(const Node *node, int64_t x, int64_t scale, int64_t zero, Diag *diag)
{
    return infer_check_dtype(node, x, SET_BYTE, diag) && infer_check_dtype(node, scale, 1 << DT_FLOAT, diag) &&
           check_one(node, scale, diag) && infer_check_same_dtype(node, x, zero, diag) && check_one(node, zero, diag);
}

/* As infer_check_dim; and what has one for each index of a dimension can't be said of a free one. */
static bool check_each(const Node *node, int64_t index, int dim, Dim expected, const char *why, Diag *diag)
{
    const Dim got = node_input_shape(node, index)->dims[dim];
    if (!infer_check_dim(node, index, dim, expected, why, diag))
        return false;
    if (dim_equal(got, expected))
        return true;
    return FAIL(node, diag, "input '%s' of %s has shape %s, %s, which is free%s%s%s", node->inputs.at[index]->name,
                node->op->name, shape_text(node_arena(node), node_input_shape(node, index)), why,
                expected.symbol ? "; fix it with --dim " : "", expected.symbol ? expected.symbol : "",
                expected.symbol ? "=N" : "");
}

/* The scales of blocks: x's shape but for axis, where there are as many as blocks. */
static bool check_blocks(const Node *node, int axis, int64_t block, Diag *diag)
{
    Shape shape = *node_input_shape(node, 0);
    int64_t size = shape.dims[axis].size;
    if (block < 1)
        return FAIL(node, diag, "block_size of %s is %lld, expected at least 1", node->op->name, (long long)block);
    if (size >= 0)
        shape.dims[axis] = dim_of(size / block + (size % block != 0));
    for (int i = 0; i < shape.rank; i++)
        if (!check_each(node, 1, i, shape.dims[i], "one for each block", diag))
            return false;
    return true;
}

/* One for all, one for each index of axis, or one for each block. */
static bool check_scales(const Node *node, Diag *diag)
{
    int axis, rank = node_input_shape(node, 0)->rank;
    const Shape *scale = node_input_shape(node, 1);
    bool both_one = node_has_input(node, 2) && is_one(node, 1) && is_one(node, 2);
    if (node_has_input(node, 2) && !both_one && !shape_equal(scale, node_input_shape(node, 2)))
        return FAIL(node, diag, "the zero point of %s has shape %s, expected the scale's %s", node->op->name,
                    shape_text(node_arena(node), node_input_shape(node, 2)), shape_text(node_arena(node), scale));
    if (node_attr_int(node, "block_size") == 0 && is_one(node, 1))
        return true;
    if (!infer_axis(node, node_attr_int(node, "axis"), rank, &axis, diag) ||
        !infer_check_rank(node, 1, node_attr_int(node, "block_size") ? rank : 1, diag))
        return false;
    if (node_attr_int(node, "block_size"))
        return check_blocks(node, axis, node_attr_int(node, "block_size"), diag);
    return check_each(node, 1, 0, node_input_shape(node, 0)->dims[axis], "one for each index of axis", diag);
}

/* ── One tensor ──────────────────────────────────────────────────────────────────────────────────────── */

static bool unsupported(const Node *node, DType dtype, const char *what, Diag *diag)
{
    diag_unsupported(diag, node->span, "%s %s %s is not supported", node->op->name, what, dtype_name(dtype));
    return false;
}

/* The attribute output_dtype, or what an input says where it is left out. */
static DType output_dtype(const Node *node, DType otherwise)
{
    int64_t dtype = node_attr_int(node, "output_dtype");
    return dtype > 0 && dtype <= DT_LAST ? (DType)dtype : otherwise;
}

bool infer_DequantizeLinear(Node *node, Diag *diag)
{
    DType from = node_input_dtype(node, 0), to = output_dtype(node, node_input_dtype(node, 1));
    if (dtype_is_stored(from) && !value_constant(node->inputs.at[0]))
        return unsupported(node, from, "of computed", diag);
    if ((!dtype_is_stored(from) && !infer_check_dtype(node, 0, SET_QUANTISED | 1 << DT_INT32, diag)) ||
        !infer_check_dtype(node, 1, SET_SCALE, diag) || !infer_check_same_dtype(node, 0, 2, diag) || !check_scales(node, diag))
        return false;
    if (!(SET_SCALE >> to & 1))
        return unsupported(node, to, "to", diag);
    node_set_output(node, 0, to, *node_input_shape(node, 0));
    return true;
}

bool infer_QuantizeLinear(Node *node, Diag *diag)
{
    DType to = output_dtype(node, node_has_input(node, 2) ? node_input_dtype(node, 2) : DT_UINT8);
    if (!infer_check_dtype(node, 0, SET_SCALE | 1 << DT_INT32, diag) || !infer_check_dtype(node, 1, SET_SCALE, diag) ||
        !check_scales(node, diag))
        return false;
    if (node_has_input(node, 2) && node_input_dtype(node, 2) != to)
        return FAIL(node, diag, "output_dtype of QuantizeLinear is %s, its zero point's type %s", dtype_name(to),
                    dtype_name(node_input_dtype(node, 2)));
    if (!(SET_QUANTISED >> to & 1))
        return unsupported(node, to, "to", diag);
    node_set_output(node, 0, to, *node_input_shape(node, 0));
    return true;
}

bool infer_DynamicQuantizeLinear(Node *node, Diag *diag)
{
    if (!infer_check_dtype(node, 0, 1 << DT_FLOAT, diag))
        return false;
    node_set_output(node, 0, DT_UINT8, *node_input_shape(node, 0));
    node_set_output(node, 1, DT_FLOAT, (Shape){0});
    node_set_output(node, 2, DT_UINT8, (Shape){0});
    return true;
}

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

/* One for all, or for each row of a: [M], or a's shape with 1 for its last dimension. */
static bool check_rows(const Node *node, int64_t index, const Shape *a, Diag *diag)
{
    Shape rows = *a;
    if (!node_has_input(node, index) || is_one(node, index))
        return true;
    if (node_input_shape(node, index)->rank == 1 && a->rank > 1)
        return check_each(node, index, 0, a->dims[a->rank - 2], "one for each row", diag);
    rows.dims[a->rank - 1] = dim_of(1);
    return infer_check_broadcasts_to(node, index, &rows, diag);
}

/* One for all, or for each column of b: [N], or b's shape with 1 for the last dimension but one. */
static bool check_columns(const Node *node, int64_t index, const Shape *b, Diag *diag)
{
    Shape columns = *b;
    if (!node_has_input(node, index) || is_one(node, index))
        return true;
    if (b->rank > 1)
        columns.dims[b->rank - 2] = dim_of(1);
    return infer_check_broadcasts_to(node, index, &columns, diag);
}

/* Of a and b, which stand at those inputs, each with its zero point. */
static bool check_factors(Node *node, int64_t a, int64_t b, int64_t a_zero, int64_t b_zero, Diag *diag)
{
    return infer_check_dtype(node, a, SET_BYTE, diag) && infer_check_dtype(node, b, SET_BYTE, diag) &&
           infer_check_same_dtype(node, a, a_zero, diag) && infer_check_same_dtype(node, b, b_zero, diag);
}

/* A MatMul's. */
static bool product_shape(Node *node, int64_t a, int64_t b, int64_t a_zero, int64_t b_zero, Shape *out, Diag *diag)
{
    return check_factors(node, a, b, a_zero, b_zero, diag) && infer_matmul_shape(node, a, b, out, diag) &&
           check_rows(node, a_zero, node_input_shape(node, a), diag) &&
           check_columns(node, b_zero, node_input_shape(node, b), diag);
}

bool infer_MatMulInteger(Node *node, Diag *diag)
{
    Shape out;
    if (!product_shape(node, 0, 1, 2, 3, &out, diag))
        return false;
    node_set_output(node, 0, DT_INT32, out);
    return true;
}

bool infer_QLinearMatMul(Node *node, Diag *diag)
{
    Shape out;
    if (!infer_check_dtype(node, 1, SET_SCALE, diag) || !infer_check_dtype(node, 4, SET_SCALE, diag) ||
        !infer_check_dtype(node, 6, SET_SCALE, diag) || !infer_check_dtype(node, 7, SET_BYTE, diag) ||
        !product_shape(node, 0, 3, 2, 5, &out, diag) || !check_rows(node, 1, node_input_shape(node, 0), diag) ||
        !check_columns(node, 4, node_input_shape(node, 3), diag) || !check_rows(node, 6, &out, diag) ||
        !check_rows(node, 7, &out, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 7), out);
    return true;
}

/* One for all, or for each output channel of w. */
static bool check_channels(const Node *node, int64_t index, const Shape *w, Diag *diag)
{
    return !node_has_input(node, index) || is_one(node, index) ||
           (infer_check_rank(node, index, 1, diag) &&
            infer_check_dim(node, index, 0, w->dims[0], "one for each output channel", diag));
}

bool infer_ConvInteger(Node *node, Diag *diag)
{
    Shape out;
    if (!check_factors(node, 0, 1, 2, 3, diag) || !infer_conv_shape(node, &out, diag) || !check_one(node, 2, diag) ||
        !check_channels(node, 3, node_input_shape(node, 1), diag))
        return false;
    node_set_output(node, 0, DT_INT32, out);
    return true;
}

bool infer_QLinearConv(Node *node, Diag *diag)
{
    Shape out;
    if (!check_operand(node, 0, 1, 2, diag) || !check_factors(node, 0, 3, 2, 5, diag) || !infer_conv_shape(node, &out, diag))
        return false;
    const Shape *w = node_input_shape(node, 3);
    if (!infer_check_dtype(node, 4, 1 << DT_FLOAT, diag) || !check_channels(node, 4, w, diag) ||
        !check_channels(node, 5, w, diag) || !infer_check_dtype(node, 6, 1 << DT_FLOAT, diag) || !check_one(node, 6, diag) ||
        !check_one(node, 7, diag) || !infer_check_dtype(node, 7, SET_BYTE, diag) ||
        !infer_check_dtype(node, 8, 1 << DT_INT32, diag) ||
        (node_has_input(node, 8) && is_one(node, 8) && !infer_check_rank(node, 8, 1, diag)) || !check_channels(node, 8, w, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 7), out);
    return true;
}

/* ── ONNX Runtime's products ─────────────────────────────────────────────────────────────────────────── */

/* Float from a product: bias, if given, one for each column. */
static bool float_product(Node *node, Shape out, int64_t bias, Diag *diag)
{
    if (!infer_check_dtype(node, bias, 1 << DT_FLOAT, diag) || !check_columns(node, bias, &out, diag))
        return false;
    node_set_output(node, 0, DT_FLOAT, out);
    return true;
}

bool infer_MatMulIntegerToFloat(Node *node, Diag *diag)
{
    Shape out;
    return product_shape(node, 0, 1, 4, 5, &out, diag) && infer_check_dtype(node, 2, 1 << DT_FLOAT, diag) &&
           check_one(node, 2, diag) && infer_check_dtype(node, 3, 1 << DT_FLOAT, diag) &&
           check_columns(node, 3, node_input_shape(node, 1), diag) && float_product(node, out, 6, diag);
}

bool infer_DynamicQuantizeMatMul(Node *node, Diag *diag)
{
    Shape out;
    return infer_check_dtype(node, 0, 1 << DT_FLOAT, diag) && infer_check_dtype(node, 1, SET_BYTE, diag) &&
           infer_check_dtype(node, 2, 1 << DT_FLOAT, diag) && infer_check_same_dtype(node, 1, 3, diag) &&
           infer_matmul_shape(node, 0, 1, &out, diag) && check_columns(node, 2, node_input_shape(node, 1), diag) &&
           check_columns(node, 3, node_input_shape(node, 1), diag) && float_product(node, out, 4, diag);
}

bool infer_QGemm(Node *node, Diag *diag)
{
    if (!check_operand(node, 0, 1, 2, diag) || !check_factors(node, 0, 3, 2, 5, diag) || !infer_check_rank(node, 0, 2, diag) ||
        !infer_check_rank(node, 3, 2, diag) || !infer_check_finite(node, "alpha", diag))
        return false;
    const Shape *a = node_input_shape(node, 0), *b = node_input_shape(node, 3);
    bool ta = node_attr_int(node, "transA"), tb = node_attr_int(node, "transB");
    Shape out = {.rank = 2, .dims = {a->dims[ta], b->dims[!tb]}};
    if (!infer_check_dim(node, 3, tb, a->dims[!ta], "the inner dimension of A", diag) ||
        !infer_check_dtype(node, 4, 1 << DT_FLOAT, diag) || !check_columns(node, 4, &out, diag) ||
        !check_columns(node, 5, &out, diag) || !infer_check_dtype(node, 6, 1 << DT_INT32, diag) ||
        !infer_check_broadcasts_to(node, 6, &out, diag) || !infer_check_dtype(node, 7, 1 << DT_FLOAT, diag) ||
        !check_one(node, 7, diag) || !infer_check_dtype(node, 8, SET_BYTE, diag) || !check_one(node, 8, diag))
        return false;
    DType quantised = node_has_input(node, 8) ? node_input_dtype(node, 8) : node_input_dtype(node, 0);
    node_set_output(node, 0, node_has_input(node, 7) ? quantised : DT_FLOAT, out);
    return true;
}

/* ── ONNX Runtime's operators on quantised tensors ───────────────────────────────────────────────────── */

/* Output 0 is quantised by the scale at that input and the zero point behind it. */
static bool set_quantised(Node *node, int64_t scale, Shape shape, Diag *diag)
{
    if (!infer_check_dtype(node, scale, 1 << DT_FLOAT, diag) || !check_one(node, scale, diag) ||
        !infer_check_dtype(node, scale + 1, SET_BYTE, diag) || !check_one(node, scale + 1, diag))
        return false;
    node_set_output(node, 0, node_has_input(node, scale + 1) ? node_input_dtype(node, scale + 1) : node_input_dtype(node, 0),
                    shape);
    return true;
}

static bool quantised_map(Node *node, Diag *diag)
{
    return check_operand(node, 0, 1, 2, diag) && set_quantised(node, 3, *node_input_shape(node, 0), diag);
}

static bool quantised_pair(Node *node, Diag *diag)
{
    Shape shape = *node_input_shape(node, 0);
    return check_operand(node, 0, 1, 2, diag) && check_operand(node, 3, 4, 5, diag) &&
           infer_broadcast_into(node, &shape, node_input_shape(node, 3), diag) && set_quantised(node, 6, shape, diag);
}

bool infer_QLinearAdd(Node *node, Diag *diag) { return quantised_pair(node, diag); }
bool infer_QLinearMul(Node *node, Diag *diag) { return quantised_pair(node, diag); }
bool infer_QLinearSigmoid(Node *node, Diag *diag) { return quantised_map(node, diag); }

bool infer_QLinearLeakyRelu(Node *node, Diag *diag)
{
    return infer_check_finite(node, "alpha", diag) && quantised_map(node, diag);
}

bool infer_QLinearSoftmax(Node *node, Diag *diag)
{
    int rank = node_input_shape(node, 0)->rank, axis;
    if (!infer_axis(node, node_attr_int(node, "axis"), rank, &axis, diag) || !quantised_map(node, diag))
        return false;
    if (node_attr_int(node, "opset") >= 13 || axis == rank - 1)
        return true;
    diag_unsupported(diag, node->span, "QLinearSoftmax over several dimensions is not supported");
    return false;
}

bool infer_QLinearWhere(Node *node, Diag *diag)
{
    Shape shape = *node_input_shape(node, 0);
    return infer_check_dtype(node, 0, SET_BOOL, diag) && check_operand(node, 1, 2, 3, diag) &&
           check_operand(node, 4, 5, 6, diag) && infer_broadcast_into(node, &shape, node_input_shape(node, 1), diag) &&
           infer_broadcast_into(node, &shape, node_input_shape(node, 4), diag) && set_quantised(node, 7, shape, diag);
}

bool infer_QLinearAveragePool(Node *node, Diag *diag)
{
    Shape out;
    if (node_attr_int(node, "channels_last")) {
        diag_unsupported(diag, node->span, "QLinearAveragePool with channels_last is not supported");
        return false;
    }
    return check_operand(node, 0, 1, 2, diag) && infer_pool_shape(node, &out, diag) && set_quantised(node, 3, out, diag);
}

bool infer_QLinearGlobalAveragePool(Node *node, Diag *diag)
{
    if (!infer_check_min_rank(node, 0, 3, diag) || !check_operand(node, 0, 1, 2, diag))
        return false;
    Shape out = *node_input_shape(node, 0);
    int first = node_attr_int(node, "channels_last") ? 1 : 2;
    for (int i = 0; i < out.rank - 2; i++)
        out.dims[first + i] = dim_of(1);
    return set_quantised(node, 3, out, diag);
}

bool infer_QLinearConcat(Node *node, Diag *diag)
{
    int64_t n = node->inputs.len - 2;
    Shape shape;
    if (n < 3 || n % 3)
        return FAIL(node, diag, "QLinearConcat has %lld inputs, expected 2 and 3 for each tensor", (long long)node->inputs.len);
    for (int64_t i = 2; i < node->inputs.len; i += 3)
        if (!node_has_input(node, i) || !node_has_input(node, i + 1))
            return FAIL(node, diag, "QLinearConcat expects input %lld to be given, it is left out",
                        (long long)(node_has_input(node, i) ? i + 1 : i));
        else if (!check_operand(node, i, i + 1, i + 2, diag))
            return false;
    if (!infer_concat_shape(node, 2, 3, &shape, diag))
        return false;
    return set_quantised(node, 0, shape, diag);
}
