/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Operators that move elements: most only make another view of the same bytes.
 *
 *   Transpose, Slice, Split, Expand, Identity                         a view
 *   Reshape                                                           a view, or a copy if strides do not allow it
 *   Concat, Pad, Tile                                                 copies
 *   Shape, Size, Range, NonZero, ConstantOfShape, Constant            constants */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

#include "ir/infer.h"
#include "ir/interp.h"
#include "ir/params.h"

#include <string.h>

/* Sets a view of the node's first input as its output. */
static bool alias(Lowering *l, const Node *node, View view)
{
    view_set(l, node->outputs.at[0], view);
    return true;
}

/* ── Views ───────────────────────────────────────────────────────────────────────────────────────────── */

bool lower_Reshape(Lowering *l, const Node *node)
{
    View view = view_of_input(l, node, 0);
    int64_t dims[MAX_RANK];
    int rank = value_dims(node->outputs.at[0], dims);
    if (!view_reshape(&view, rank, dims)) {
        view = view_contiguous(l, view);
        view_reshape(&view, rank, dims);
    }
    return alias(l, node, view);
}

bool lower_Identity(Lowering *l, const Node *node) { return alias(l, node, view_of_input(l, node, 0)); }

bool lower_Dropout(Lowering *l, const Node *node)
{
    const Value *mask = node_output(node, 1);
    if (mask) {
        View view = view_output(l, mask, NULL, false);
        fill_phase(l, mask->name, view, 1);
        view_set(l, mask, view);
    }
    return alias(l, node, view_of_input(l, node, 0));
}

bool lower_Transpose(Lowering *l, const Node *node)
{
    View view = view_of_input(l, node, 0);
    int64_t from[MAX_RANK];
    int perm[VIEW_RANK] = {0}, rank = node_perm(node, from);
    for (int i = 0; i < rank; i++)
        perm[i] = (int)from[i];
    if (view.per_image && perm[0] != 0)
        return mixes_images(l, "Transpose of the images of a free batch");
    bool per_image = view.per_image;
    view = view_permute(view, perm);
    view.per_image = per_image;
    return alias(l, node, view);
}

bool lower_Expand(Lowering *l, const Node *node)
{
    View view = view_of_input(l, node, 0);
    int64_t dims[MAX_RANK];
    int rank = value_dims(node->outputs.at[0], dims);
    if (!view_broadcast(&view, rank, dims))
        return mixes_images(l, "Expand across the images of a free batch");
    return alias(l, node, view);
}

/* ── Slices ──────────────────────────────────────────────────────────────────────────────────────────── */

bool lower_Slice(Lowering *l, const Node *node)
{
    View view = view_of_input(l, node, 0);
    Slice slices[MAX_RANK];
    node_slices(node, slices);
    for (int i = 0; i < view.rank; i++) {
        if (slices[i].whole)
            continue;
        if (view.per_image && i == 0)
            return mixes_images(l, "Slice of the images of a free batch");
        view = view_slice(view, i, pos_at(slices[i].start), slices[i].length, slices[i].step);
    }
    return alias(l, node, view);
}

bool lower_Split(Lowering *l, const Node *node)
{
    View view = view_of_input(l, node, 0);
    int axis = node_axis(node);
    const int64_t *parts = node_parts(node);
    int64_t at = 0;
    if (view.per_image && axis == 0)
        return mixes_images(l, "Split of the images of a free batch");
    for (int64_t i = 0; i < node->outputs.len; at += parts[i++])
        if (node->outputs.at[i])
            view_set(l, node->outputs.at[i], view_slice(view, axis, pos_at(at), parts[i], 1));
    return true;
}

/* ── Copies ──────────────────────────────────────────────────────────────────────────────────────────── */

bool lower_Concat(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    View out = view_output(l, value, NULL, false);
    int axis = node_axis(node);
    int64_t at = 0;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        View in = view_of_input(l, node, i);
        if (in.per_image && axis == 0)
            return mixes_images(l, "Concat along the images of a free batch");
        if (in.per_image != out.per_image)
            return mixes_images(l, "Concat of a free batch with a fixed one");
        bundle_open(l, value->name, i, node->inputs.len);
        copy_phase(l, value->name, view_slice(out, axis, pos_at(at), in.dims[axis], 1), in);
        bundle_close(l, i, node->inputs.len);
        at += in.dims[axis];
    }
    view_set(l, value, out);
    return true;
}

/* The part of each that the other holds; pads may be negative. */
static void pad_overlap(View *out, View *in, int axis, int64_t before)
{
    int64_t from = before > 0 ? before : 0, skip = before < 0 ? -before : 0;
    int64_t size = in->dims[axis] - skip, room = out->dims[axis] - from;
    size = size < room ? size : room;
    size = size < 0 ? 0 : size;
    *out = view_slice(*out, axis, pos_at(from), size, 1);
    *in = view_slice(*in, axis, pos_at(skip), size, 1);
}

