/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Nodes in the place of another.
 *
 *   y = QuantizeLinear(x, s)     SPELL(y's node, OP_Div, x, s)     →     y_1 = Div(x, s)   y = QuantizeLinear(x, s) */
#include "ir/spell_util.h"

#include "ir/infer_util.h"

static Arena *arena_of(const Node *node) { return node->graph->model->arena; }

static const char *base_of(const Node *at)
{
    for (int64_t i = 0; i < at->outputs.len; i++)
        if (at->outputs.at[i])
            return at->outputs.at[i]->name;
    return at->op->name;
}

Value *spell_constant(Node *at, Tensor *tensor)
{
    return graph_add_constant(at->graph, graph_fresh_name(at->graph, base_of(at)), tensor, at->span);
}

Node *spell_node(Node *at, OpKind kind, Value *const *inputs, int64_t n)
{
    while (n && !inputs[n - 1])
        n--;
    return graph_add_op(at->graph, at, op_get(kind), inputs, n, base_of(at), at->span);
}

/* A pass or a spelling that makes a node without a type is wrong itself. */
static void set_types(Node *node)
{
    if (!infer_rule(node, node->graph->model->diag))
        diag_bug(__FILE__, __LINE__, "a spelling made a node that has no type");
}

Value *spelled(Node *node)
{
    set_types(node);
    return node->outputs.at[0];
}

Value *const *spelled_all(Node *node, int64_t n)
{
    for (int64_t i = node->outputs.len; i < n; i++) {
        const char *name = graph_fresh_name(node->graph, node->outputs.at[0]->name);
        node_add_output(node, graph_add_value(node->graph, name, (Type){.shape.rank = -1}, node->span));
    }
    set_types(node);
    return node->outputs.at;
}

Value *spell(Node *at, OpKind kind, Value *const *inputs, int64_t n) { return spelled(spell_node(at, kind, inputs, n)); }

Value *spell_number(Node *at, DType dtype, double number)
{
    Tensor *tensor = tensor_new(arena_of(at), dtype, 0, NULL);
    tensor_set(tensor, 0, number);
    return spell_constant(at, tensor);
}

Value *spell_ints(Node *at, const int64_t *values, int64_t n)
{
    return spell_constant(at, tensor_from_i64(arena_of(at), values, n));
}

static Value *counted_table(Node *at, int64_t n, int64_t first, int behind)
{
    int64_t dims[MAX_RANK] = {n};
    for (int i = 1; i <= behind; i++)
        dims[i] = 1;
    Tensor *tensor = tensor_new(arena_of(at), DT_INT64, behind + 1, dims);
    for (int64_t i = 0; i < n; i++)
        tensor_set_int(tensor, i, first + i);
    return spell_constant(at, tensor);
}

/* In two digits: [[0], [MOST], [2 * MOST] …] + [0, 1 … MOST - 1]. */
Value *spell_counted(Node *at, int64_t n, int64_t first, int behind)
{
    enum { MOST = 1 << 16 };
    if (n <= MOST)
        return counted_table(at, n, first, behind);
    int64_t dims[MAX_RANK] = {n}, zero = 0, high = (n + MOST - 1) / MOST, padded = high * MOST;
    for (int i = 1; i <= behind; i++)
        dims[i] = 1;
    Value *tens = SPELL(at, OP_Mul, spell_counted(at, high, 0, 1), spell_number(at, DT_INT64, MOST));
    Value *all = spell_reshape(at, SPELL(at, OP_Add, tens, counted_table(at, MOST, first, 0)), 1, &padded);
    all = SPELL(at, OP_Slice, all, spell_ints(at, &zero, 1), spell_ints(at, &n, 1));
    return behind ? spell_reshape(at, all, behind + 1, dims) : all;
}

Value *spell_cast(Node *at, Value *x, DType to)
{
    if (x->type.dtype == to)
        return x;
    Node *cast = spell_node(at, OP_Cast, &x, 1);
    node_set_int(cast, "to", to);
    return spelled(cast);
}

Value *spell_wide(Node *at, Value *x)
{
    bool is_short = x->type.dtype == DT_FLOAT16 || x->type.dtype == DT_BFLOAT16;
    return is_short ? spell_cast(at, x, DT_FLOAT) : x;
}

Value *spell_reshape(Node *at, Value *x, int rank, const int64_t *dims)
{
    return SPELL(at, OP_Reshape, x, spell_ints(at, dims, rank));
}

Value *spell_reshape_to(Node *at, Value *x, const Shape *shape)
{
    int64_t dims[MAX_RANK];
    for (int i = 0; i < shape->rank; i++) {
        bool kept = i < x->type.shape.rank && dim_equal(shape->dims[i], x->type.shape.dims[i]);
        dims[i] = shape->dims[i].size >= 0 ? shape->dims[i].size : kept ? 0 : -1;
    }
    return spell_reshape(at, x, shape->rank, dims);
}

Value *spell_by_channel(Node *at, Value *channels, int rank)
{
    int64_t dims[MAX_RANK] = {shape_count(&channels->type.shape)};
    for (int i = 1; i < rank - 1; i++)
        dims[i] = 1;
    return dims[0] == 1 ? channels : spell_reshape(at, channels, rank - 1, dims);
}

void spell_output(Node *at, int64_t i, Value *value)
{
    Value *output = node_output(at, i);
    if (!output)
        return;
    if (!value->producer)
        value = SPELL(at, OP_Identity, value);
    value_replace_uses(value, output);
    output->type = value->type;
    output->producer = value->producer;
    value->producer->outputs.at[0] = output;
    value->producer = NULL;
    graph_remove_value(at->graph, value);
}

void spell_result(Node *at, Value *value) { spell_output(at, 0, spell_cast(at, value, at->outputs.at[0]->type.dtype)); }
