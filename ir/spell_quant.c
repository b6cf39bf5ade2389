/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* ONNX's quantisation, said in floats and in integer products. Floats are divided, multiplied and rounded one step at a time, as
 * ONNX Runtime does, so that integers come out the same.
 *
 *   QuantizeLinear    (x, s, z)                       Cast(Clip(Add(Round(Div(x, s)), z), 0, 255))
 *   DequantizeLinear  (x, s, z)                       Mul(Sub(Cast(x), z), s)
 *   QLinearMatMul     (a, as, az, b, bs, bz, ys, yz)  Cast(Clip(Add(Round(Mul(Cast(MatMulInteger(a, b, az, bz)), as * bs / ys)), yz))) */
#include "ir/spell_util.h"

#include "ir/params.h"

static bool is_constant_zero(const Value *value)
{
    for (int64_t i = 0; value->constant && i < value->constant->count; i++)
        if (tensor_get(value->constant, i) != 0)
            return false;
    return value->constant;
}

static bool is_one(const Value *value) { return shape_count(&value->type.shape) == 1; }

/* ── Steps ───────────────────────────────────────────────────────────────────────────────────────────── */

/* Elements that are only stored, as numbers that are computed with. */
static Value *widened(Node *at, Value *x)
{
    const Tensor *from = x->constant;
    if (!dtype_is_stored(x->type.dtype))
        return x;
    bool floats = x->type.dtype <= DT_FLOAT8E5M2FNUZ;
    Tensor *tensor = tensor_new(at->graph->model->arena, floats ? DT_FLOAT : DT_INT8, from->rank, from->dims);
    for (int64_t i = 0; i < from->count; i++)
        tensor_set(tensor, i, tensor_get(from, i));
    return spell_constant(at, tensor);
}

Value *spell_centred(Node *at, Value *x, Value *zero)
{
    x = widened(at, x);
    zero = zero ? widened(at, zero) : NULL;
    if (zero && is_constant_zero(zero))
        zero = NULL;
    if (zero && x->type.dtype == DT_INT32) /* which a float may not hold */
        return spell_cast(at, SPELL(at, OP_Sub, x, zero), DT_FLOAT);
    x = spell_cast(at, x, DT_FLOAT);
    return zero ? SPELL(at, OP_Sub, x, spell_cast(at, zero, DT_FLOAT)) : x;
}

Value *spell_rounded(Node *at, Value *x, Value *zero, DType to)
{
    x = SPELL(at, OP_Round, x);
    if (zero && !is_constant_zero(zero))
        x = SPELL(at, OP_Add, x, spell_cast(at, zero, DT_FLOAT));
    x = SPELL(at, OP_Clip, x, spell_number(at, DT_FLOAT, dtype_lowest(to)), spell_number(at, DT_FLOAT, dtype_highest(to)));
    return spell_cast(at, x, to);
}

Value *spell_requantised(Node *at, Value *sum, Value *scale, Value *zero, DType to)
{
    return spell_rounded(at, SPELL(at, OP_Mul, spell_cast(at, sum, DT_FLOAT), scale), zero, to);
}

Value *spell_dequantised(Node *at, Value *x, Value *scale, Value *zero) { return SPELL(at, OP_DequantizeLinear, x, scale, zero); }

Value *spell_quantised(Node *at, Value *x, Value *scale, Value *zero, DType to)
{
    Node *node = spell_node(at, OP_QuantizeLinear, (Value *[]){x, scale, zero}, 3);
    if (!zero && to != DT_UINT8)
        node_set_int(node, "output_dtype", to);
    return spelled(node);
}

/* ── One tensor ──────────────────────────────────────────────────────────────────────────────────────── */

