/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Origins: passes replace nodes and keep the places they come from, so a place is what joins both ends.
 *
 *   user's file           12: Div   13: Erf   14: Add   15: Mul   16: MatMul
 *   region, after passes  MatMul at 16, Gelu at 15
 *   origins               Mul at 15, MatMul at 16 */
#include "compiler/report/origins.h"

#include "ir/op.h"

/* By its own name, or else by its output's. */
static Origin origin_of(const Node *node)
{
    const Value *output = node_output(node, 0);
    return (Origin){node->op->name, *node->name || !output ? node->name : output->name, node->span};
}

Origins origins_of(const Graph *graph, Arena *arena)
{
    Origins list = {0};
    FOR_NODES (node, graph)
        vec_push(arena, &list, origin_of(node));
    return list;
}

static bool same_place(Span a, Span b) { return a.source && a.source == b.source && a.begin == b.begin && a.end == b.end; }

/* The operators of a body, of regions in it theirs. */
static void add_nodes(Origins *list, const Node *node, Arena *arena)
{
    if (node->op->kind != OP_Region) {
        vec_push(arena, list, origin_of(node));
        return;
    }
    FOR_NODES (inner, node_attr_graph(node, "body"))
        add_nodes(list, inner, arena);
}

static bool has_place(const Origins *list, Span span)
{
    for (int64_t i = 0; i < list->len; i++)
        if (same_place(list->at[i].span, span))
            return true;
    return false;
}

Origins node_origins(const Node *node, const Origins *all, Arena *arena)
{
    Origins own = {0}, found = {0};
    add_nodes(&own, node, arena);
    for (int64_t i = 0; i < all->len; i++)
        if (has_place(&own, all->at[i].span) && !has_place(&found, all->at[i].span)) /* a function's nodes, once for all calls */
            vec_push(arena, &found, all->at[i]);
    return found.len ? found : own;
}
