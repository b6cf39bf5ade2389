/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Layer normalisation and its kin, however an exporter spelled them out.
 *
 *   m = ReduceMean(x, -1)
 *   d = Sub(x, m)
 *   q = Pow(d, 2)                          (or Mul(d, d))
 *   v = ReduceMean(q, -1)             ->   n = LayerNormalization<epsilon>(x, ones)
 *   e = Add(v, epsilon)                    then  Mul(n, g)  ->  LayerNormalization(x, g)
 *   s = Sqrt(e)                            then  Add(n, b)  ->  LayerNormalization(x, g, b)
 *   n = Div(d, s)                          (or Mul(d, Reciprocal(s)))
 *
 * Where x is divided instead of d, it is an RMSNormalization, if q is x², or a SimpleNormalization. v may have a factor:
 *
 *   x / sqrt(5/4 v + epsilon)         ->   n = SimpleNormalization<epsilon = 4/5 epsilon>(x, [0.894 …])
 */
#include "compiler/passes/recognize.h"

#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

#include <math.h>

/* x of mean(x, last axis), keeping the dimension; NULL. */
static Value *mean_of(const Value *value)
{
    Node *node = value_made_by(value, OP_ReduceMean);
    int64_t axes[MAX_RANK];
    if (!node || node_attr_int(node, "keepdims") != 1 || node_reduced_axes(node, axes) != 1)
        return NULL;
    return axes[0] == value_rank(node->inputs.at[0]) - 1 ? node->inputs.at[0] : NULL;
}

/* x of x - mean(x); NULL. */
static Value *centred(const Value *value)
{
    Node *sub = value_made_by(value, OP_Sub);
    return sub && mean_of(sub->inputs.at[1]) == sub->inputs.at[0] ? sub->inputs.at[0] : NULL;
}

/* What a square root is of: factor times the mean of x², or of (x - mean(x))². */
typedef struct Spread {
    Value *x;                /* NULL: of something else */
    bool variance;
    double factor, epsilon;
} Spread;

static void take_squares(Spread *s, const Value *squares)
{
    Node *mul = value_made_by(squares, OP_Mul);
    Value *base = value_squared(squares), *x = base ? centred(base) : NULL;
    if (!base && mul && (x = centred(mul->inputs.at[0])) != centred(mul->inputs.at[1]))
        x = NULL;
    s->variance = x != NULL;
    s->x = x ? x : base;
}

/* The value that is multiplied or divided by numbers; NULL: by none. */
static const Value *without_factor(const Value *value, double *factor)
{
    const Node *node = value->producer;
    double number;
    Value *x = node && node->op->kind == OP_Mul ? node_scalar_operand(node, &number) : NULL;
    if (x)
        *factor *= number;
    else if (node && node->op->kind == OP_Div && value_is_scalar(node->inputs.at[1], &number)) {
        x = node->inputs.at[0];
        *factor /= number;
    }
    return x;
}

/* Of sqrt(factor · mean + epsilon). */
static Spread spread_of(const Value *root)
{
    Spread s = {.factor = 1};
    Node *sqrt = value_made_by(root, OP_Sqrt), *sum = sqrt ? value_made_by(sqrt->inputs.at[0], OP_Add) : NULL;
    const Value *mean = sum ? node_scalar_operand(sum, &s.epsilon) : NULL;
    for (const Value *inner = mean; inner; inner = without_factor(inner, &s.factor))
        mean = inner;
    const Value *squares = mean ? mean_of(mean) : NULL;
    if (squares && s.epsilon >= 0 && s.factor > 0)
        take_squares(&s, squares);
    return s;
}

static const Value *reciprocal_of(const Value *value)
{
    const Node *node = value_made_by(value, OP_Reciprocal), *div = value_made_by(value, OP_Div);
    return node ? node->inputs.at[0] : div && value_is_number(div->inputs.at[0], 1) ? div->inputs.at[1] : NULL;
}

/* The root that input i is divided by, as Div or as Mul by a reciprocal; NULL. */
static const Value *divisor(const Node *node, int i)
{
    const Value *by = node->inputs.at[1 - i];
    if (node->op->kind == OP_Div)
        return i == 0 ? by : NULL;
    return reciprocal_of(by);
}

static Value *all_of(Node *node, int64_t n, const char *what, double number)
{
    Arena *arena = node->graph->model->arena;
    Tensor *tensor = tensor_new(arena, DT_FLOAT, 1, &n);
    for (int64_t i = 0; i < n; i++)
        tensor_set(tensor, i, number);
    return constant_new(node->graph, arena_printf(arena, "%s_%s", node->outputs.at[0]->name, what), tensor, node->span);
}

