/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Graphs that quantizers write in QDQ form compute in float between DequantizeLinear and QuantizeLinear. Products there are
 * products of the integers, and the scales follow them:
 *
 *   d = DequantizeLinear(x, s, z)                 sum = MatMulInteger(x, w, z)
 *   e = DequantizeLinear(w, t)              ->    y = Mul(Cast(sum), s * t)
 *   y = MatMul(d, e)
 *
 *   q = QuantizeLinear(y, u, v)             ->    q = Cast(Clip(Round(Mul(Cast(sum), s * t / u)) + v)), y alone used by it
 *
 * Likewise Gemm, and Conv, whose bias is in steps of s * t. What only moves elements between DequantizeLinear and a product moves
 * bytes. A tensor that is quantised only to be dequantised stays float, and to do so twice by the same scale is to do it once:
 *
 *   d = DequantizeLinear(QuantizeLinear(x, s, z), s, z)   ->   d = Mul(Clip(Round(Div(x, s)), 0 - z, 255 - z), s)
 *
 * ONNX Runtime does the same. Requires types; preserves names of outputs. */
#include "compiler/passes/dequantized.h"

#include "compiler/passes/integer.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

#include "ir/spell_util.h"

#include <math.h>

enum { EXACT_TERMS = (1 << 24) / (255 * 128) }; /* of a convolution, which floats sum up exactly (integer.c) */

/* ── Factors ─────────────────────────────────────────────────────────────────────────────────────────── */

/* A factor of a product: bytes, and their scale and zero point. */
typedef struct Factor {
    Value *x, *scale, *zero; /* zero NULL: 0 */
} Factor;

static bool is_one(const Value *value) { return shape_count(&value->type.shape) == 1; }

static bool is_bytes(const Value *value) { return value->type.dtype == DT_INT8 || value->type.dtype == DT_UINT8; }

static bool dequantised(const Value *value, Factor *f)
{
    const Node *node = value_made_by(value, OP_DequantizeLinear);
    if (!node || node_attr_int(node, "block_size") || !value_is_float(value) || !value_is_float(node->inputs.at[1]))
        return false;
    *f = (Factor){node->inputs.at[0], node->inputs.at[1], node_input(node, 2)};
    return is_bytes(f->x);
}

static bool moves(const Node *node)
{
    return node && (node->op->kind == OP_Transpose || node->op->kind == OP_Reshape || node->op->kind == OP_Flatten);
}

/* x, moved as node moves its input. */
static Value *moved(Node *at, const Node *node, Value *x)
{
    Node *move = spell_node(at, node->op->kind, (Value *[]){x, node_input(node, 1)}, 2);
    node_copy_attrs(move, node);
    return spelled(move);
}

/* With one scale for all, perhaps moved on the way. */
static bool activation(Node *at, const Value *value, Factor *f)
{
    const Node *move = value->producer;
    if (!moves(move))
        return dequantised(value, f) && is_one(f->scale) && (!f->zero || (f->zero->constant && is_one(f->zero)));
    if (!activation(at, move->inputs.at[0], f))
        return false;
    f->x = moved(at, move, f->x);
    return true;
}

/* Constant, with one scale, or one for each index of axis. */
static bool weights(const Value *value, int axis, Factor *f)
{
    return dequantised(value, f) && f->x->constant && f->scale->constant && (!f->zero || f->zero->constant) &&
           (is_one(f->scale) || node_axis(value->producer) == axis);
}

/* [N,K] → [K,N]; zero points and scales stay vectors. */
static void turn(Node *at, Factor *f)
{
    f->x = SPELL(at, OP_Transpose, f->x);
    node_fold_whole(f->x->producer);
}

/* The right factor of a MatMul, [K,N], perhaps turned on the way. */
static bool matrix(Node *at, const Value *value, bool turned, Factor *f)
{
    const Node *transpose = value_made_by(value, OP_Transpose);
    turned ^= transpose != NULL;
    value = transpose ? transpose->inputs.at[0] : value;
    if (value_rank(value) != 2 || !weights(value, turned ? 0 : 1, f))
        return false;
    if (turned)
        turn(at, f);
    return true;
}

/* ── Behind the sums ─────────────────────────────────────────────────────────────────────────────────── */

