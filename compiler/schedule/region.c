/* Elementwise nodes and regions: from a body to an anchor with an epilogue.
 *
 *   body: p = MatMul(x, w)  q = Add(p, b)  y = Gelu(q)   →   one phase: the product with "+ b, gelu" as its epilogue
 *
 * The anchor's lowering takes the epilogue if its kernel can apply it; otherwise the anchor is one phase and the
 * rest a second, elementwise one. A body of any other form is lowered node by node: slower, and as right. */
#include "compiler/schedule/lower.h"

#include <string.h>

/* ── Layouts ─────────────────────────────────────────────────────────────────────────────────────────── */

void layout_order(const View *view, int *order)
{
    for (int i = 0; i < view->rank; i++) {
        int at = i;
        for (; at > 0 && view->strides[order[at - 1]] < view->strides[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

View output_like(Lowering *l, const Value *value, const View *like)
{
    int order[VIEW_RANK];
    if (like->rank != value->type.shape.rank)
        return view_output(l, value, NULL, false);
    for (int i = 0; i < like->rank; i++)
        if (like->strides[i] <= 0 && like->dims[i] != 1)
            return view_output(l, value, NULL, false);
    layout_order(like, order);
    return view_output(l, value, order, false);
}

/* The operand whose layout the output follows: the first that is not broadcast. */
static View output_of(Lowering *l, const Value *value, const Fusion *fusion)
{
    for (int i = 0; i < fusion->expr.n_operands; i++) {
        const View *operand = &fusion->operands[i];
        bool whole = operand->rank == value->type.shape.rank;
        for (int j = 0; j < operand->rank; j++)
            whole &= operand->strides[j] != 0 || operand->dims[j] == 1;
        if (whole)
            return output_like(l, value, operand);
    }
    return view_output(l, value, NULL, false);
}

/* ── Elementwise nodes ───────────────────────────────────────────────────────────────────────────────── */

/* Max and Min of more inputs than a kernel takes: two by two. */
static bool lower_many(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    View out = view_output(l, value, NULL, false);
    Expr expr = {.n_operands = 2, .n_steps = 1, .steps[0] = {.op = node->op->kind, .in = {0, 1}, .dtype = out.dtype}};
    for (int64_t i = 0; i < node->inputs.len; i++) {
        View in = view_of_input(l, node, i);
        if (!view_broadcast(&in, out.rank, out.dims))
            return mixes_images(l, "broadcasting across the images of a free batch");
        map_phase(l, value->name, i ? &expr : NULL, out, i ? (View[]){out, in} : &in);
    }
    view_set(l, value, out);
    return true;
}

static bool has_other_outputs(const Node *node)
{
    for (int64_t i = 1; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            return true;
    return false;
}

bool lower_elementwise(Lowering *l, const Node *node)
{
    Fusion *fusion = NEW(l->arena, Fusion);
    int64_t dims[MAX_RANK];
    int rank = value_dims(node->outputs.at[0], dims);
    if ((node->op->kind == OP_Max || node->op->kind == OP_Min) && node->inputs.len > 4)
        return lower_many(l, node);
    if (has_other_outputs(node))
        return unsupported(l, "an output that only training needs");
    fusion_begin(fusion, NULL);
    if (!fusion_node(l, fusion, node, rank, dims))
        return mixes_images(l, "broadcasting across the images of a free batch");
    fusion_end(fusion);
    View out = output_of(l, node->outputs.at[0], fusion);
    map_phase(l, node->outputs.at[0]->name, &fusion->expr, out, fusion->operands);
    view_set(l, node->outputs.at[0], out);
    return true;
}

/* ── Epilogues ───────────────────────────────────────────────────────────────────────────────────────── */

Result result_take(Lowering *l, const Node *node, bool (*fits)(const Fusion *epilogue))
{
    Fusion *epilogue = l->epilogue;
    const Value *own = node->outputs.at[0];
    if (!epilogue || l->anchor != node || epilogue->result->type.dtype != DT_FLOAT ||
        !shape_equal(&epilogue->result->type.shape, &own->type.shape) || (fits && !fits(epilogue)))
        return (Result){own, NULL};
    l->epilogue = NULL;
    return (Result){epilogue->result, epilogue};
}

/* ── Regions ─────────────────────────────────────────────────────────────────────────────────────────── */

static const Node *find_anchor(const Graph *body, int *count)
{
    const Node *anchor = NULL;
    *count = 0;
    FOR_NODES(node, body)
        if (node->op->class != CLASS_ELEMENTWISE) {
            anchor = node;
            ++*count;
        }
    return anchor;
}

/* Fuses all nodes but the anchor; false: the body has another form. */
static bool fuse_body(Lowering *l, const Graph *body, const Node *anchor, Fusion *fusion)
{
    int64_t dims[MAX_RANK];
    const Value *first = anchor ? anchor->outputs.at[0] : body->outputs.at[0];
    int rank = value_dims(first, dims);
    fusion_begin(fusion, anchor ? first : NULL);
    FOR_NODES(node, body) {
        if (node == anchor)
            continue;
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i] && !shape_equal(&node->outputs.at[i]->type.shape, &first->type.shape))
                return false;
        if (!fusion_node(l, fusion, node, rank, dims))
            return false;
    }
    for (int64_t i = 0; anchor && i < anchor->inputs.len; i++)
        if (anchor->inputs.at[i] && anchor->inputs.at[i]->mark < 0)
            return false; /* work before the anchor */
    fusion_end(fusion);
    return fusion->expr.n_steps == 0 || fusion->result == body->outputs.at[0];
}

static void unmark(const Graph *body)
{
    FOR_NODES(node, body)
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i] && node->outputs.at[i]->mark < 0)
                node->outputs.at[i]->mark = 0;
}

static void apply_elementwise(Lowering *l, const Graph *body, Fusion *fusion)
{
    const Value *value = body->outputs.at[0];
    View out = output_of(l, value, fusion);
    map_phase(l, l->region->outputs.at[0]->name, &fusion->expr, out, fusion->operands);
    view_set(l, value, out);
}

static bool lower_anchor(Lowering *l, const Graph *body, const Node *anchor, Fusion *fusion)
{
    l->anchor = anchor;
    l->epilogue = fusion->expr.n_steps ? fusion : NULL;
    anchor->outputs.at[0]->mark = 0;
    bool ok = lower_node(l, anchor), taken = !l->epilogue;
    l->anchor = NULL;
    l->epilogue = NULL;
    if (!ok || taken)
        return ok;
    fusion->operands[0] = *view_of(l, anchor->outputs.at[0]);
    if (fusion->operands[0].when > l->when) /* a reduction over the batch has moved to the end */
        l->when = fusion->operands[0].when;
    apply_elementwise(l, body, fusion);
    return true;
}

static bool lower_fused(Lowering *l, const Graph *body, bool *ok)
{
    int n_anchors;
    const Node *anchor = find_anchor(body, &n_anchors);
    Fusion *fusion = NEW(l->arena, Fusion);
    if (n_anchors > 1 || body->outputs.len != 1 || !body->outputs.at[0]->producer ||
        !fuse_body(l, body, anchor, fusion)) {
        unmark(body);
        return false;
    }
    *ok = true;
    if (anchor)
        *ok = lower_anchor(l, body, anchor, fusion);
    else
        apply_elementwise(l, body, fusion);
    unmark(body);
    return true;
}

static bool lower_one_by_one(Lowering *l, const Graph *body)
{
    FOR_NODES(node, body)
        if (!lower_node(l, node))
            return false;
    return true;
}

bool lower_Region(Lowering *l, const Node *node)
{
    const Graph *body = node_attr_graph(node, "body");
    bool ok = true;
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i])
            view_set(l, body->inputs.at[i], view_of_input(l, node, i));
    l->region = node;
    l->earliest = l->when;
    if (!lower_fused(l, body, &ok))
        ok = lower_one_by_one(l, body);
    l->region = NULL;
    l->earliest = WHEN_BEGIN;
    for (int64_t i = 0; ok && i < node->outputs.len; i++)
        if (node->outputs.at[i])
            view_set(l, node->outputs.at[i], *view_of(l, body->outputs.at[i]));
    return ok;
}
