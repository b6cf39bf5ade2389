/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Graph: building and editing. Every edit keeps producers, users and names consistent. */
#include "ir/graph.h"
#include "ir/op.h"

#include <stdlib.h>
#include <string.h>

Model *model_new(Arena *arena, Diag *diag)
{
    Model *model = NEW(arena, Model);
    model->arena = arena;
    model->diag = diag;
    return model;
}

int64_t model_opset(const Model *model, const char *domain)
{
    for (int64_t i = 0; i < model->opsets.len; i++)
        if (strcmp(model->opsets.at[i].domain, domain) == 0)
            return model->opsets.at[i].version;
    return 0;
}

void model_set_opset(Model *model, const char *domain, int64_t version)
{
    for (int64_t i = 0; i < model->opsets.len; i++)
        if (strcmp(model->opsets.at[i].domain, domain) == 0) {
            model->opsets.at[i].version = version;
            return;
        }
    vec_push(model->arena, &model->opsets, (Opset){arena_strdup(model->arena, domain), version});
}

const char *model_prop(const Model *model, const char *key)
{
    for (int64_t i = 0; i < model->props.len; i++)
        if (strcmp(model->props.at[i].key, key) == 0)
            return model->props.at[i].value;
    return NULL;
}

void model_set_prop(Model *model, const char *key, const char *value)
{
    value = arena_strdup(model->arena, value);
    for (int64_t i = 0; i < model->props.len; i++)
        if (strcmp(model->props.at[i].key, key) == 0) {
            model->props.at[i].value = value;
            return;
        }
    vec_push(model->arena, &model->props, (Prop){arena_strdup(model->arena, key), value});
}

Graph *graph_new(Model *model, const char *name)
{
    Graph *graph = NEW(model->arena, Graph);
    graph->model = model;
    graph->name = arena_strdup(model->arena, name);
    graph->names.arena = model->arena;
    return graph;
}

Value *graph_find(const Graph *graph, const char *name) { return strmap_get(&graph->names, name); }

/* The last number that was given to a base, of which the first few are taken. */
static int64_t *last_number(Graph *graph, const char *base, int64_t few)
{
    int64_t *last = strmap_get(&graph->numbered, base);
    if (last)
        return last;
    last = NEW(graph->model->arena, int64_t);
    *last = few;
    graph->numbered.arena = graph->model->arena;
    strmap_put(&graph->numbered, base, last);
    return last;
}

const char *graph_fresh_name(Graph *graph, const char *base)
{
    enum { FEW = 16 };
    const char *name = base;
    for (int64_t i = 1; i <= FEW && graph_find(graph, name); i++)
        name = arena_printf(graph->model->arena, "%s_%lld", base, (long long)i);
    while (graph_find(graph, name))
        name = arena_printf(graph->model->arena, "%s_%lld", base, (long long)++*last_number(graph, base, FEW));
    return name;
}

Value *graph_add_value(Graph *graph, const char *name, Type type, Span span)
{
    Value *value = NEW(graph->model->arena, Value);
    value->name = arena_strdup(graph->model->arena, name);
    value->type = type;
    value->span = span;
    value->graph = graph;
    strmap_put(&graph->names, name, value);
    return value;
}

Value *graph_add_input(Graph *graph, const char *name, Type type, Span span)
{
    Value *value = graph_add_value(graph, name, type, span);
    value->is_input = true;
    vec_push(graph->model->arena, &graph->inputs, value);
    return value;
}

Value *graph_add_constant(Graph *graph, const char *name, Tensor *tensor, Span span)
{
    Value *value = graph_add_value(graph, name, tensor_type(tensor), span);
    value->constant = tensor;
    vec_push(graph->model->arena, &graph->constants, value);
    return value;
}

void graph_add_output(Graph *graph, Value *value)
{
    value->is_output = true;
    vec_push(graph->model->arena, &graph->outputs, value);
}

static bool still_output(const Graph *graph, const Value *value)
{
    for (int64_t i = 0; i < graph->outputs.len; i++)
        if (graph->outputs.at[i] == value)
            return true;
    return false;
}