/* Fills with the constant, be it known at compile time or not. */
static void fill_with(Lowering *l, const Node *node, View out)
{
    const Value *value = node_input(node, 2);
    const Tensor *tensor = value ? value_constant(value) : NULL;
    double number = 0;
    if (!value || (tensor && tensor_is_scalar(tensor, &number))) {
        fill_phase(l, node_label(node), out, number);
        return;
    }
    View scalar = *view_of(l, value);
    scalar.rank = 0;
    view_broadcast(&scalar, out.rank, out.dims);
    copy_phase(l, node_label(node), out, scalar);
}

bool lower_Pad(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    View in = view_of_input(l, node, 0), out = view_output(l, value, NULL, false), inner = out;
    int64_t before[MAX_RANK], after[MAX_RANK];
    node_pads(node, before, after);
    if (in.per_image && (before[0] || after[0]))
        return mixes_images(l, "Pad of the images of a free batch");
    fill_with(l, node, out);
    for (int i = 0; i < in.rank; i++)
        pad_overlap(&inner, &in, i, before[i]);
    copy_phase(l, value->name, inner, in);
    view_set(l, value, out);
    return true;
}

bool lower_Tile(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    View in = view_of_input(l, node, 0), out = view_output(l, value, NULL, false), whole = out;
    if (in.per_image && node_ints(node, "", 1).at[0] != 1)
        return mixes_images(l, "Tile of the images of a free batch");
    if (view_count(&out)) {
        for (int i = 0; i < in.rank; i++) { /* dimension 2i: which copy; 2i + 1: where in it */
            int64_t copies = out.dims[i] / in.dims[i];
            whole = i ? whole : (View){.ref = out.ref, .dtype = out.dtype};
            whole = view_insert(whole, whole.rank, copies, out.strides[i] * in.dims[i]);
            whole = view_insert(whole, whole.rank, in.dims[i], out.strides[i]);
            if (whole.rank + 2 > VIEW_RANK && i + 1 < in.rank)
                return lower_unsupported(l, "Tile of so many dimensions");
        }
        View spread = in;
        for (int i = 0; i < in.rank; i++)
            spread = view_insert(spread, 2 * i, whole.dims[2 * i], 0);
        copy_phase(l, value->name, whole, spread);
    }
    view_set(l, value, out);
    return true;
}

/* ── Constants ───────────────────────────────────────────────────────────────────────────────────────── */

static bool set_constant(Lowering *l, const Node *node, const Tensor *tensor)
{
    view_set(l, node->outputs.at[0], view_constant(l, tensor, node->outputs.at[0]->name));
    return true;
}

static bool lower_known(Lowering *l, const Node *node)
{
    const Tensor *known = value_constant(node->outputs.at[0]);
    return known ? set_constant(l, node, known) : mixes_images(l, "a shape that depends on the free batch");
}

bool lower_Shape(Lowering *l, const Node *node) { return lower_known(l, node); }
bool lower_Size(Lowering *l, const Node *node) { return lower_known(l, node); }

/* All inputs are constants: the reference interpreter computes it. */
static bool lower_computed(Lowering *l, const Node *node)
{
    Tensor *inputs[3] = {NULL}, *output = NULL;
    const Type *type = &node->outputs.at[0]->type;
    if (!lower_may_compute(l, shape_count(&type->shape) * dtype_size(type->dtype)))
        return false;
    for (int64_t i = 0; i < node->inputs.len && i < countof(inputs); i++) {
        inputs[i] = (Tensor *)value_constant(node->inputs.at[i]);
        if (!inputs[i])
            return lower_unsupported(l, "an input that is not known at compile time");
    }
    return node_interpret((Node *)node, inputs, &output, l->arena, l->diag) && set_constant(l, node, output);
}

bool lower_Constant(Lowering *l, const Node *node) { return lower_computed(l, node); }

/* One for each image, if its shape holds the batch. */
bool lower_ConstantOfShape(Lowering *l, const Node *node)
{
    const Attr *number = node_attr(node, "value");
    const Value *value = node->outputs.at[0];
    if (value_constant(node->inputs.at[0]))
        return lower_computed(l, node);
    View out = view_output(l, value, NULL, false);
    fill_phase(l, value->name, out, number ? tensor_get(number->tensor, 0) : 0);
    view_set(l, value, out);
    return true;
}

bool lower_NonZero(Lowering *l, const Node *node) { return lower_computed(l, node); }
bool lower_Range(Lowering *l, const Node *node) { return lower_computed(l, node); }
