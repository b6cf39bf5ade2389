/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* One node: when it runs, and its lowering from the table of operators.
 *
 *   y = Relu(x), x an image of a free batch   →   lower_elementwise, in the list of phases for each image
 *
 * What depends on no image is computed once in `begin`; what depends on all of them, in `end`. */
#include "compiler/schedule/node.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/value.h"

static Lower *const lowerings[OP_COUNT] = {
#undef LOWER_CLASS_ELEMENTWISE
#undef LOWER_CLASS_MOVE
#undef LOWER_CLASS_REDUCTION
#undef LOWER_CLASS_CONTRACTION
#undef LOWER_CLASS_META
#undef LOWER_CLASS_SPELLING
#define LOWER_CLASS_ELEMENTWISE(name) lower_elementwise
#define LOWER_CLASS_MOVE(name) lower_##name
#define LOWER_CLASS_REDUCTION(name) lower_##name
#define LOWER_CLASS_CONTRACTION(name) lower_##name
#define LOWER_CLASS_META(name) lower_##name
#define LOWER_CLASS_SPELLING(name) NULL /* gone after legalization */
#define OP(name, domain, class, ...) [OP_##name] = LOWER_##class(name),
#include "ir/ops.def"
#undef OP
};

/* Regions are lowered by whoever walks the nodes (schedule.c). */
bool lower_Region(Lowering *l, const Node *node)
{
    (void)l, (void)node;
    unreachable();
}

/* Calls are inlined before anything is scheduled. */
bool lower_Call(Lowering *l, const Node *node)
{
    (void)node;
    return lower_unsupported(l, "a call that was not inlined");
}

bool node_reads(const Node *node, int64_t input)
{
    switch (node->op->kind) {
    case OP_ConstantOfShape: return false;
    case OP_Expand:
    case OP_Reshape: return input != 1;
    default: return true;
    }
}

/* A node that makes images of something that is none: there is one for each. */
static bool makes_images(const Node *node)
{
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i] && value_is_per_image(node->outputs.at[i]))
            return true;
    return false;
}

/* When the node can run: after the last of what it uses. */
static bool when_of(Lowering *l, const Node *node, bool *images)
{
    When when = l->scope ? l->scope->earliest : WHEN_BEGIN;
    *images = false;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        if (!node->inputs.at[i] || !node_reads(node, i))
            continue;
        const View *view = view_of(l, node->inputs.at[i]);
        when = view->when > when ? view->when : when;
        *images |= view->per_image;
    }
    l->when = when == WHEN_BEGIN && makes_images(node) ? WHEN_IMAGE : when;
    return !(*images && when == WHEN_END) || mixes_images(l, "using a result of the whole free batch for each of its images");
}

/* Only reductions may turn images into something that is not one. */
static bool keeps_images(const Node *node)
{
    bool reduces = node->op->class == CLASS_REDUCTION || node->op->kind == OP_Shape || node->op->kind == OP_Size;
    for (int64_t i = 0; i < node->outputs.len && !reduces; i++)
        if (node->outputs.at[i] && !value_is_per_image(node->outputs.at[i]))
            return false;
    return true;
}

bool node_begin(Lowering *l, const Node *node, When *when)
{
    bool images;
    l->node = node;
    if (!when_of(l, node, &images))
        return false;
    *when = l->when;
    if (images && node->op->kind != OP_Region && !keeps_images(node))
        return mixes_images(l, "an operator that mixes the images of a free batch");
    return true;
}

void node_end(Lowering *l, const Node *node, When when)
{
    l->when = when;
    for (int64_t i = 0; i < node->outputs.len; i++) {
        const Value *value = node->outputs.at[i];
        View *view = value ? view_found(l, value) : NULL;
        if (!view)
            continue;
        view->when = view->when > when ? view->when : when;
        view->per_image = value_is_per_image(value);
    }
}

bool lower_node(Lowering *l, const Node *node)
{
    When when;
    if (!node_begin(l, node, &when) || !lowerings[node->op->kind](l, node))
        return false;
    node_end(l, node, when);
    return true;
}
