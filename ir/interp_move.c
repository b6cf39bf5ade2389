/* Reference functions of operators that move elements. */
#include "ir/interp_util.h"

#include <string.h>

#define REF(name) bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
#define UNUSED (void)node, (void)inputs, (void)outputs, (void)diag

/* ── Same elements, same order ───────────────────────────────────────────────────────────────────────── */

static bool copy_all(Tensor *const *inputs, Tensor **outputs)
{
    for (int64_t i = 0; i < outputs[0]->count; i++)
        copy_element(outputs[0], i, inputs[0], i);
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
        copy_element(out, i, in, base + walk->offset[0]);
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
    const int64_t *perm;
    bool given = node_attr_ints(node, "perm", &perm) > 0;
    int64_t strides[MAX_RANK];
    int rank = inputs[0]->rank;
    Walk walk = walk_over(rank, outputs[0]->dims);
    dense_strides(rank, inputs[0]->dims, strides);
    for (int i = 0; i < rank; i++)
        walk.stride[0][i] = strides[given ? perm[i] : rank - 1 - i];
    return copy_walk(inputs[0], 0, &walk, outputs[0]);
}

/* Element i of an integer argument that is an input or else an attribute. */
static int64_t argument(const Node *node, Tensor *const *inputs, int64_t input, const char *attr, int64_t i, int64_t otherwise)
{
    const Tensor *tensor = input_at(node, inputs, input);
    const int64_t *ints;
    int64_t n = node_attr_ints(node, attr, &ints);
    if (tensor)
        return i < tensor->count ? tensor_get_int(tensor, i) : otherwise;
    return i < n ? ints[i] : otherwise;
}

static int64_t argument_count(const Node *node, Tensor *const *inputs, int64_t input, const char *attr)
{
    const Tensor *tensor = input_at(node, inputs, input);
    const int64_t *ints;
    return tensor ? tensor->count : node_attr_ints(node, attr, &ints);
}

/* Where a slice begins in a dimension, clamped as in Python. */
static int64_t slice_start(int64_t start, int64_t size, int64_t step)
{
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
    start = start < 0 ? (start < -size ? low : start + size) : start;
    return start < low ? low : start > high ? high : start;
}

REF(Slice)
{
    UNUSED;
    const Tensor *in = inputs[0], *out = outputs[0];
    int64_t strides[MAX_RANK], base = 0;
    Walk walk = walk_over(in->rank, out->dims);
    dense_strides(in->rank, in->dims, strides);
    memcpy(walk.stride[0], strides, sizeof strides[0] * (size_t)in->rank);
    for (int64_t i = 0; i < argument_count(node, inputs, 1, "starts"); i++) {
        int64_t axis = argument(node, inputs, 3, "axes", i, i), step = argument(node, inputs, 4, "", i, 1);
        axis = axis < 0 ? axis + in->rank : axis;
        base += strides[axis] * slice_start(argument(node, inputs, 1, "starts", i, 0), in->dims[axis], step);
        if (out->dims[axis] > 1) /* a step beyond the dimension takes one element, wherever it would lead */
            walk.stride[0][axis] = strides[axis] * step;
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
        copy_element(outputs[0], i, in, from);
    }
    return true;
}

REF(Pad)
{
    UNUSED;
    const Tensor *in = inputs[0], *value = input_at(node, inputs, 2);
    int64_t before[MAX_RANK] = {0}, strides[MAX_RANK];
    int64_t n = argument_count(node, inputs, 1, "pads") / 2;
    Tensor *out = outputs[0];
    for (int64_t i = 0; i < n; i++) {
        int64_t axis = argument(node, inputs, 3, "axes", i, i);
        before[axis < 0 ? axis + in->rank : axis] = argument(node, inputs, 1, "pads", i, 0);
    }
    Walk walk = walk_over(in->rank, out->dims);
    dense_strides(in->rank, in->dims, strides);
    for (int64_t i = 0; i < out->count; i++, walk_next(&walk)) {
        int64_t from = 0;
        bool inside = true;
        for (int d = 0; d < in->rank; d++) {
            int64_t at = walk.at[d] - before[d];
            inside &= at >= 0 && at < in->dims[d];
            from += at * strides[d];
        }
        if (inside)
            copy_element(out, i, in, from);
        else if (value && value->count)
            copy_element(out, i, value, 0);
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

static int64_t node_axis(const Node *node, const Tensor *tensor)
{
    int64_t axis = node_attr_int(node, "axis");
    return axis < 0 ? axis + tensor->rank : axis;
}

/* Copies `whole`'s slices from first on from or to `part`. */
static void copy_part(Tensor *whole, int64_t first, Tensor *part, int64_t axis, bool to_part)
{
    Parts w = parts_at(whole, axis), p = parts_at(part, axis);
    for (int64_t o = 0; o < p.outer; o++)
        for (int64_t i = 0; i < p.n * p.inner; i++) {
            int64_t in_whole = (o * w.n + first) * w.inner + i, in_part = o * p.n * p.inner + i;
            if (to_part)
                copy_element(part, in_part, whole, in_whole);
            else
                copy_element(whole, in_whole, part, in_part);
        }
}

REF(Concat)
{
    (void)diag;
    int64_t axis = node_axis(node, inputs[0]), first = 0;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        copy_part(outputs[0], first, inputs[i], axis, false);
        first += inputs[i]->dims[axis];
    }
    return true;
}

REF(Split)
{
    (void)diag;
    int64_t axis = node_axis(node, inputs[0]), first = 0;
    const Shape *shape;
    for (int64_t i = 0; i < node->outputs.len; i++) {
        if (!outputs[i]) { /* left out: a part as long as the first that is there, if they are equal */
            int64_t given = argument(node, inputs, 1, "split", i, -1), n = node->outputs.len;
            first += given >= 0 ? given : (inputs[0]->dims[axis] + n - 1) / n;
            continue;
        }
        shape = &node->outputs.at[i]->type.shape;
        copy_part(inputs[0], first, outputs[i], axis, true);
        first += shape->dims[axis].size;
    }
    return true;
}

REF(Gather)
{
    const Tensor *data = inputs[0], *indices = inputs[1];
    int64_t at = 0;
    Parts parts = parts_at(data, node_axis(node, data));
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t index = tensor_get_int(indices, i);
        if (index < -parts.n || index >= parts.n) {
            diag_error(diag, node->span, "index %lld of Gather is %lld, expected %lld to %lld", (long long)i, (long long)index,
                       -(long long)parts.n, (long long)parts.n - 1);
            return false;
        }
    }
    for (int64_t o = 0; o < parts.outer; o++)
        for (int64_t i = 0; i < indices->count; i++) {
            int64_t index = tensor_get_int(indices, i);
            int64_t from = (o * parts.n + (index < 0 ? index + parts.n : index)) * parts.inner;
            for (int64_t e = 0; e < parts.inner; e++)
                copy_element(outputs[0], at++, data, from + e);
        }
    return true;
}

/* ── Made from shapes ────────────────────────────────────────────────────────────────────────────────── */

REF(Shape)
{
    UNUSED;
    int64_t start = node_attr_int(node, "start"), rank = inputs[0]->rank;
    start = start < 0 ? (start + rank < 0 ? 0 : start + rank) : start;
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
        copy_element(outputs[0], i, value->tensor, 0);
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
