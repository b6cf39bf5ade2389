/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reference functions of operators that move elements. */
#include "ir/interp_util.h"

#include <string.h>

#define REF(name) bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
#define UNUSED (void)node, (void)inputs, (void)outputs, (void)diag

/* ── Same elements, same order ───────────────────────────────────────────────────────────────────────── */

static bool copy_all(Tensor *const *inputs, Tensor **outputs)
{
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_copy_element(outputs[0], i, inputs[0], i);
    return true;
}

#define COPY(name)                        \
    REF(name)                             \
    {                                     \
        UNUSED;                           \
        return copy_all(inputs, outputs); \
    }

COPY(Flatten)
COPY(Identity)
COPY(Reshape)
COPY(Squeeze)
COPY(Unsqueeze)

REF(Dropout)
{
    UNUSED;
    for (int64_t i = 0; node->outputs.len > 1 && outputs[1] && i < outputs[1]->count; i++)
        tensor_set_int(outputs[1], i, 1);
    return copy_all(inputs, outputs);
}

/* ── By strides ──────────────────────────────────────────────────────────────────────────────────────── */

/* out[…] = in[base + walk's offset 0] */
static bool copy_walk(const Tensor *in, int64_t base, Walk *walk, Tensor *out)
{
    for (int64_t i = 0; i < out->count; i++, walk_next(walk))
        tensor_copy_element(out, i, in, base + walk->offset[0]);
    return true;
}

REF(Expand)
{
    UNUSED;
    Walk walk = walk_over(outputs[0]->rank, outputs[0]->dims);
    walk_broadcast(&walk, 0, inputs[0]);
    return copy_walk(inputs[0], 0, &walk, outputs[0]);
}

REF(Transpose)
{
    UNUSED;
    int64_t strides[MAX_RANK], perm[MAX_RANK];
    int rank = node_perm(node, perm);
    Walk walk = walk_over(rank, outputs[0]->dims);
    dense_strides(rank, inputs[0]->dims, strides);
    for (int i = 0; i < rank; i++)
        walk.stride[0][i] = strides[perm[i]];
    return copy_walk(inputs[0], 0, &walk, outputs[0]);
}

REF(Slice)
{
    UNUSED;
    const Tensor *in = inputs[0];
    int64_t strides[MAX_RANK], base = 0;
    Slice slices[MAX_RANK];
    Walk walk = walk_over(in->rank, outputs[0]->dims);
    dense_strides(in->rank, in->dims, strides);
    node_slices(node, slices);
    for (int i = 0; i < in->rank; i++) {
        base += strides[i] * slices[i].start;
        walk.stride[0][i] = strides[i] * slices[i].step;
    }
    return copy_walk(in, base, &walk, outputs[0]);
}

REF(Tile)
{
    UNUSED;
    const Tensor *in = inputs[0];
    int64_t strides[MAX_RANK];
    Walk walk = walk_over(in->rank, outputs[0]->dims);
    dense_strides(in->rank, in->dims, strides);
    for (int64_t i = 0; i < outputs[0]->count; i++, walk_next(&walk)) {
        int64_t from = 0;
        for (int d = 0; d < in->rank; d++)
            from += walk.at[d] % in->dims[d] * strides[d];
        tensor_copy_element(outputs[0], i, in, from);
    }
    return true;
}

REF(Pad)
{
    UNUSED;
    const Tensor *in = inputs[0], *value = interp_input(node, inputs, 2);
    int64_t before[MAX_RANK], after[MAX_RANK], strides[MAX_RANK];
    Tensor *out = outputs[0];
    node_pads(node, before, after);
    PadMode mode = node_pad_mode(node);
    Walk walk = walk_over(in->rank, out->dims);
    dense_strides(in->rank, in->dims, strides);
    for (int64_t i = 0; i < out->count; i++, walk_next(&walk)) {
        int64_t from = 0;
        bool inside = true;
        for (int d = 0; d < in->rank; d++) {
            int64_t at = pad_source(mode, in->dims[d], before[d], after[d], walk.at[d]);
            inside &= at >= 0;
            from += at * strides[d];
        }
        if (inside)
            tensor_copy_element(out, i, in, from);
        else if (value && value->count)
            tensor_copy_element(out, i, value, 0);
        else
            tensor_set(out, i, node_attr_float(node, "value"));
    }
    return true;
}

