/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The verifier: what every pass may take for granted, and must leave true.
 *
 * Checks run from the ground up: links first, so that later checks can walk them, then names and uses, then
 * arity and attributes, then types, by inferring each node anew. */
#include "ir/verify.h"
#include "ir/check.h"
#include "ir/infer_util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Check {
    Graph *graph;
    const char **problem;
} Check;

#define BROKEN(check, ...) (*(check)->problem = arena_printf((check)->graph->model->arena, __VA_ARGS__), false)

static const char *label(const Node *node)
{
    const Value *value = node_output(node, 0);
    return arena_printf(node_arena(node), "%s of '%s'", node->op->name, value ? value->name : "");
}

/* ── Links ───────────────────────────────────────────────────────────────────────────────────────────── */

/* Also numbers the nodes by their marks. */
static bool check_links(Check *check)
{
    Graph *graph = check->graph;
    Node *before = NULL;
    int64_t n = 0;
    FOR_NODES (node, graph) {
        if (node->prev != before || node->graph != graph)
            return BROKEN(check, "%s is linked wrongly", label(node));
        node->mark = n++;
        before = node;
    }
    if (graph->last != before || graph->n_nodes != n)
        return BROKEN(check, "the graph has %lld nodes, it counts %lld", (long long)n, (long long)graph->n_nodes);
    return true;
}

static int64_t count_input(const Node *node, const Value *value)
{
    int64_t n = 0;
    for (int64_t i = 0; i < node->inputs.len; i++)
        n += node->inputs.at[i] == value;
    return n;
}

static int64_t count_user(const Value *value, const Node *node)
{
    int64_t n = 0;
    for (int64_t i = 0; i < value->users.len; i++)
        n += value->users.at[i] == node;
    return n;
}

static bool check_value(Check *check, const Value *value)
{
    if (value->graph != check->graph || graph_find(check->graph, value->name) != value)
        return BROKEN(check, "'%s' is not the value of that name in its graph", value->name);
    if (value->type.dtype == DT_UNDEFINED || value->type.shape.rank < 0)
        return BROKEN(check, "'%s' has no type", value->name);
    for (int64_t i = 0; i < value->users.len; i++)
        if (value->users.at[i]->graph != check->graph || !count_input(value->users.at[i], value))
            return BROKEN(check, "'%s' names a user that does not use it", value->name);
    return true;
}

static bool check_input_use(Check *check, const Node *node, const Value *value)
{
    if (value->graph != check->graph)
        return BROKEN(check, "%s uses '%s' of another graph", label(node), value->name);
    if (count_user(value, node) != count_input(node, value))
        return BROKEN(check, "%s is not among the users of '%s' as often as it uses it", label(node), value->name);
    if (value->producer && (value->producer->graph != check->graph || value->producer->mark >= node->mark))
        return BROKEN(check, "%s uses '%s' before it is computed", label(node), value->name);
    if (!value->producer && !value->constant && !value->is_input)
        return BROKEN(check, "%s uses '%s', which nothing computes", label(node), value->name);
    return true;
}

static bool check_uses(Check *check, const Node *node)
{
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i] && !check_input_use(check, node, node->inputs.at[i]))
            return false;
    for (int64_t i = 0; i < node->outputs.len; i++) {
        const Value *value = node->outputs.at[i];
        if (value && (value->producer != node || value->constant || value->is_input))
            return BROKEN(check, "'%s' does not name %s as its producer", value->name, label(node));
        if (value && !check_value(check, value))
            return false;
    }
    return true;
}

/* ── Types ───────────────────────────────────────────────────────────────────────────────────────────── */

/* Runs step with a diagnostic sink; what it says first is the problem. */
static bool run_quietly(Check *check, Node *node, bool (*step)(Node *, Diag *))
{
    Printed printed;
    printed_begin(&printed);
    Diag diag = {.out = printed.out};
    bool ok = step(node, &diag);
    printed_end(&printed);
    if (!ok)
        *check->problem =
            arena_printf(check->graph->model->arena, "%s: %.*s", label(node), (int)strcspn(printed.text, "\n"), printed.text);
    free(printed.text);
    return ok;
}

/* A dimension that inference does not know may have been declared. */
static bool agree(const Type *recorded, const Type *inferred)
{
    if (recorded->dtype != inferred->dtype || recorded->shape.rank != inferred->shape.rank)
        return false;
    for (int i = 0; i < recorded->shape.rank; i++) {
        Dim a = recorded->shape.dims[i], b = inferred->shape.dims[i];
        if (!dim_equal(a, b) && (dim_is_fixed(b) || b.symbol))
            return false;
    }
    return true;
}

static bool check_types(Check *check, Node *node)
{
    Arena *arena = node_arena(node);
    Type *recorded = NEW_ARRAY(arena, Type, node->outputs.len);
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            recorded[i] = node->outputs.at[i]->type;
    if (!run_quietly(check, node, infer_types))
        return false;
    for (int64_t i = 0; i < node->outputs.len; i++) {
        Value *value = node->outputs.at[i];
        if (!value)
            continue;
        Type inferred = value->type;
        value->type = recorded[i];
        if (!agree(&recorded[i], &inferred))
            return BROKEN(check, "'%s' is recorded as %s, inferred as %s", value->name, type_text(arena, &recorded[i]),
                          type_text(arena, &inferred));
    }
    return true;
}

/* ── The graph ───────────────────────────────────────────────────────────────────────────────────────── */

static bool check_ends(Check *check)
{
    Graph *graph = check->graph;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        if (!graph->inputs.at[i]->is_input || graph->inputs.at[i]->producer || !check_value(check, graph->inputs.at[i]))
            return *check->problem ? false : BROKEN(check, "input '%s' is not marked as one", graph->inputs.at[i]->name);
    for (int64_t i = 0; i < graph->constants.len; i++)
        if (!graph->constants.at[i]->constant || graph->constants.at[i]->producer)
            return BROKEN(check, "constant '%s' has no tensor or is computed", graph->constants.at[i]->name);
        else if (!check_value(check, graph->constants.at[i]))
            return false;
    for (int64_t i = 0; i < graph->outputs.len; i++) {
        const Value *value = graph->outputs.at[i];
        if (!value->is_output || (!value->producer && !value->constant && !value->is_input))
            return BROKEN(check, "output '%s' is not marked as one, or nothing computes it", value->name);
        if (!check_value(check, value))
            return false;
    }
    return true;
}

static bool check_bodies(const Node *node, const char **problem)
{
    for (int64_t i = 0; i < node->attrs.len; i++)
        if (node->attrs.at[i].kind == ATTR_GRAPH && !graph_verify(node->attrs.at[i].graph, problem))
            return false;
    return true;
}

bool graph_verify(Graph *graph, const char **problem)
{
    Check check = {graph, problem};
    *problem = NULL;
    if (!check_links(&check) || !check_ends(&check))
        return false;
    FOR_NODES (node, graph)
        if (!check_uses(&check, node) || !run_quietly(&check, node, node_check) || !check_types(&check, node) ||
            !check_bodies(node, problem))
            return false;
    return true;
}