void graph_set_output(Graph *graph, int64_t index, Value *value)
{
    Value *old = graph->outputs.at[index];
    graph->outputs.at[index] = value;
    value->is_output = true;
    old->is_output = still_output(graph, old);
}

void graph_remove_value(Graph *graph, Value *value)
{
    strmap_put(&graph->names, value->name, NULL);
    for (int64_t i = 0; i < graph->constants.len; i++)
        if (graph->constants.at[i] == value) {
            memmove(graph->constants.at + i, graph->constants.at + i + 1,
                    (size_t)(graph->constants.len - i - 1) * sizeof *graph->constants.at);
            graph->constants.len--;
            return;
        }
}

static void add_user(Graph *graph, Value *value, Node *node)
{
    if (value)
        vec_push(graph->model->arena, &value->users, node);
}

static void drop_user(Value *value, const Node *node)
{
    if (!value)
        return;
    for (int64_t i = 0; i < value->users.len; i++)
        if (value->users.at[i] == node) {
            memmove(value->users.at + i, value->users.at + i + 1, (size_t)(value->users.len - i - 1) * sizeof *value->users.at);
            value->users.len--;
            return;
        }
    unreachable();
}

void value_replace_uses(Value *old, Value *with)
{
    if (old == with)
        return;
    while (old->users.len) {
        Node *user = old->users.at[0];
        for (int64_t i = 0; i < user->inputs.len; i++)
            if (user->inputs.at[i] == old) {
                node_set_input(user, i, with);
                break;
            }
    }
    for (int64_t i = 0; old->is_output && i < old->graph->outputs.len; i++)
        if (old->graph->outputs.at[i] == old)
            graph_set_output(old->graph, i, with);
}

bool value_has_one_use(const Value *value) { return value->users.len == 1 && !value->is_output; }

bool node_has_one_output(const Node *node)
{
    for (int64_t i = 1; i < node->outputs.len; i++)
        if (node->outputs.at[i] && (node->outputs.at[i]->users.len || node->outputs.at[i]->is_output))
            return false;
    return node_output(node, 0) != NULL;
}

static void link_before(Graph *graph, Node *node, Node *before)
{
    node->next = before;
    node->prev = before ? before->prev : graph->last;
    if (node->prev)
        node->prev->next = node;
    else
        graph->first = node;
    if (before)
        before->prev = node;
    else
        graph->last = node;
}

static void unlink_node(Node *node)
{
    Graph *graph = node->graph;
    if (node->prev)
        node->prev->next = node->next;
    else
        graph->first = node->next;
    if (node->next)
        node->next->prev = node->prev;
    else
        graph->last = node->prev;
}

Node *graph_insert_node(Graph *graph, Node *before, const Op *op, Span span)
{
    Node *node = NEW(graph->model->arena, Node);
    node->op = op;
    node->name = "";
    node->span = span;
    node->graph = graph;
    graph->n_nodes++;
    link_before(graph, node, before);
    return node;
}

Node *graph_add_op(Graph *graph, Node *before, const Op *op, Value *const *inputs, int64_t n_inputs, const char *output_base,
                   Span span)
{
    Node *node = graph_insert_node(graph, before, op, span);
    for (int64_t i = 0; i < n_inputs; i++)
        node_add_input(node, inputs[i]);
    const char *name = graph_fresh_name(graph, output_base ? output_base : op->name);
    node_add_output(node, graph_add_value(graph, name, (Type){.shape.rank = -1}, span));
    return node;
}

void node_add_input(Node *node, Value *value)
{
    vec_push(node->graph->model->arena, &node->inputs, value);
    add_user(node->graph, value, node);
}

void node_set_input(Node *node, int64_t index, Value *value)
{
    drop_user(node->inputs.at[index], node);
    node->inputs.at[index] = value;
    add_user(node->graph, value, node);
}

void node_add_output(Node *node, Value *value)
{
    vec_push(node->graph->model->arena, &node->outputs, value);
    if (value)
        value->producer = node;
}

void node_remove(Node *node)
{
    for (int64_t i = 0; i < node->inputs.len; i++)
        drop_user(node->inputs.at[i], node);
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i] && node->outputs.at[i]->producer == node) {
            if (node->outputs.at[i]->users.len)
                unreachable();
            node->outputs.at[i]->producer = NULL;
            graph_remove_value(node->graph, node->outputs.at[i]);
        }
    unlink_node(node);
    node->graph->n_nodes--;
}

