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

static bool is_axes(const Node *node, int64_t input)
{
    return is_reduce(node) && input == 1;
}

static Value *new_in_body(Mapping *mapping, Value *value, bool inside)
{
    Graph *body = mapping->body;
    const char *name = graph_fresh_name(body, value->name);
    if (inside)
        return graph_add_constant(body, name, value->constant, value->span);
    node_add_input(mapping->call, value);
    return graph_add_input(body, name, value->type, value->span);
}

/* The body's value for one that a node in it uses. */
static Value *value_in_body(Mapping *mapping, const Node *node, int64_t input)
{
    Value *value = node->inputs.at[input];
    double scalar;
    if (!value)
        return NULL;
    for (int64_t i = 0; i < mapping->from.len; i++)
        if (mapping->from.at[i] == value)
            return mapping->to.at[i];
    bool elementwise = node->op->class == CLASS_ELEMENTWISE;
    bool inside = value->constant && (is_axes(node, input) || (elementwise && is_scalar(value, &scalar)));
    Value *made = new_in_body(mapping, value, inside);
    map_value(mapping, value, made);
    return made;
}

static void copy_into_body(Mapping *mapping, const Node *node)
{
    Node *copy = graph_insert_node(mapping->body, NULL, node->op, node->span);
    Value *output = node->outputs.at[0];
    copy->name = node->name;
    node_copy_attrs(copy, node);
    for (int64_t i = 0; i < node->inputs.len; i++)
        node_add_input(copy, value_in_body(mapping, node, i));
    Value *made = graph_add_value(mapping->body, graph_fresh_name(mapping->body, output->name), output->type,
                                  output->span);
    node_add_output(copy, made);
    map_value(mapping, output, made);
}

Node *region_make(const Region *region, const char *kind)
{
    Node *last = region->nodes[region->n - 1], *first = region->nodes[0];
    Graph *graph = last->graph, *body = graph_new(graph->model, last->outputs.at[0]->name);
    body->parent = graph;
    Node *call = graph_insert_node(graph, last, op_get(OP_Region), first->span);
    Mapping mapping = {.body = body, .call = call};
    call->name = first->name;
    call->mark = last->mark;
    for (int i = 0; i < region->n; i++)
        copy_into_body(&mapping, region->nodes[i]);
    graph_add_output(body, mapping.to.at[mapping.to.len - 1]);
    node_add_output(call, last->outputs.at[0]);
    for (int i = region->n - 1; i >= 0; i--)
        node_remove(region->nodes[i]);
    node_set_graph(call, "body", body);
    node_set_string(call, "kind", kind);
    node_infer(call);
    return call;
}