/* The scales of sums: one, or one for each index of an axis with `behind` more behind it. */
static Value *scale_of(Node *at, const Factor *a, const Factor *b, int behind)
{
    Value *scale = SPELL(at, OP_Mul, a->scale, b->scale);
    int64_t dims[MAX_RANK];
    for (int i = 1; i <= behind; i++)
        dims[i] = 1;
    dims[0] = shape_count(&b->scale->type.shape);
    return dims[0] == 1 ? spell_reshape(at, scale, 0, NULL) : behind ? spell_reshape(at, scale, behind + 1, dims) : scale;
}

/* The QuantizeLinear that alone uses value, by one constant scale; NULL. */
static Node *quantizer_of(const Value *value)
{
    Node *user = value_only_user(value);
    bool fits = user && user->op->kind == OP_QuantizeLinear && user->inputs.at[0] == value && user->inputs.at[1]->constant &&
                is_one(user->inputs.at[1]) && value_is_float(user->inputs.at[1]) && is_bytes(user->outputs.at[0]);
    return fits ? user : NULL;
}

/* node's output is sum times scale, plus a bias that broadcasts to it (NULL: none). */
static void finish(Node *node, Value *sum, Value *scale, Value *bias)
{
    Node *quantizer = bias ? NULL : quantizer_of(node->outputs.at[0]);
    if (quantizer) {
        scale = SPELL(node, OP_Div, scale, quantizer->inputs.at[1]);
        DType to = quantizer->outputs.at[0]->type.dtype;
        spell_output(quantizer, 0, spell_requantised(node, sum, scale, node_input(quantizer, 2), to));
        node_remove(quantizer);
    } else {
        Value *y = SPELL(node, OP_Mul, spell_cast(node, sum, DT_FLOAT), scale);
        spell_output(node, 0, bias ? SPELL(node, OP_Add, y, bias) : y);
    }
    node_remove(node);
}

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

static bool matmul_of_integers(Node *node)
{
    Factor a, b;
    if (!activation(node, node->inputs.at[0], &a) || value_rank(a.x) < 2 || !matrix(node, node->inputs.at[1], false, &b))
        return false;
    Value *sum = SPELL(node, OP_MatMulInteger, a.x, b.x, a.zero, b.zero);
    finish(node, sum, scale_of(node, &a, &b, 0), NULL);
    return true;
}

static bool gemm_of_integers(Node *node)
{
    Factor a, b;
    Value *c = node_input(node, 2);
    if (node_attr_int(node, "transA") || node_attr_float(node, "alpha") != 1 || (c && node_attr_float(node, "beta") != 1) ||
        !activation(node, node->inputs.at[0], &a) || !matrix(node, node->inputs.at[1], node_attr_int(node, "transB"), &b))
        return false;
    Value *sum = SPELL(node, OP_MatMulInteger, a.x, b.x, a.zero, b.zero);
    finish(node, sum, scale_of(node, &a, &b, 0), c);
    return true;
}

/* The int32 of a bias in steps of the products' scales; NULL: it is another one. */
static Value *bias_in_steps(const Value *bias, const Factor *x, const Factor *w)
{
    const Node *node = value_made_by(bias, OP_DequantizeLinear);
    const Value *zero = node ? node_input(node, 2) : NULL;
    if (!node || node->inputs.at[0]->type.dtype != DT_INT32 || (zero && !value_is_number(zero, 0) && !is_one(zero)) ||
        !node->inputs.at[1]->constant || !x->scale->constant)
        return NULL;
    const Tensor *steps = node->inputs.at[1]->constant, *scales = w->scale->constant;
    for (int64_t i = 0; i < steps->count || i < scales->count; i++) {
        double step = tensor_get(steps, steps->count > 1 ? i : 0);
        double product = tensor_get(x->scale->constant, 0) * tensor_get(scales, scales->count > 1 ? i : 0);
        if (fabs(step - product) > 1e-6 * fabs(product))
            return NULL;
    }
    return node->inputs.at[0];
}

/* A vector of channels, over n spatial dimensions. */
static Value *by_channel(Node *at, Value *vector, int n)
{
    int64_t dims[MAX_RANK] = {vector->type.shape.dims[0].size};
    for (int i = 1; i <= n; i++)
        dims[i] = 1;
    return spell_reshape(at, vector, n + 1, dims);
}

static bool conv_is_exact(const Node *conv, const Value *w)
{
    int64_t terms = shape_count(&w->type.shape) / w->type.shape.dims[0].size;
    return terms <= EXACT_TERMS || (node_attr_int(conv, "group") == 1 && integer_patches(conv));
}