void node_move_before(Node *node, Node *before)
{
    if (node == before)
        return;
    unlink_node(node);
    link_before(node->graph, node, before);
}

Value *node_input(const Node *node, int64_t index) { return index < node->inputs.len ? node->inputs.at[index] : NULL; }

Value *node_output(const Node *node, int64_t index) { return index < node->outputs.len ? node->outputs.at[index] : NULL; }

const Attr *node_attr(const Node *node, const char *name)
{
    for (int64_t i = 0; i < node->attrs.len; i++)
        if (strcmp(node->attrs.at[i].name, name) == 0)
            return &node->attrs.at[i];
    return NULL;
}

int64_t node_attr_int(const Node *node, const char *name)
{
    const Attr *attr = node_attr(node, name);
    AttrSpec spec;
    if (attr)
        return attr->i;
    return op_attr_spec(node->op, name, &spec) && spec.has_default ? strtoll(spec.default_text, NULL, 10) : 0;
}

double node_attr_float(const Node *node, const char *name)
{
    const Attr *attr = node_attr(node, name);
    AttrSpec spec;
    if (attr)
        return attr->kind == ATTR_INT ? (double)attr->i : attr->f;
    return op_attr_spec(node->op, name, &spec) && spec.has_default ? strtod(spec.default_text, NULL) : 0;
}

const char *node_attr_string(const Node *node, const char *name)
{
    const Attr *attr = node_attr(node, name);
    AttrSpec spec;
    if (attr)
        return attr->string ? attr->string : "";
    if (op_attr_spec(node->op, name, &spec) && spec.has_default)
        return arena_strdup(node->graph->model->arena, spec.default_text);
    return "";
}

int64_t node_attr_ints(const Node *node, const char *name, const int64_t **ints)
{
    const Attr *attr = node_attr(node, name);
    *ints = attr ? attr->ints : NULL;
    return attr ? attr->count : 0;
}

Graph *node_attr_graph(const Node *node, const char *name)
{
    const Attr *attr = node_attr(node, name);
    return attr ? attr->graph : NULL;
}

void node_put_attr(Node *node, Attr attr)
{
    for (int64_t i = 0; i < node->attrs.len; i++)
        if (strcmp(node->attrs.at[i].name, attr.name) == 0) {
            node->attrs.at[i] = attr;
            return;
        }
    vec_push(node->graph->model->arena, &node->attrs, attr);
}

void node_set_int(Node *node, const char *name, int64_t value)
{
    node_put_attr(node, (Attr){.name = name, .kind = ATTR_INT, .i = value});
}

void node_set_float(Node *node, const char *name, double value)
{
    node_put_attr(node, (Attr){.name = name, .kind = ATTR_FLOAT, .f = value});
}

void node_set_string(Node *node, const char *name, const char *value)
{
    node_put_attr(node, (Attr){.name = name, .kind = ATTR_STRING, .string = value});
}

void node_set_ints(Node *node, const char *name, const int64_t *values, int64_t count)
{
    int64_t *copy = NEW_ARRAY(node->graph->model->arena, int64_t, count);
    if (count)
        memcpy(copy, values, (size_t)count * sizeof *copy);
    node_put_attr(node, (Attr){.name = name, .kind = ATTR_INTS, .ints = copy, .count = count});
}

void node_set_graph(Node *node, const char *name, Graph *graph)
{
    node_put_attr(node, (Attr){.name = name, .kind = ATTR_GRAPH, .graph = graph});
}

void node_copy_attrs(Node *to, const Node *from)
{
    for (int64_t i = 0; i < from->attrs.len; i++)
        node_put_attr(to, from->attrs.at[i]);
}

const char *graph_batch_symbol(const Graph *graph)
{
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        const Shape *shape = &graph->inputs.at[i]->type.shape;
        if (shape->rank > 0 && !dim_is_fixed(shape->dims[0]))
            return shape->dims[0].symbol;
    }
    return NULL;
}

/* An input is 4-D: its last two dimensions are a picture's size. */
