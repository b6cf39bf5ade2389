/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The rewrite driver and the helpers of rewrite rules. */
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

#include <math.h>

/* ── Driver ──────────────────────────────────────────────────────────────────────────────────────────── */

/* Whether node is still in its graph: removal leaves its own links, but not its neighbour's to it. */
static bool is_linked(const Node *node) { return (node->prev ? node->prev->next : node->graph->first) == node; }

static bool apply_rules(Node *node, const Rule *rules, int64_t n_rules)
{
    for (int64_t i = 0; i < n_rules; i++)
        if ((rules[i].root == ANY_OP || rules[i].root == (int)node->op->kind) && rules[i].apply(node))
            return true;
    return false;
}

static bool sweep(Graph *graph, const Rule *rules, int64_t n_rules)
{
    bool changed = false;
    for (Node *node = graph->first; node;) {
        Node *next = node->next;
        if (!apply_rules(node, rules, n_rules)) {
            node = next;
            continue;
        }
        changed = true;
        node = is_linked(node) ? node->next : next;
        while (node && !is_linked(node)) /* a removed node still knows what came after it */
            node = node->next;
    }
    return changed;
}

bool rewrite(Graph *graph, const Rule *rules, int64_t n_rules)
{
    bool changed = false;
    while (sweep(graph, rules, n_rules))
        changed = true;
    return changed;
}

/* ── Looking ─────────────────────────────────────────────────────────────────────────────────────────── */

Node *value_made_by(const Value *value, OpKind kind)
{
    Node *node = value ? value->producer : NULL;
    return node && node->op->kind == kind && node_output(node, 0) == value ? node : NULL;
}

Node *value_made_by_norm(const Value *value)
{
    Node *norm = value_made_by(value, OP_LayerNormalization);
    norm = norm ? norm : value_made_by(value, OP_RMSNormalization);
    return norm ? norm : value_made_by(value, OP_SimpleNormalization);
}

Value *value_squared(const Value *value)
{
    const Node *mul = value_made_by(value, OP_Mul), *power = value_made_by(value, OP_Pow);
    if (mul && mul->inputs.at[0] == mul->inputs.at[1])
        return mul->inputs.at[0];
    return power && value_is_number(power->inputs.at[1], 2) ? power->inputs.at[0] : NULL;
}

Node *value_only_user(const Value *value) { return value_has_one_use(value) ? value->users.at[0] : NULL; }

bool value_is_scalar(const Value *value, double *number)
{
    return value && value->constant && tensor_is_scalar(value->constant, number);
}

bool value_is_number(const Value *value, double expected)
{
    double number;
    return value_is_scalar(value, &number) && fabs(number - expected) <= 1e-6 * fabs(expected);
}

bool value_is_float(const Value *value) { return value && value->type.dtype == DT_FLOAT; }

bool value_same_type(const Value *a, const Value *b)
{
    return a->type.dtype != DT_UNDEFINED && a->type.dtype == b->type.dtype && shape_equal(&a->type.shape, &b->type.shape);
}

int value_rank(const Value *value) { return value->type.shape.rank; }

Value *constant_operand(const Node *node, Value **constant)
{
    if (node->inputs.len != 2 || !node->inputs.at[0] || !node->inputs.at[1])
        return NULL;
    for (int i = 1; i >= 0; i--)
        if (node->inputs.at[i]->constant && !node->inputs.at[1 - i]->constant) {
            *constant = node->inputs.at[i];
            return node->inputs.at[1 - i];
        }
    return NULL;
}

Value *node_scalar_operand(const Node *node, double *scalar)
{
    Value *constant, *other = constant_operand(node, &constant);
    return other && value_is_scalar(constant, scalar) ? other : NULL;
}

bool value_is_channel_vector(const Value *value, int64_t n)
{
    const Tensor *t = value->constant;
    return t && t->dtype == DT_FLOAT && t->rank > 0 && t->count == n && t->dims[t->rank - 1] == n;
}

bool reshape_target(const Shape *from, const Shape *to, int64_t target[MAX_RANK])
{
    int inferred = 0;
    if (from->rank < 0 || to->rank < 0)
        return false;
    for (int i = 0; i < to->rank; i++) {
        target[i] = to->dims[i].size;
        if (target[i] <= 0) {
            bool kept = i < from->rank && dim_equal(from->dims[i], to->dims[i]);
            target[i] = kept ? 0 : -1;
            inferred += !kept;
        }
    }
    return inferred <= 1;
}

/* ── Axes ────────────────────────────────────────────────────────────────────────────────────────────── */

