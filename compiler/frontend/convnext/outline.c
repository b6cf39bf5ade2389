/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Parts of the network become functions, so that a printed text is as short as the model is to tell.
 *
 * Problem: 36 blocks of 11 operators are 400 lines that say one thing. Idea: the builder notes which nodes are a part;
 * each part becomes a call, and parts of the same nodes call the same function. Its inputs are what the part reads, weights
 * included; a depthwise Conv's group, which differs from stage to stage, is an attribute. Names within a part begin with
 * the part's, in the function without it, so inlining makes the same graph again.
 *
 *   "s.0.dwconv" = Conv <group: int = 96> (x, "s.0.dwconv.weight")
 *   "s.0" = Add (x, "s.0.dwconv")
 *   →  "s.0" = convnext.Block <channels: int = 96> (x, "s.0.dwconv.weight")
 *      Block <channels> (x, "dwconv.weight") => (y)
 *      {
 *         dwconv = Conv <group: int = @channels> (x, "dwconv.weight")
 *         y = Add (x, dwconv)
 *      } */
#include "compiler/frontend/convnext/build.h"

#include "ir/print.h"

#include <stdlib.h>
#include <string.h>

typedef struct Outliner {
    const HfBuild *build;
    const HfPart *part;
    Function function;
    Node *call;
    StrMap inner;           /* a value's name → what it is in the function */
    VEC(Value *) results;   /* of the part, in the order of the function's outputs */
} Outliner;

static const char *inner_name(Arena *arena, const HfPart *part, const char *name)
{
    const char *start = arena_printf(arena, "%s.", part->name), *at = strstr(name, start);
    return at ? at + strlen(start) : name;
}

/* Whatever the part reads and did not compute becomes an input. */
static Value *inner_value(Outliner *o, Value *value)
{
    Graph *graph = o->function.graph;
    Arena *arena = graph->model->arena;
    Value *inner = strmap_get(&o->inner, value->name);
    if (inner)
        return inner;
    const char *bare = value->constant ? parameters_bare(o->build->weights, value->name) : NULL;
    const char *name = bare ? inner_name(arena, o->part, bare) : "x";
    inner = graph_add_input(graph, graph_fresh_name(graph, name), (Type){.shape.rank = -1}, NO_SPAN);
    strmap_put(&o->inner, value->name, inner);
    node_add_input(o->call, value);
    return inner;
}

static bool in_part(const HfPart *part, const Node *node)
{
    for (const Node *at = part->first; at != part->last->next; at = at->next)
        if (at == node)
            return true;
    return false;
}

/* Used elsewhere, or nowhere: the last stage, where only an earlier one is asked for. */
static bool is_result(const HfPart *part, const Value *value)
{
    for (int64_t i = 0; i < value->users.len; i++)
        if (!in_part(part, value->users.at[i]))
            return true;
    return value->is_output || !value->users.len;
}

static void copy_output(Outliner *o, Node *copy, Value *value)
{
    Graph *graph = o->function.graph;
    bool result = is_result(o->part, value);
    const char *name = result ? "y" : inner_name(graph->model->arena, o->part, value->name);
    Value *inner = graph_add_value(graph, graph_fresh_name(graph, name), (Type){.shape.rank = -1}, NO_SPAN);
    strmap_put(&o->inner, value->name, inner);
    node_add_output(copy, inner);
    if (!result)
        return;
    graph_add_output(graph, inner);
    vec_push(graph->model->arena, &o->results, value);
}

/* group = 1 is part of what the function does, any other is the number of channels, of which a function has one. */
static void copy_group(Outliner *o, Node *copy)
{
    static const Attr channels = {.name = "channels"}, ref = {"group", ATTR_REF, .ref_kind = ATTR_INT, .string = "channels"};
    int64_t group = copy->op->kind == OP_Conv ? node_attr_int(copy, "group") : 1;
    const Attr *known = node_attr(o->call, "channels");
    if (group == 1 || (known && known->i != group))
        return;
    if (!known)
        vec_push(copy->graph->model->arena, &o->function.params, channels);
    node_set_int(o->call, "channels", group);
    node_put_attr(copy, ref);
}

static void copy_node(Outliner *o, const Node *node)
{
    Node *copy = graph_insert_node(o->function.graph, NULL, node->op, NO_SPAN);
    node_copy_attrs(copy, node);
    copy_group(o, copy);
    for (int64_t i = 0; i < node->inputs.len; i++)
        node_add_input(copy, inner_value(o, node->inputs.at[i]));
    copy_output(o, copy, node->outputs.at[0]);
}

/* The body as text: what is printed alike computes the same. */
static const char *body_text(const Graph *graph)
{
    Printed printed;
    printed_begin(&printed);
    for (int64_t i = 0; i < graph->inputs.len; i++)
        fprintf(printed.out, "%s\n", graph->inputs.at[i]->name);
    FOR_NODES (node, graph)
        node_print(node, printed.out);
    printed_end(&printed);
    const char *copy = arena_strdup(graph->model->arena, printed.text);
    free(printed.text);
    return copy;
}

/* The model's function of the same body, or else this one, under a name of its own. */
static const char *function_name(Outliner *o, StrMap *bodies)
{
    Model *model = o->function.graph->model;
    const char *text = body_text(o->function.graph), *known = strmap_get(bodies, text);
    if (known)
        return known;
    for (int64_t i = 0, n = 1; i < model->functions.len; i++)
        if (strcmp(model->functions.at[i].name, o->function.name) == 0)
            o->function.name = arena_printf(model->arena, "%s_%lld", o->part->function, (long long)n++);
    vec_push(model->arena, &model->functions, o->function);
    strmap_put(bodies, text, (void *)(uintptr_t)o->function.name);
    return o->function.name;
}

/* The call computes the part's results now. */
static void replace(Outliner *o)
{
    for (int64_t i = 0; i < o->results.len; i++) {
        Value *value = o->results.at[i];
        value->producer->outputs.at[0] = NULL;
        value->producer = NULL;
        node_add_output(o->call, value);
    }
    for (Node *node = o->part->last, *before; node != o->call; node = before) {
        before = node->prev;
        node_remove(node);
    }
}

static void outline(const HfBuild *build, const HfPart *part, StrMap *bodies)
{
    Graph *graph = build->graph;
    Model *model = graph->model;
    Outliner o = {build,
                  part,
                  {.domain = graph->name, .name = part->function, .overload = "", .graph = graph_new(model, part->function)},
                  graph_insert_node(graph, part->first, op_get(OP_Call), NO_SPAN),
                  .inner.arena = model->arena};
    for (const Node *node = part->first; node != part->last->next; node = node->next)
        copy_node(&o, node);
    replace(&o);
    o.call->callee = arena_printf(model->arena, "%s.%s:", graph->name, function_name(&o, bodies));
    if (strcmp(o.call->outputs.at[0]->name, part->name) != 0)
        o.call->name = part->name;
}

void hf_outline(const HfBuild *build)
{
    Graph *graph = build->graph;
    StrMap bodies = {.arena = graph->model->arena}; /* → the function's name */
    model_set_opset(graph->model, graph->name, 1);
    for (int64_t i = 0; i < build->parts.len; i++)
        outline(build, &build->parts.at[i], &bodies);
    FOR_NODES (node, graph) /* types go without saying */
        if (!node->outputs.at[0]->is_output)
            node->outputs.at[0]->type = (Type){.shape.rank = -1};
}
