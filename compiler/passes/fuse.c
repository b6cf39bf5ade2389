/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Fusion into regions. A region is the unit of scheduling: one anchor that does the work, and the elementwise nodes that
 * can happen to each element while it is still in a register:
 *
 *   p = MatMul(x, w)                               y = cnxc.Region<kind = "gemm", body = …>(x, w, b)
 *   q = Add(p, b)                         ->         body (x, w, b) => (y) {
 *   y = Gelu(q)                                        p = MatMul(x, w)  q = Add(p, b)  y = Gelu(q) }
 *
 * The elementwise nodes may form any graph whose leaves are the anchor's result and region inputs, as long as only its
 * last value is used outside and every value in it has the anchor's shape. Elementwise nodes without an anchor become
 * regions of kind "map". What each kind promises is ir/region.h's. Bodies hold no constants but one-element operands and axes,
 * so weights stay constants of the graph. Requires types; preserves names of outputs; adds no semantics: a region runs its body. */
#include "compiler/passes/passes.h"

#include "compiler/passes/region.h"
#include "compiler/passes/rewrite.h"

const char *fuse_reason(const Node *node, Arena *arena)
{
    if (node->op->kind == OP_Region)
        return NULL;
    if (node->op->class == CLASS_MOVE)
        return "moves elements, computes nothing";
    if (region_kind_of(node) == REGION_ANY)
        return arena_printf(arena, "%s has no kind of region", node->op->name);
    if (!node_has_one_output(node))
        return "has more than one output in use";
    return region_may_begin(node) ? "-O0 fuses nothing" : "its element types are not all float";
}

enum { MAX_REGION = 32 }; /* nodes in one region */

/* Nodes with one output each, in topological order; only the last one's output is used outside. */
typedef struct Region {
    Node *nodes[MAX_REGION];
    int n;
} Region;

/* ── Growing ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool contains(const Region *region, const Node *node)
{
    for (int i = 0; i < region->n; i++)
        if (region->nodes[i] == node)
            return true;
    return false;
}

/* Used by a node outside, or an output of the graph. */
static bool escapes(const Region *region, const Value *value)
{
    for (int64_t i = 0; i < value->users.len; i++)
        if (!contains(region, value->users.at[i]))
            return true;
    return value->is_output;
}

/* Whether only the last node's value is seen outside. */
static bool is_closed(const Region *region)
{
    for (int i = 0; i < region->n - 1; i++)
        if (escapes(region, region->nodes[i]->outputs.at[0]))
            return false;
    return true;
}

static bool may_join(const Region *region, const Node *node)
{
    return !contains(region, node) && region_may_follow(region->nodes[0], node);
}

/* The earliest node that uses a value of the region and may join it; NULL. */
static Node *next_to_join(const Region *region)
{
    Node *best = NULL;
    for (int i = 0; i < region->n; i++) {
        const Value *value = region->nodes[i]->outputs.at[0];
        for (int64_t j = 0; j < value->users.len && j < MAX_REGION; j++) {
            Node *user = value->users.at[j];
            if (may_join(region, user) && (!best || user->mark < best->mark))
                best = user;
        }
    }
    return best;
}

/* Takes in nodes as far as they fit, and keeps the largest prefix that is closed. */
static void grow(Region *region)
{
    int closed = region->n;
    while (region->n < MAX_REGION) {
        Node *node = next_to_join(region);
        if (!node)
            break;
        region->nodes[region->n++] = node;
        if (!region_fits(region->nodes, region->n))
            break;
        if (is_closed(region))
            closed = region->n;
    }
    region->n = closed;
}

static bool fuse_from(Node *anchor)
{
    if (!region_may_begin(anchor))
        return false;
    Region region = {.nodes = {anchor}, .n = 1};
    grow(&region);
    region_make(region.nodes, region.n, region_kind_of(anchor));
    return true;
}

/* Anchors first, so that an elementwise node joins the anchor whose result it works on. */
static bool fuse_anchor(Node *node) { return node->op->class != CLASS_ELEMENTWISE && fuse_from(node); }

static bool fuse_map(Node *node) { return node->op->class == CLASS_ELEMENTWISE && fuse_from(node); }

static const Rule anchor_rules[] = {{ANY_OP, "anchor", fuse_anchor}};
static const Rule map_rules[] = {{ANY_OP, "map", fuse_map}};

bool pass_fuse(Graph *graph)
{
    int64_t position = 0;
    FOR_NODES (node, graph)
        node->mark = position++;
    bool changed = rewrite(graph, anchor_rules, countof(anchor_rules));
    changed |= rewrite(graph, map_rules, countof(map_rules));
    return pass_prune(graph) || changed;
}