/* A vector along axis of a tensor of that rank. */
static Value *along(Node *at, Value *vector, int rank, int axis)
{
    int64_t dims[MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    if (is_one(vector))
        return !vector->type.shape.rank ? vector : spell_reshape(at, vector, 0, NULL);
    dims[axis] = vector->type.shape.dims[0].size;
    return axis == rank - 1 ? vector : spell_reshape(at, vector, rank, dims);
}

/* Which block each of so many elements is of. */
static Value *block_numbers(Node *node, int64_t size, int64_t block)
{
    enum { MOST = 1 << 16 };
    if (size > MOST)
        return SPELL(node, OP_Div, spell_counted(node, size, 0, 0), spell_number(node, DT_INT64, (double)block));
    int64_t *index = NEW_ARRAY(node->graph->model->arena, int64_t, size);
    for (int64_t i = 0; i < size; i++)
        index[i] = i / block;
    return spell_ints(node, index, size);
}

/* A scale or zero point for each block of x's axis, repeated for each index of it. */
static Value *repeated(Node *node, Value *blocks, int axis)
{
    int64_t size = node->inputs.at[0]->type.shape.dims[axis].size, block = node_attr_int(node, "block_size");
    Node *gather = spell_node(node, OP_Gather, (Value *[]){blocks, block_numbers(node, size, block)}, 2);
    node_set_int(gather, "axis", axis);
    return spelled(gather);
}

/* Input i of (De)QuantizeLinear, which broadcasts to x; NULL: left out. */
static Value *parameter(Node *node, int64_t i)
{
    Value *value = node_input(node, i);
    int rank = node->inputs.at[0]->type.shape.rank;
    if (!value)
        return NULL;
    value = widened(node, value);
    return node_attr_int(node, "block_size") ? repeated(node, value, node_axis(node)) : along(node, value, rank, node_axis(node));
}

void spell_DequantizeLinear(Node *node)
{
    Value *zero = parameter(node, 2), *scale = spell_cast(node, parameter(node, 1), DT_FLOAT);
    Value *y = SPELL(node, OP_Mul, spell_centred(node, node->inputs.at[0], zero), scale);
    spell_output(node, 0, spell_cast(node, y, node->outputs.at[0]->type.dtype));
}

void spell_QuantizeLinear(Node *node)
{
    Value *zero = parameter(node, 2), *scale = spell_cast(node, parameter(node, 1), DT_FLOAT);
    Value *x = SPELL(node, OP_Div, spell_cast(node, node->inputs.at[0], DT_FLOAT), scale);
    spell_output(node, 0, spell_rounded(node, x, zero, node->outputs.at[0]->type.dtype));
}

/* The least or greatest of x and 0. */
static Value *bound(Node *node, OpKind reduce, OpKind extreme)
{
    Node *all = spell_node(node, reduce, node->inputs.at, 1);
    node_set_int(all, "keepdims", 0);
    return SPELL(node, extreme, spelled(all), spell_number(node, DT_FLOAT, 0));
}

void spell_DynamicQuantizeLinear(Node *node)
{
    Value *low = bound(node, OP_ReduceMin, OP_Min), *high = bound(node, OP_ReduceMax, OP_Max);
    Value *zero = spell_number(node, DT_FLOAT, 0), *most = spell_number(node, DT_FLOAT, UINT8_MAX);
    Value *range = SPELL(node, OP_Sub, high, low);
    Value *scale = SPELL(node, OP_Where, SPELL(node, OP_Equal, range, zero), spell_number(node, DT_FLOAT, 1),
                         SPELL(node, OP_Div, range, most));
    Value *point = SPELL(node, OP_Clip, SPELL(node, OP_Sub, zero, SPELL(node, OP_Div, low, scale)), zero, most);
    point = spell_cast(node, SPELL(node, OP_Round, point), DT_UINT8);
    spell_output(node, 0, spell_rounded(node, SPELL(node, OP_Div, node->inputs.at[0], scale), point, DT_UINT8));
    spell_output(node, 1, scale);
    spell_output(node, 2, point);
}

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

/* One for each row of a product: a vector stands upright. */
static Value *by_row(Node *at, Value *rows)
{
    if (is_one(rows) || rows->type.shape.rank != 1)
        return rows;
    return spell_reshape(at, rows, 2, (int64_t[]){rows->type.shape.dims[0].size, 1});
}

/* a * b / c, floats. */
static Value *ratio(Node *at, Value *a, Value *b, Value *c)
{
    Value *product = SPELL(at, OP_Mul, spell_cast(at, a, DT_FLOAT), spell_cast(at, b, DT_FLOAT));
    return SPELL(at, OP_Div, product, spell_cast(at, c, DT_FLOAT));
}

void spell_QLinearMatMul(Node *node)
{
    Value *const *in = node->inputs.at;
    Value *sum = SPELL(node, OP_MatMulInteger, in[0], in[3], in[2], in[5]);
    Value *scale = ratio(node, by_row(node, in[1]), in[4], by_row(node, in[6]));
    spell_output(node, 0, spell_requantised(node, sum, scale, by_row(node, in[7]), node->outputs.at[0]->type.dtype));
}

/* One for each channel of a picture. */
static Value *by_channel(Node *node, Value *channels)
{
    return spell_by_channel(node, channels, node->inputs.at[0]->type.shape.rank);
}

void spell_QLinearConv(Node *node)
{
    Value *const *in = node->inputs.at;
    Node *conv = spell_node(node, OP_ConvInteger, (Value *[]){in[0], in[3], in[2], in[5]}, 4);
    node_copy_attrs(conv, node);
    Value *sum = spelled(conv), *scale = by_channel(node, ratio(node, in[1], in[4], in[6]));
    if (node_input(node, 8))
        sum = SPELL(node, OP_Add, sum, by_channel(node, in[8]));
    spell_output(node, 0, spell_requantised(node, sum, scale, in[7], node->outputs.at[0]->type.dtype));
}