int64_t node_reduced_axes(const Node *node, int64_t axes[MAX_RANK])
{
    bool reduced[MAX_RANK];
    int64_t n = 0;
    node_reduced(node, reduced);
    for (int i = 0; i < MAX_RANK; i++)
        if (reduced[i])
            axes[n++] = i;
    return n;
}

void node_drop_attr(Node *node, const char *name)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < node->attrs.len; i++)
        if (!str_equal(node->attrs.at[i].name, name))
            node->attrs.at[kept++] = node->attrs.at[i];
    node->attrs.len = kept;
}

void node_set_axes(Node *node, const int64_t *axes, int64_t n)
{
    const char *base = arena_printf(node->graph->model->arena, "%s_axes", node->outputs.at[0]->name);
    Tensor *tensor = tensor_from_i64(node->graph->model->arena, axes, n);
    Value *value = constant_new(node->graph, base, tensor, node->span);
    node_drop_attr(node, "axes");
    if (node->inputs.len > 1)
        node_set_input(node, 1, value);
    else
        node_add_input(node, value);
}

/* ── Changing ────────────────────────────────────────────────────────────────────────────────────────── */

Node *node_replace(Node *old, OpKind kind, Value *const *inputs, int64_t n_inputs)
{
    Node *node = graph_insert_node(old->graph, old, op_get(kind), old->span);
    node->name = old->name;
    for (int64_t i = 0; i < n_inputs; i++)
        node_add_input(node, inputs[i]);
    node_add_output(node, old->outputs.at[0]);
    node_remove(old);
    return node;
}

Node *node_before(Node *at, OpKind kind, Value *const *inputs, int64_t n_inputs, const char *base)
{
    return graph_add_op(at->graph, at, op_get(kind), inputs, n_inputs, base, at->span);
}

/* value's producer makes output instead, so that the output keeps its name. */
static void rename_to_output(Value *value, Value *output)
{
    Node *producer = value->producer;
    value_replace_uses(value, output);
    for (int64_t i = 0; i < producer->outputs.len; i++)
        if (producer->outputs.at[i] == value)
            producer->outputs.at[i] = output;
    output->producer = producer;
    value->producer = NULL;
    graph_remove_value(value->graph, value);
}

bool node_forward(Node *node, Value *value)
{
    Value *output = node->outputs.at[0];
    if (!output->is_output) {
        value_replace_uses(output, value);
        node_remove(node);
        return true;
    }
    if (!value->producer || value->is_output)
        return false;
    output->producer = NULL; /* node no longer owns it */
    node_remove(node);
    rename_to_output(value, output);
    return true;
}

bool node_forward_same_type(Node *node)
{
    return value_same_type(node->inputs.at[0], node->outputs.at[0]) && node_forward(node, node->inputs.at[0]);
}

bool cast_by_name(Node *node)
{
    Node *cast = node_replace(node, OP_Cast, node->inputs.at, 1);
    node_set_int(cast, "to", cast->outputs.at[0]->type.dtype);
    node_infer(cast);
    return true;
}

bool node_become_reshape(Node *node, Value *x)
{
    Arena *arena = node->graph->model->arena;
    const Value *output = node->outputs.at[0];
    int64_t target[MAX_RANK];
    if (!reshape_target(&x->type.shape, &output->type.shape, target))
        return false;
    Tensor *tensor = tensor_from_i64(arena, target, value_rank(output));
    Value *shape = constant_new(node->graph, arena_printf(arena, "%s_shape", output->name), tensor, node->span);
    node_infer(node_replace(node, OP_Reshape, (Value *[]){x, shape}, 2));
    return true;
}

void node_become_constant(Node *node, Tensor *tensor)
{
    Value *value = node->outputs.at[0];
    if (value->is_output) {
        Value *constant = constant_new(node->graph, value->name, tensor, node->span);
        node_infer(node_replace(node, OP_Identity, &constant, 1));
        return;
    }
    value->producer = NULL;
    value->constant = tensor;
    value->type = tensor_type(tensor);
    vec_push(node->graph->model->arena, &node->graph->constants, value);
    node_remove(node);
}

Value *constant_new(Graph *graph, const char *base, Tensor *tensor, Span span)
{
    return graph_add_constant(graph, graph_fresh_name(graph, base), tensor, span);
}

Value *vector_new(Node *at, const char *base, const double *numbers, int64_t n)
{
    Tensor *tensor = tensor_new(at->graph->model->arena, DT_FLOAT, 1, &n);
    for (int64_t i = 0; i < n; i++)
        tensor_set(tensor, i, numbers[i]);
    return constant_new(at->graph, base, tensor, at->span);
}
