/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Layer normalisation and RMS normalisation, however an exporter spelled them out.
 *
 *   m = ReduceMean(x, -1)
 *   d = Sub(x, m)
 *   q = Pow(d, 2)                          (or Mul(d, d))
 *   v = ReduceMean(q, -1)             ->   n = LayerNormalization<epsilon>(x, ones)
 *   e = Add(v, epsilon)                    then  Mul(n, g)  ->  LayerNormalization(x, g)
 *   s = Sqrt(e)                            then  Add(n, b)  ->  LayerNormalization(x, g, b)
 *   n = Div(d, s)                          (or Mul(d, Reciprocal(s)))
 *
 *   n = Div(x, Sqrt(ReduceMean(Pow(x, 2)) + epsilon))      ->   n = RMSNormalization<epsilon>(x, ones), which has no b
 */
#include "compiler/passes/recognize.h"

#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

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
static Value *centred(Value *value)
{
    Node *sub = value_made_by(value, OP_Sub);
    return sub && mean_of(sub->inputs.at[1]) == sub->inputs.at[0] ? sub->inputs.at[0] : NULL;
}

typedef Value *Root(Value *value); /* x of what is normalised: centred, or as it is */

static Value *as_it_is(Value *value) { return value; }

/* x where value is the mean of root(x)²; NULL. */
static Value *variance_of(const Value *value, Root *root)
{
    const Value *square = mean_of(value);
    Node *power = value_made_by(square, OP_Pow), *mul = value_made_by(square, OP_Mul);
    if (power && value_is_number(power->inputs.at[1], 2))
        return root(power->inputs.at[0]);
    Value *a = mul ? root(mul->inputs.at[0]) : NULL;
    return a && a == root(mul->inputs.at[1]) ? a : NULL;
}

/* x where value is sqrt(variance(x) + epsilon); NULL. */
static Value *deviation_of(const Value *value, Root *root, double *epsilon)
{
    Node *sqrt = value_made_by(value, OP_Sqrt);
    Node *sum = sqrt ? value_made_by(sqrt->inputs.at[0], OP_Add) : NULL;
    Value *variance = sum ? node_scalar_operand(sum, epsilon) : NULL;
    return variance ? variance_of(variance, root) : NULL;
}

/* x where node is root(x) / sqrt(variance + epsilon), as a Div or a Mul by a Reciprocal; NULL. */
static Value *normalized(const Node *node, Root *root, double *epsilon)
{
    for (int i = 0; i < 2; i++) {
        Value *x = root(node->inputs.at[i]), *by = node->inputs.at[1 - i];
        if (!x || (node->op->kind == OP_Div && i == 1))
            continue;
        Node *reciprocal = value_made_by(by, OP_Reciprocal);
        if (node->op->kind == OP_Mul)
            by = reciprocal ? reciprocal->inputs.at[0] : NULL;
        if (by && deviation_of(by, root, epsilon) == x)
            return x;
    }
    return NULL;
}

static Value *ones_for(Node *node, int64_t n)
{
    Arena *arena = node->graph->model->arena;
    Tensor *tensor = tensor_new(arena, DT_FLOAT, 1, &n);
    for (int64_t i = 0; i < n; i++)
        tensor_set(tensor, i, 1);
    return constant_new(node->graph, arena_printf(arena, "%s_ones", node->outputs.at[0]->name), tensor, node->span);
}

static bool recognize(Node *node, Root *root, OpKind kind)
{
    double epsilon = 0;
    Value *x = normalized(node, root, &epsilon);
    if (!x || !value_is_float(x) || !(epsilon >= 0))
        return false;
    Dim last = x->type.shape.dims[value_rank(x) - 1];
    if (!dim_is_fixed(last))
        return false;
    Node *norm = node_replace(node, kind, (Value *[]){x, ones_for(node, last.size)}, 2);
    node_set_int(norm, "axis", value_rank(x) - 1);
    node_set_float(norm, "epsilon", epsilon);
    node_infer(norm);
    return true;
}

bool recognize_norm(Node *node)
{
    return recognize(node, centred, OP_LayerNormalization) || recognize(node, as_it_is, OP_RMSNormalization);
}

/* ── Scale and bias ──────────────────────────────────────────────────────────────────────────────────── */

static bool is_ones(const Tensor *tensor)
{
    for (int64_t i = 0; tensor && i < tensor->count; i++)
        if (tensor_get(tensor, i) != 1)
            return false;
    return tensor != NULL;
}

/* The normalisation over the last axis that makes a's operand and has no other use; *vector: the channel
 * constant it is combined with. */
static Node *norm_operand(const Node *node, Value **vector)
{
    Value *other = constant_operand(node, vector);
    Node *norm = other ? value_made_by_norm(other) : NULL;
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
    if (!norm || node_input(norm, 2) || !is_ones(norm->inputs.at[1]->constant))
        return false;
    return rebuild(node, norm, as_vector(node, vector), NULL);
}

bool recognize_norm_bias(Node *node)
{
    Value *vector;
    Node *norm = norm_operand(node, &vector);
    if (!norm || norm->op->kind == OP_RMSNormalization || node_input(norm, 2))
        return false;
    return rebuild(node, norm, norm->inputs.at[1], as_vector(node, vector));
}