static bool become_norm(Node *node, OpKind kind, const Spread *s, Value *scale)
{
    Node *norm = node_replace(node, kind, (Value *[]){s->x, scale}, 2);
    node_set_int(norm, "axis", value_rank(s->x) - 1);
    node_set_float(norm, "epsilon", s->epsilon / s->factor);
    node_infer(norm);
    return true;
}

/* x / sqrt(f m + e) = x / sqrt(m + e / f) / sqrt(f); the factor of an unbiased variance is n / (n - 1). */
bool recognize_norm(Node *node)
{
    for (int i = 0; i < 2; i++) {
        const Value *root = divisor(node, i);
        Value *x = node->inputs.at[i], *base = centred(x);
        Spread s = root ? spread_of(root) : (Spread){0};
        if (!s.x || !value_is_float(s.x) || (s.x != x && s.x != base))
            continue;
        Dim last = s.x->type.shape.dims[value_rank(s.x) - 1];
        if (dim_is_fixed(last) && s.x == x)
            return become_norm(node, s.variance ? OP_SimpleNormalization : OP_RMSNormalization, &s,
                               all_of(node, last.size, "factor", 1 / sqrt(s.factor)));
        if (dim_is_fixed(last) && s.variance && s.factor == 1)
            return become_norm(node, OP_LayerNormalization, &s, all_of(node, last.size, "ones", 1));
    }
    return false;
}

/* ── Scale and bias ──────────────────────────────────────────────────────────────────────────────────── */

static bool is_ones(const Tensor *tensor)
{
    for (int64_t i = 0; tensor && i < tensor->count; i++)
        if (tensor_get(tensor, i) != 1)
            return false;
    return tensor != NULL;
}

/* Whether all of an uncentred one's scale is the factor that recognize_norm leaves there. */
static bool is_uniform(const Node *norm)
{
    const Tensor *scale = norm->inputs.at[1]->constant;
    for (int64_t i = 0; scale && i < scale->count; i++)
        if (tensor_get(scale, i) != tensor_get(scale, 0))
            return false;
    return scale && scale->count && norm->op->kind != OP_LayerNormalization;
}

/* The normalisation over the last axis that makes a's operand and has no other use; *vector: the channel
 * constant it is combined with. */
static Node *norm_operand(const Node *node, Value **vector)
{
    Value *other = constant_operand(node, vector);
    Node *norm = value_made_by_norm(other);
    if (!norm || !value_only_user(other) || !node_has_one_output(norm) || !value_is_float(other))
        return NULL;
    Dim last = other->type.shape.dims[value_rank(other) - 1];
    return node_axis(norm) == value_rank(other) - 1 && value_is_channel_vector(*vector, last.size) &&
                   value_same_type(other, node->outputs.at[0])
               ? norm
               : NULL;
}

/* A vector of rank 1 with the same numbers. */
static Value *as_vector(Node *at, Value *value)
{
    if (value_rank(value) == 1)
        return value;
    Tensor *tensor = tensor_reshaped(at->graph->model->arena, value->constant, 1, &value->constant->count);
    return constant_new(at->graph, value->name, tensor, value->span);
}

static Value *scaled(Node *at, const Value *vector, double factor)
{
    const Tensor *from = vector->constant;
    Tensor *tensor = tensor_new(at->graph->model->arena, DT_FLOAT, 1, &from->count);
    for (int64_t i = 0; i < from->count; i++)
        tensor_set(tensor, i, tensor_get(from, i) * factor);
    return constant_new(at->graph, vector->name, tensor, at->span);
}

/* norm makes node's output, with other parameters. */
static bool rebuild(Node *node, Node *norm, Value *scale, Value *bias)
{
    Node *made = node_replace(node, norm->op->kind, (Value *[]){norm->inputs.at[0], scale, bias}, bias ? 3 : 2);
    node_copy_attrs(made, norm);
    node_infer(made);
    return true;
}

bool recognize_norm_scale(Node *node)
{
    Value *vector;
    Node *norm = norm_operand(node, &vector);
    const Tensor *scale = norm ? norm->inputs.at[1]->constant : NULL;
    if (!norm || node_input(norm, 2) || !(is_ones(scale) || is_uniform(norm)))
        return false;
    return rebuild(node, norm, is_ones(scale) ? as_vector(node, vector) : scaled(node, vector, tensor_get(scale, 0)), NULL);
}

bool recognize_norm_bias(Node *node)
{
    Value *vector;
    Node *norm = norm_operand(node, &vector);
    if (!norm || norm->op->kind != OP_LayerNormalization || node_input(norm, 2))
        return false;
    return rebuild(node, norm, norm->inputs.at[1], as_vector(node, vector));
}
