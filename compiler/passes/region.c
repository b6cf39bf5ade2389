/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Making regions: nodes of a graph move into the body of one node.
 *
 *   p = MatMul(x, w)                               y = cnxc.Region<kind, body>(x, w)
 *   y = Relu(p)                           ->         body = y (x, w) => (y) { p = MatMul(x, w)  y = Relu(p) }
 *
 * Values keep their names inside. What the body uses becomes an input, in the order of first use; one-element operands of
 * elementwise nodes and axes are copied into the body, for they are part of what it computes. */
#include "compiler/passes/region.h"

#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

/* From the values of the graph to those of the body. */
typedef struct Mapping {
    Graph *body;
    Node *call;            /* the Region node: gets an input for each of the body's */
    VEC(Value *) from, to;
} Mapping;

static void map_value(Mapping *mapping, Value *from, Value *to)
{
    vec_push(mapping->body->model->arena, &mapping->from, from);
    vec_push(mapping->body->model->arena, &mapping->to, to);
}

static bool is_axes(const Node *node, int64_t input) { return node_is_reduce(node) && input == 1; }

static Value *new_in_body(Mapping *mapping, Value *value, bool inside)
{
    Graph *body = mapping->body;
    const char *name = graph_fresh_name(body, value->name);
    if (inside)
        return graph_add_constant(body, name, value->constant, value->span);
    node_add_input(mapping->call, value);
    return graph_add_input(body, name, value->type, value->span);
}

static Value *mapped(const Mapping *mapping, const Value *value)
{
    for (int64_t i = 0; i < mapping->from.len; i++)
        if (mapping->from.at[i] == value)
            return mapping->to.at[i];
    return NULL;
}

/* The body's value for one that a node in it uses. */
static Value *value_in_body(Mapping *mapping, const Node *node, int64_t input)
{
    Value *value = node->inputs.at[input], *made = value ? mapped(mapping, value) : NULL;
    double scalar;
    if (!value || made)
        return made;
    bool elementwise = node->op->class == CLASS_ELEMENTWISE;
    bool inside = value->constant && (is_axes(node, input) || (elementwise && value_is_scalar(value, &scalar)));
    made = new_in_body(mapping, value, inside);
    map_value(mapping, value, made);
    return made;
}

static void copy_into_body(Mapping *mapping, const Node *node)
{
    Node *copy = graph_insert_node(mapping->body, NULL, node->op, node->span);
    Value *output = node->outputs.at[0];
    copy->name = node->name;
    node_copy_attrs(copy, node);
    if (node->op->kind == OP_Region)
        node_attr_graph(copy, "body")->parent = mapping->body;
    for (int64_t i = 0; i < node->inputs.len; i++)
        node_add_input(copy, value_in_body(mapping, node, i));
    Value *made = graph_add_value(mapping->body, graph_fresh_name(mapping->body, output->name), output->type, output->span);
    node_add_output(copy, made);
    map_value(mapping, output, made);
}

/* An empty Region node in last's place, named after first. */
static Mapping open_region(const Node *first, Node *last)
{
    Graph *graph = last->graph, *body = graph_new(graph->model, last->outputs.at[0]->name);
    Node *call = graph_insert_node(graph, last, op_get(OP_Region), first->span);
    body->parent = graph;
    call->name = first->name;
    call->mark = last->mark;
    return (Mapping){.body = body, .call = call};
}

/* The nodes go, and the region makes what the last one made. */
static Node *close_region(Mapping *mapping, Node *const *nodes, int n, RegionKind kind)
{
    Value *output = nodes[n - 1]->outputs.at[0];
    graph_add_output(mapping->body, mapped(mapping, output));
    node_add_output(mapping->call, output);
    for (int i = n - 1; i >= 0; i--)
        node_remove(nodes[i]);
    node_set_graph(mapping->call, "body", mapping->body);
    node_set_string(mapping->call, "kind", region_kind_name(kind));
    node_infer(mapping->call);
    return mapping->call;
}

Node *region_make(Node *const *nodes, int n, RegionKind kind)
{
    Mapping mapping = open_region(nodes[0], nodes[n - 1]);
    for (int i = 0; i < n; i++)
        copy_into_body(&mapping, nodes[i]);
    return close_region(&mapping, nodes, n, kind);
}
