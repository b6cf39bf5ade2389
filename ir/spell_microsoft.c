/* ONNX Runtime's own operators on quantised tensors. A map, a pool or a Concat is one of floats between DequantizeLinear and
 * QuantizeLinear; ONNX Runtime computes some of them in another order, and now and then comes out one step beside.
 *
 *   QLinearAdd(a, as, az, b, bs, bz, cs, cz)  ->  QuantizeLinear(Add(DequantizeLinear(a, as, az), DequantizeLinear(b, bs, bz)), cs, cz) */
#include "ir/spell_util.h"

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

static void pair(Node *node, OpKind kind) { result(node, SPELL(node, kind, operand(node, 0), operand(node, 3)), 6); }

void spell_QLinearAdd(Node *node) { pair(node, OP_Add); }
void spell_QLinearMul(Node *node) { pair(node, OP_Mul); }
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