static bool conv_of_integers(Node *node)
{
    Factor x, w;
    Value *bias = node_input(node, 2);
    int n = value_rank(node->inputs.at[0]) - 2;
    if (!activation(node, node->inputs.at[0], &x) || !weights(node->inputs.at[1], 0, &w) || !conv_is_exact(node, w.x))
        return false;
    Node *conv = spell_node(node, OP_ConvInteger, (Value *[]){x.x, w.x, x.zero, w.zero}, 4);
    node_copy_attrs(conv, node);
    Value *sum = spelled(conv), *steps = bias ? bias_in_steps(bias, &x, &w) : NULL;
    if (steps)
        sum = SPELL(node, OP_Add, sum, by_channel(node, steps, n));
    finish(node, sum, scale_of(node, &x, &w, n), bias && !steps ? by_channel(node, bias, n) : NULL);
    return true;
}

/* ── There and back ──────────────────────────────────────────────────────────────────────────────────── */

static bool same_constant(const Value *a, const Value *b)
{
    return a == b || (a && b && a->constant && b->constant && tensor_equal(a->constant, b->constant));
}

static bool only_dequantised(const Value *value)
{
    for (int64_t i = 0; i < value->users.len; i++)
        if (value->users.at[i]->op->kind != OP_DequantizeLinear)
            return false;
    return !value->is_output;
}

/* What a quantiser leaves of numbers: multiples of step. */
typedef struct Steps {
    double step, lowest, highest;
} Steps;

/* Of a quantiser and of what dequantises its integers by the same constants. */
static bool steps_of(const Node *quantizer, const Node *back, Steps *s)
{
    DType dtype = back->inputs.at[0]->type.dtype;
    const Value *zero_point = node_input(back, 2);
    double zero = 0;
    if (quantizer->outputs.at[0]->type.dtype != dtype || !same_constant(quantizer->inputs.at[1], back->inputs.at[1]) ||
        !same_constant(node_input(quantizer, 2), zero_point) || !value_is_scalar(back->inputs.at[1], &s->step) ||
        (zero_point && !value_is_scalar(zero_point, &zero)) || !value_is_float(back->outputs.at[0]) ||
        !value_is_float(quantizer->inputs.at[0]))
        return false;
    s->lowest = dtype_lowest(dtype) - zero;
    s->highest = dtype_highest(dtype) - zero;
    return true;
}

static bool back_again(Node *node)
{
    const Node *quantizer = value_made_by(node->inputs.at[0], OP_QuantizeLinear);
    Steps s;
    if (!quantizer || !only_dequantised(node->inputs.at[0]) || !steps_of(quantizer, node, &s))
        return false;
    Value *step = spell_number(node, DT_FLOAT, s.step), *low = spell_number(node, DT_FLOAT, s.lowest);
    Value *x = SPELL(node, OP_Round, SPELL(node, OP_Div, quantizer->inputs.at[0], step));
    x = SPELL(node, OP_Clip, x, low, spell_number(node, DT_FLOAT, s.highest));
    spell_output(node, 0, SPELL(node, OP_Mul, x, step));
    node_remove(node);
    return true;
}

/* The DequantizeLinear whose elements value still has; NULL. */
static const Node *dequantizer_of(const Value *value)
{
    while (moves(value->producer))
        value = value->producer->inputs.at[0];
    return value_made_by(value, OP_DequantizeLinear);
}

/* What quantizer takes are its steps already. */
static bool is_in_steps(const Node *quantizer)
{
    const Node *before = dequantizer_of(quantizer->inputs.at[0]);
    Steps s;
    return before && steps_of(quantizer, before, &s);
}

static bool once_more(Node *node)
{
    const Node *quantizer = value_made_by(node->inputs.at[0], OP_QuantizeLinear);
    Steps s;
    if (!quantizer || !steps_of(quantizer, node, &s) || !is_in_steps(quantizer))
        return false;
    return node_forward(node, quantizer->inputs.at[0]);
}

static const Rule again_rules[] = {{OP_DequantizeLinear, "once more", once_more}};
static const Rule product_rules[] = {{OP_MatMul, "integers", matmul_of_integers},
                                     {OP_Gemm, "integers", gemm_of_integers},
                                     {OP_Conv, "integers", conv_of_integers}};
static const Rule rest_rules[] = {{OP_DequantizeLinear, "there and back", back_again}};

bool dequantized_to_integers(Graph *graph)
{
    bool changed = rewrite(graph, again_rules, countof(again_rules));
    changed |= pass_prune(graph);
    changed |= rewrite(graph, product_rules, countof(product_rules));
    changed |= pass_prune(graph);
    return rewrite(graph, rest_rules, countof(rest_rules)) || changed;
}
