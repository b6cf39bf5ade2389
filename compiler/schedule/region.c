/* Elementwise nodes and regions: from a body to an anchor with an epilogue.
 *
 *   body: p = MatMul(x, w)  q = Add(p, b)  y = Gelu(q)   →   one phase: the product with "+ b, gelu" as its epilogue
 *
 * A body is cut into segments, each an anchor and the elementwise nodes of its shape behind it. The anchor's lowering takes them as
 * its epilogue if its kernel can apply it; otherwise the anchor is one phase and they are a second. A segment whose
 * inner values are used elsewhere is lowered node by node: slower, and as right. */
#include "compiler/schedule/region.h"

#include "compiler/schedule/block.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

#include <string.h>

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

/* ── Segments ────────────────────────────────────────────────────────────────────────────────────────── */

static bool same_shape(const Node *a, const Node *b)
{
    const Value *x = node_output(a, 0), *y = node_output(b, 0);
    return x && y && shape_equal(&x->type.shape, &y->type.shape);
}

int segments_of(const Graph *body, Segment *segments, int most)
{
    int n = 0;
    FOR_NODES (node, body) {
        bool anchor = node->op->class != CLASS_ELEMENTWISE;
        if (!n || anchor || !same_shape(node, segments[n - 1].last)) {
            if (n == most)
                return 0;
            segments[n++] = (Segment){.first = node, .anchor = anchor ? node : NULL};
        }
        segments[n - 1].last = node;
    }
    return n;
}

static bool in_segment(const Segment *segment, const Node *node)
{
    for (const Node *n = segment->first; n != segment->last; n = n->next)
        if (n == node)
            return true;
    return node == segment->last;
}

/* Whether only the last node's value is used elsewhere, and every value has the same dimensions. */
static bool is_closed(const Segment *segment)
{
    const Shape *shape = &segment->first->outputs.at[0]->type.shape;
    for (const Node *node = segment->first;; node = node->next) {
        const Value *value = node->outputs.at[0];
        if (has_other_outputs(node) || !value || !shape_equal(&value->type.shape, shape))
            return false;
        if (node == segment->last)
            return true;
        for (int64_t i = 0; i < value->users.len; i++)
            if (!in_segment(segment, value->users.at[i]))
                return false;
        if (value->is_output)
            return false;
    }
}

/* Values of the segment lose the marks they had as parts of an expression. */
static void unmark(const Segment *segment)
{
    for (const Node *node = segment->first;; node = node->next) {
        if (node->outputs.at[0]->mark < 0)
            node->outputs.at[0]->mark = 0;
        if (node == segment->last)
            return;
    }
}

static bool fuse_nodes(Lowering *l, const Segment *segment, Fusion *fusion)
{
    int64_t dims[MAX_RANK];
    int rank = value_dims(segment->first->outputs.at[0], dims);
    fusion_begin(fusion, segment->anchor ? segment->anchor->outputs.at[0] : NULL);
    fusion->result = segment->last->outputs.at[0];
    for (const Node *node = segment->first;; node = node->next) {
        if (node != segment->anchor && !fusion_node(l, fusion, node, rank, dims))
            return false;
        if (node == segment->last)
            break;
    }
    fusion_end(fusion);
    return true;
}

bool segment_fuse(Lowering *l, const Segment *segment, Fusion *fusion)
{
    if (!is_closed(segment))
        return false;
    bool ok = fuse_nodes(l, segment, fusion);
    unmark(segment);
    return ok;
}

static void apply_elementwise(Lowering *l, const Fusion *fusion)
{
    View out = output_of(l, fusion->result, fusion);
    map_phase(l, fusion->result->name, &fusion->expr, out, fusion->operands);
    view_set(l, fusion->result, out);
}

static bool lower_anchor(Lowering *l, const Node *anchor, Fusion *fusion)
{
    l->anchor = anchor;
    l->epilogue = fusion->expr.n_steps ? fusion : NULL;
    bool ok = lower_node(l, anchor), taken = !l->epilogue;
    l->anchor = NULL;
    l->epilogue = NULL;
    if (!ok || taken)
        return ok;
    fusion->operands[0] = *view_of(l, anchor->outputs.at[0]);
    if (fusion->operands[0].when > l->when) /* a reduction over the batch has moved to the end */
        l->when = fusion->operands[0].when;
    apply_elementwise(l, fusion);
    return true;
}

bool lower_segment(Lowering *l, const Segment *segment)
{
    Fusion *fusion = NEW(l->arena, Fusion);
    l->node = segment->first;
    if (segment_fuse(l, segment, fusion)) {
        if (segment->anchor)
            return lower_anchor(l, segment->anchor, fusion);
        apply_elementwise(l, fusion);
        return true;
    }
    for (const Node *node = segment->first;; node = node->next) {
        if (!lower_node(l, node))
            return false;
        if (node == segment->last)
            return true;
    }
}

/* ── Regions ─────────────────────────────────────────────────────────────────────────────────────────── */

enum { MAX_SEGMENTS = 64 };

static bool lower_body(Lowering *l, const Graph *body)
{
    Segment segments[MAX_SEGMENTS];
    int n = segments_of(body, segments, MAX_SEGMENTS);
    if (body->first && !n)
        return unsupported(l, "a region of so many nodes");
    if (lower_block(l, segments, n))
        return true;
    for (int i = 0; i < n; i++)
        if (!lower_segment(l, &segments[i]))
            return false;
    return true;
}

bool lower_Region(Lowering *l, const Node *node)
{
    const Graph *body = node_attr_graph(node, "body");
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i])
            view_set(l, body->inputs.at[i], view_of_input(l, node, i));
    l->region = node;
    l->earliest = l->when;
    bool ok = lower_body(l, body);
    l->region = NULL;
    l->earliest = WHEN_BEGIN;
    for (int64_t i = 0; ok && i < node->outputs.len; i++)
        if (node->outputs.at[i])
            view_set(l, node->outputs.at[i], *view_of(l, body->outputs.at[i]));
    return ok;
}
