/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* ONNX Runtime's own operators on quantised tensors. A map, a pool or a Concat is one of floats between DequantizeLinear and
 * QuantizeLinear; ONNX Runtime computes some of them in another order, and now and then comes out one step beside. Sums and products
 * are said in its order.
 *
 *   QLinearSigmoid(x, xs, xz, ys, yz)  ->  QuantizeLinear(Sigmoid(DequantizeLinear(x, xs, xz)), ys, yz) */
#include "ir/spell_util.h"

#include <string.h>

/* ── Maps ────────────────────────────────────────────────────────────────────────────────────────────── */

/* The tensor at input i, whose scale and zero point follow. */
static Value *operand(Node *node, int64_t i)
{
    return spell_dequantised(node, node->inputs.at[i], node->inputs.at[i + 1], node_input(node, i + 2));
}

/* x is the result, whose scale and zero point stand at input i. */
static void result(Node *node, Value *x, int64_t i)
{
    DType to = node->outputs.at[0]->type.dtype;
    spell_output(node, 0, spell_quantised(node, x, node->inputs.at[i], node_input(node, i + 1), to));
}

/* x, which counts in steps of the result from 0 on, is the result, whose zero point is in it. */
static void rounded(Node *node, Value *x)
{
    spell_output(node, 0, spell_rounded(node, x, NULL, node->outputs.at[0]->type.dtype));
}

/* The zero point at input i, as float. */
static Value *point(Node *node, int64_t i)
{
    Value *zero = node_input(node, i);
    return zero ? spell_cast(node, zero, DT_FLOAT) : spell_number(node, DT_FLOAT, 0);
}

/* x * (the bytes at input i) + rest, the bytes as they are: their zero point is in rest. */
static Value *plus_bytes(Node *node, Value *x, int64_t i, Value *rest)
{
    return SPELL(node, OP_MulAdd, spell_cast(node, node->inputs.at[i], DT_FLOAT), x, rest);
}

/* a * (as / cs) + (b * (bs / cs) + what the zero points come to), each product and its sum rounded once: so does ONNX Runtime
 * on x86, and where scales are ratios of small numbers many sums lie halfway between two integers. */
void spell_QLinearAdd(Node *node)
{
    Value *const *in = node->inputs.at;
    Value *a = SPELL(node, OP_Div, in[1], in[6]), *b = SPELL(node, OP_Div, in[4], in[6]);
    Value *zeros = SPELL(node, OP_MulAdd, a, point(node, 2), SPELL(node, OP_Mul, b, point(node, 5)));
    Value *fixed = SPELL(node, OP_Sub, point(node, 7), zeros);
    rounded(node, plus_bytes(node, a, 0, plus_bytes(node, b, 3, fixed)));
}

/* (a - az) * (b - bz), a whole number, times as * bs / cs. */
void spell_QLinearMul(Node *node)
{
    Value *const *in = node->inputs.at;
    Value *product =
        SPELL(node, OP_Mul, spell_centred(node, in[0], node_input(node, 2)), spell_centred(node, in[3], node_input(node, 5)));
    Value *ratio = SPELL(node, OP_Div, SPELL(node, OP_Mul, in[1], in[4]), in[6]);
    rounded(node, SPELL(node, OP_Add, SPELL(node, OP_Mul, product, ratio), point(node, 7)));
}

void spell_QLinearSigmoid(Node *node) { result(node, SPELL(node, OP_Sigmoid, operand(node, 0)), 3); }

void spell_QLinearLeakyRelu(Node *node)
{
    Node *relu = spell_node(node, OP_LeakyRelu, (Value *[]){operand(node, 0)}, 1);
    node_set_float(relu, "alpha", node_attr_float(node, "alpha"));
    result(node, spelled(relu), 3);
}

/* Along one dimension alone: what it means does not depend on the opset. */
void spell_QLinearSoftmax(Node *node)
{
    Node *softmax = spell_node(node, OP_Softmax, (Value *[]){operand(node, 0)}, 1);
    node_set_int(softmax, "axis", node_attr_int(node, "axis"));
    result(node, spelled(softmax), 3);
}

