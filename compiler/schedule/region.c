/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Regions: from a body to an anchor with an epilogue.
 *
 *   body: p = MatMul(x, w)  q = Add(p, b)  y = Gelu(q)   →   one phase: the product with "+ b, gelu" as its epilogue
 *
 * The region's kind says which anchor comes first (ir/region.h), and so whose lowering is asked. It takes the nodes behind as
 * its epilogue if its kernel can apply them; otherwise the anchor is one phase and they are a second. */
#include "compiler/schedule/region.h"

#include "compiler/schedule/conv.h"
#include "compiler/schedule/elementwise.h"
#include "compiler/schedule/integer.h"
#include "compiler/schedule/matmul.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/norm.h"
#include "compiler/schedule/quantized.h"

/* ── Bodies ──────────────────────────────────────────────────────────────────────────────────────────── */

void region_enter(Lowering *l, const Node *region)
{
    const Graph *body = node_attr_graph(region, "body");
    for (int64_t i = 0; i < region->inputs.len; i++)
        if (region->inputs.at[i]->constant || view_found(l, region->inputs.at[i]))
            view_set(l, body->inputs.at[i], view_of_input(l, region, i));
}

void scope_open(Lowering *l, Scope *scope, const Node *region)
{
    region_enter(l, region);
    *scope = (Scope){.region = region, .outer = l->scope, .earliest = l->when};
    l->scope = scope;
}

void scope_close(Lowering *l)
{
    const Node *region = l->scope->region;
    const Graph *body = node_attr_graph(region, "body");
    l->scope = l->scope->outer;
    for (int64_t i = 0; i < region->outputs.len; i++)
        if (region->outputs.at[i])
            view_set(l, region->outputs.at[i], *view_of(l, body->outputs.at[i]));
}

const Node *region_anchor(const Node *region)
{
    return region_kind(region) == REGION_MAP ? NULL : node_attr_graph(region, "body")->first;
}

static const Value *region_result(const Node *region) { return node_attr_graph(region, "body")->outputs.at[0]; }

const Value *region_outside(const Node *region, const Value *input)
{
    const Graph *body = node_attr_graph(region, "body");
    for (int64_t i = 0; i < body->inputs.len; i++)
        if (body->inputs.at[i] == input)
            return region->inputs.at[i];
    return NULL;
}

/* ── Epilogues ───────────────────────────────────────────────────────────────────────────────────────── */

bool region_fuse(Lowering *l, const Node *region, Fusion *fusion)
{
    const Graph *body = node_attr_graph(region, "body");
    const Node *anchor = region_anchor(region);
    int64_t dims[MAX_RANK];
    int rank = value_dims(body->first->outputs.at[0], dims);
    fusion_begin(l, fusion, anchor ? anchor->outputs.at[0] : NULL);
    fusion->result = region_result(region);
    FOR_NODES (node, body)
        if (node != anchor && !fusion_node(l, fusion, node, rank, dims))
            return false;
    fusion_end(fusion);
    return true;
}

static bool (*product_lowering(const Node *anchor))(Lowering *, const Node *, Epilogue *)
{
    switch (anchor->op->kind) {
    case OP_RowQuantizedMatMul: return quantized_lower;
    case OP_MatMulInteger: return integer_lower;
    default: return product_lower;
    }
}

static bool lower_with(Lowering *l, RegionKind kind, const Node *anchor, Epilogue *epilogue)
{
    switch (kind) {
    case REGION_CONV:
    case REGION_DWCONV: return conv_lower(l, anchor, epilogue);
    case REGION_GEMM: return product_lowering(anchor)(l, anchor, epilogue);
    case REGION_LAYERNORM: return norm_lower(l, anchor, epilogue);
    default: unreachable();
    }
}

/* The kernels of reductions and Softmax take no epilogue. */
static bool lower_anchor(Lowering *l, RegionKind kind, const Node *anchor, Epilogue *epilogue)
{
    When when;
    if (kind == REGION_REDUCE || kind == REGION_SOFTMAX)
        return lower_node(l, anchor);
    if (!node_begin(l, anchor, &when) || !lower_with(l, kind, anchor, epilogue))
        return false;
    node_end(l, anchor, when);
    return true;
}

static bool lower_anchored(Lowering *l, RegionKind kind, const Node *anchor, Fusion *fusion)
{
    Epilogue epilogue = {.fusion = fusion->expr.n_steps ? fusion : NULL};
    if (!lower_anchor(l, kind, anchor, &epilogue))
        return false;
    if (epilogue.taken || !epilogue.fusion)
        return true;
    fusion->operands[0] = *view_of(l, anchor->outputs.at[0]);
    if (fusion->operands[0].when > l->when) /* a reduction over the batch has moved to the end */
        l->when = fusion->operands[0].when;
    fusion_phase(l, fusion);
    return true;
}

/* ── Regions ─────────────────────────────────────────────────────────────────────────────────────────── */

/* Node by node where the elementwise part is no expression after all: a scalar among the inputs has made it too long, or it
 * is to be refused where it mixes images. */
static bool lower_apart(Lowering *l, const Graph *body)
{
    FOR_NODES (node, body)
        if (!lower_node(l, node))
            return false;
    return true;
}

static bool lower_body(Lowering *l, const Node *region)
{
    Fusion *fusion = NEW(l->arena, Fusion);
    const Node *anchor = region_anchor(region);
    if (!region_fuse(l, region, fusion))
        return lower_apart(l, node_attr_graph(region, "body"));
    if (anchor)
        return lower_anchored(l, region_kind(region), anchor, fusion);
    fusion_phase(l, fusion);
    return true;
}

bool region_lower(Lowering *l, const Node *region)
{
    When when;
    Scope scope;
    if (!node_begin(l, region, &when))
        return false;
    scope_open(l, &scope, region);
    if (!lower_body(l, region))
        return false;
    scope_close(l);
    node_end(l, region, when);
    return true;
}