/* ── Along an axis ───────────────────────────────────────────────────────────────────────────────────── */

/* A tensor as outer × n × inner. */
typedef struct Parts {
    int64_t outer, n, inner;
} Parts;

static Parts parts_at(const Tensor *tensor, int64_t axis)
{
    Parts parts = {1, tensor->dims[axis], 1};
    for (int64_t i = 0; i < axis; i++)
        parts.outer *= tensor->dims[i];
    for (int64_t i = axis + 1; i < tensor->rank; i++)
        parts.inner *= tensor->dims[i];
    return parts;
}

/* Copies `whole`'s slices from first on from or to `part`. */
static void copy_part(Tensor *whole, int64_t first, Tensor *part, int64_t axis, bool to_part)
{
    Parts w = parts_at(whole, axis), p = parts_at(part, axis);
    for (int64_t o = 0; o < p.outer; o++)
        for (int64_t i = 0; i < p.n * p.inner; i++) {
            int64_t in_whole = (o * w.n + first) * w.inner + i, in_part = o * p.n * p.inner + i;
            if (to_part)
                tensor_copy_element(part, in_part, whole, in_whole);
            else
                tensor_copy_element(whole, in_whole, part, in_part);
        }
}

REF(Concat)
{
    (void)diag;
    int64_t axis = node_axis(node), first = 0;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        copy_part(outputs[0], first, inputs[i], axis, false);
        first += inputs[i]->dims[axis];
    }
    return true;
}

REF(Split)
{
    (void)diag;
    int64_t axis = node_axis(node), first = 0;
    const int64_t *parts = node_parts(node);
    for (int64_t i = 0; i < node->outputs.len; first += parts[i++])
        if (outputs[i])
            copy_part(inputs[0], first, outputs[i], axis, true);
    return true;
}

REF(Gather)
{
    const Tensor *data = inputs[0], *indices = inputs[1];
    int64_t at;
    Parts parts = parts_at(data, node_axis(node));
    for (int64_t i = 0; i < indices->count; i++) {
        if (!interp_index(node, indices, i, parts.n, &at, diag))
            return false;
        for (int64_t o = 0; o < parts.outer; o++)
            for (int64_t e = 0; e < parts.inner; e++)
                tensor_copy_element(outputs[0], (o * indices->count + i) * parts.inner + e, data,
                                    (o * parts.n + at) * parts.inner + e);
    }
    return true;
}

/* ── Made from shapes ────────────────────────────────────────────────────────────────────────────────── */

REF(Shape)
{
    UNUSED;
    int64_t start, end;
    node_shape_range(node, &start, &end);
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set_int(outputs[0], i, inputs[0]->dims[start + i]);
    return true;
}

REF(Size)
{
    UNUSED;
    tensor_set_int(outputs[0], 0, inputs[0]->count);
    return true;
}

REF(ConstantOfShape)
{
    UNUSED;
    const Attr *value = node_attr(node, "value");
    for (int64_t i = 0; value && i < outputs[0]->count; i++)
        tensor_copy_element(outputs[0], i, value->tensor, 0);
    return true;
}

/* start + i * delta, which lies in range although i * delta may not. */
static int64_t int_at(uint64_t start, uint64_t i, uint64_t delta) { return (int64_t)(start + i * delta); }

REF(Range)
{
    UNUSED;
    for (int64_t i = 0; i < outputs[0]->count; i++)
        if (tensor_is_integer(inputs[0]))
            tensor_set_int(outputs[0], i,
                           int_at((uint64_t)tensor_get_int(inputs[0], 0), (uint64_t)i, (uint64_t)tensor_get_int(inputs[2], 0)));
        else
            tensor_set(outputs[0], i, tensor_get(inputs[0], 0) + (double)i * tensor_get(inputs[2], 0));
    return true;
}