void spell_QLinearWhere(Node *node)
{
    result(node, SPELL(node, OP_Where, node->inputs.at[0], operand(node, 1), operand(node, 4)), 7);
}

void spell_QLinearAveragePool(Node *node)
{
    Node *pool = spell_node(node, OP_AveragePool, (Value *[]){operand(node, 0)}, 1);
    for (int64_t i = 0; i < node->attrs.len; i++)
        if (strcmp(node->attrs.at[i].name, "channels_last") != 0)
            node_put_attr(pool, node->attrs.at[i]);
    result(node, spelled(pool), 3);
}

void spell_QLinearGlobalAveragePool(Node *node)
{
    int64_t axes[MAX_RANK], n = node->inputs.at[0]->type.shape.rank - 2;
    for (int64_t i = 0; i < n; i++)
        axes[i] = i + (node_attr_int(node, "channels_last") ? 1 : 2);
    result(node, SPELL(node, OP_ReduceMean, operand(node, 0), spell_ints(node, axes, n)), 3);
}

void spell_QLinearConcat(Node *node)
{
    int64_t n = (node->inputs.len - 2) / 3;
    Value **parts = NEW_ARRAY(node->graph->model->arena, Value *, n);
    for (int64_t i = 0; i < n; i++)
        parts[i] = operand(node, 2 + 3 * i);
    Node *concat = spell_node(node, OP_Concat, parts, n);
    node_set_int(concat, "axis", node_attr_int(node, "axis"));
    result(node, spelled(concat), 0);
}

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

static Value *product(Node *node, Value *a, Value *b, Value *a_zero, Value *b_zero)
{
    return SPELL(node, OP_MatMulInteger, a, b, a_zero, b_zero);
}

/* sum * (a_scale * b_scale) + bias, in float. */
static void scaled(Node *node, Value *sum, Value *a_scale, Value *b_scale, Value *bias)
{
    Value *y = SPELL(node, OP_Mul, spell_cast(node, sum, DT_FLOAT), SPELL(node, OP_Mul, a_scale, b_scale));
    spell_output(node, 0, bias ? SPELL(node, OP_Add, y, bias) : y);
}

void spell_MatMulIntegerToFloat(Node *node)
{
    Value *const *in = node->inputs.at;
    scaled(node, product(node, in[0], in[1], node_input(node, 4), node_input(node, 5)), in[2], in[3], node_input(node, 6));
}

void spell_DynamicQuantizeMatMul(Node *node)
{
    Value *const *in = node->inputs.at;
    Value *const *made = spelled_all(spell_node(node, OP_DynamicQuantizeLinear, in, 1), 3);
    scaled(node, product(node, made[0], in[1], made[2], node_input(node, 3)), made[1], in[2], node_input(node, 4));
}

static Value *turned(Node *at, Value *x, bool turn) { return turn ? SPELL(at, OP_Transpose, x) : x; }

void spell_QGemm(Node *node)
{
    Value *const *in = node->inputs.at;
    Value *c = node_input(node, 6), *y_scale = node_input(node, 7), *zero = node_input(node, 8);
    Value *a = turned(node, in[0], node_attr_int(node, "transA")), *b = turned(node, in[3], node_attr_int(node, "transB"));
    Value *sum = product(node, a, b, in[2], in[5]), *scale = SPELL(node, OP_Mul, in[1], in[4]);
    if (node_attr_float(node, "alpha") != 1)
        scale = SPELL(node, OP_Mul, scale, spell_number(node, DT_FLOAT, node_attr_float(node, "alpha")));
    sum = c ? SPELL(node, OP_Add, sum, c) : sum;
    if (!y_scale) {
        spell_output(node, 0, SPELL(node, OP_Mul, spell_cast(node, sum, DT_FLOAT), scale));
        return;
    }
    scale = SPELL(node, OP_Div, scale, y_scale);
    spell_output(node, 0, spell_requantised(node, sum, scale, zero, node->outputs.at[0]->type.dtype));
}
