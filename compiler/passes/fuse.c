/* Fusion into regions. A region is the unit of scheduling: one anchor that does the work, and the elementwise nodes that
 * can happen to each element while it is still in a register:
 *
 *   p = MatMul(x, w)                               y = cnxc.Region<kind = "gemm", body = …>(x, w, b)
 *   q = Add(p, b)                         ->         body (x, w, b) => (y) {
 *   y = Gelu(q)                                        p = MatMul(x, w)  q = Add(p, b)  y = Gelu(q) }
 *
 * The elementwise nodes may form any graph whose leaves are the anchor's result and region inputs, as long as only its
 * last value is used outside and every value in it has the anchor's shape. Elementwise nodes without an anchor become
 * regions of kind "map". Bodies hold no constants but one-element operands and axes, so weights stay constants of the
 * graph. Requires types; preserves names of outputs; adds no semantics: a region runs its body. */
#include "compiler/passes/passes.h"

#include "compiler/passes/region.h"
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

/* What tile programs allow for one kernel: steps of its expression, and operands besides the anchor's own. */
enum { MAX_STEPS = 24, MAX_OPERANDS = 7 };

/* ── What may be in a region ─────────────────────────────────────────────────────────────────────────── */

static const char *conv_kind(const Node *node)
{
    const Shape *w = &node->inputs.at[1]->type.shape;
    int64_t group = node_attr_int(node, "group");
    return w->rank == 4 && group > 1 && w->dims[0].size == group && w->dims[1].size == 1 ? "dwconv" : "conv";
}

/* The kind of region that node anchors; NULL: none. */
static const char *anchor_kind(const Node *node)
{
    if (node->op->class == CLASS_ELEMENTWISE)
        return "map";
    if (is_reduce(node))
        return "reduce";
    switch (node->op->kind) {
    case OP_Conv:
    case OP_ConvNHWC: return conv_kind(node);
    case OP_MatMul:
    case OP_Gemm: return "gemm";
    case OP_LayerNormalization: return "layernorm";
    case OP_Softmax:
    case OP_LogSoftmax: return "softmax";
    default: return NULL;
    }
}

/* Computes floats from floats, element by element, with an expression that kernels have. */
static bool is_float_map(const Node *node)
{
    if (node->op->class != CLASS_ELEMENTWISE || node->op->kind == OP_BatchNormalization || node->op->kind == OP_CastLike)
        return false;
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i] && !is_float(node->inputs.at[i]))
            return false;
    return node->outputs.len == 1 && is_float(node->outputs.at[0]);
}

static bool is_anchor(const Node *node)
{
    if (node->op->class == CLASS_ELEMENTWISE)
        return is_float_map(node);
    return anchor_kind(node) && only_first_output(node) && is_float(node->outputs.at[0]) && is_float(node->inputs.at[0]);
}

const char *fuse_reason(const Node *node, Arena *arena)
{
    if (node->op->kind == OP_Region)
        return NULL;
    if (node->op->class == CLASS_MOVE)
        return "moves elements, computes nothing";
    if (!anchor_kind(node))
        return arena_printf(arena, "%s has no kind of region", node->op->name);
    if (!only_first_output(node))
        return "has more than one output in use";
    return "its element types are not all float";
}

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

/* Whether a kernel has room for the whole: each node is a step and each scalar another. */
static bool fits(const Region *region)
{
    int64_t steps = 0, operands = 0;
    for (int i = 0; i < region->n; i++) {
        const Node *node = region->nodes[i];
        bool elementwise = node->op->class == CLASS_ELEMENTWISE;
        for (int64_t j = 0; elementwise && j < node->inputs.len; j++) {
            const Value *value = node->inputs.at[j];
            double scalar;
            bool inside = value && value->producer && contains(region, value->producer);
            steps += is_scalar(value, &scalar);
            operands += value && !inside && !is_scalar(value, &scalar);
        }
        steps += elementwise ? node->inputs.len > 2 ? node->inputs.len - 1 : 1 : 0;
    }
    return steps <= MAX_STEPS && operands <= MAX_OPERANDS;
}

static bool may_join(const Region *region, const Node *node)
{
    return !contains(region, node) && is_float_map(node) && same_type(node->outputs.at[0], region->nodes[0]->outputs.at[0]);
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
        if (!fits(region))
            break;
        if (is_closed(region))
            closed = region->n;
    }
    region->n = closed;
}

static bool fuse_from(Node *anchor)
{
    if (!is_anchor(anchor))
        return false;
    Region region = {.nodes = {anchor}, .n = 1};
    grow(&region);
    region_make(&region, anchor_kind(anchor));
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
