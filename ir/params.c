/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What attributes and constant inputs mean. Users write them in many ways: counted from the end, left out, as an attribute or as
 * an input, beyond the dimension they cut.
 *
 *   Slice(x, {-3}, {100}, {-1}, {2})  of x [2,8]        dimension 1: start 5, step 2, length 2
 *   ReduceMean<axes = [-1]>(x)                          reduced: {false, true}
 *   Conv<auto_pad = "SAME_UPPER">(x [1,3,8,8], w)       begin {1, 1}, end {1, 1} for a kernel of 3x3 */
#include "ir/params.h"

#include "ir/infer.h"
#include "ir/op.h"

#include <assert.h>
#include <string.h>

static const Shape *input_shape(const Node *node) { return &node->inputs.at[0]->type.shape; }

Ints node_ints(const Node *node, const char *attr, int64_t input)
{
    const Value *value = input >= 0 ? node_input(node, input) : NULL;
    if (!value) {
        const Attr *found = node_attr(node, attr);
        Ints ints = {.given = found != NULL};
        if (found && found->kind == ATTR_INT)
            return (Ints){true, 1, &found->i};
        ints.count = node_attr_ints(node, attr, &ints.at);
        return ints;
    }
    const Tensor *tensor = value_constant(value);
    int64_t *numbers = NEW_ARRAY(node->graph->model->arena, int64_t, tensor->count);
    for (int64_t i = 0; i < tensor->count; i++)
        numbers[i] = tensor_get_int(tensor, i);
    return (Ints){true, tensor->count, numbers};
}

/* ── Axes ────────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t from_front(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

static int64_t clamp(int64_t value, int64_t low, int64_t high) { return value < low ? low : value > high ? high : value; }

static bool is_softmax(const Node *node)
{
    return node->op->kind == OP_Softmax || node->op->kind == OP_LogSoftmax || node->op->kind == OP_Hardmax;
}

bool softmax_flattens(const Node *node)
{
    int64_t opset = model_opset(node->graph->model, "");
    return is_softmax(node) && opset && opset < 13;
}

int64_t node_axis_written(const Node *node)
{
    if (is_softmax(node) && !node_attr(node, "axis"))
        return softmax_flattens(node) ? 1 : -1;
    return node_attr_int(node, "axis");
}

int node_axis(const Node *node) { return (int)from_front(node_axis_written(node), input_shape(node)->rank); }

Ints node_mvn_axes(const Node *node)
{
    static const int64_t usual[] = {0, 2, 3};
    Ints axes = node_ints(node, "axes", -1);
    return axes.given ? axes : (Ints){true, countof(usual), usual};
}

bool node_is_reduce(const Node *node)
{
    switch (node->op->kind) {
    case OP_ReduceL1:
    case OP_ReduceL2:
    case OP_ReduceMax:
    case OP_ReduceMean:
    case OP_ReduceMin:
    case OP_ReduceProd:
    case OP_ReduceSum:
    case OP_ReduceSumSquare: return true;
    default: return false;
    }
}

void node_reduced(const Node *node, bool reduced[MAX_RANK])
{
    int rank = input_shape(node)->rank;
    Ints axes = node_ints(node, "axes", 1);
    for (int i = 0; i < MAX_RANK; i++)
        reduced[i] = i < rank && !axes.count && !node_attr_int(node, "noop_with_empty_axes");
    for (int64_t i = 0; i < axes.count; i++)
        reduced[from_front(axes.at[i], rank)] = true;
}

int node_perm(const Node *node, int64_t perm[MAX_RANK])
{
    int rank = input_shape(node)->rank;
    Ints given = node_ints(node, "perm", -1);
    for (int i = 0; i < rank; i++)
        perm[i] = given.given ? given.at[i] : rank - 1 - i;
    return rank;
}

void node_shape_range(const Node *node, int64_t *start, int64_t *end)
{
    int64_t rank = input_shape(node)->rank;
    *start = clamp(from_front(node_attr_int(node, "start"), rank), 0, rank);
    *end = node_attr(node, "end") ? clamp(from_front(node_attr_int(node, "end"), rank), 0, rank) : rank;
    *end = *end < *start ? *start : *end;
}

/* ── Parts ───────────────────────────────────────────────────────────────────────────────────────────── */

/* start:end:step of a dimension of that size, clamped as in Python. */
static Slice slice_of(int64_t size, int64_t start, int64_t end, int64_t step)
{
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
    start = start < -size ? low : clamp(from_front(start, size), low, high);
    end = end < -size ? low : clamp(from_front(end, size), low, high);
    int64_t span = step < 0 ? start - end : end - start;
    uint64_t stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    int64_t length = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride) + 1;
    return (Slice){length ? start : 0, length > 1 ? step : 1, length, false};
}

static Slice slice_open(int64_t start, int64_t end, int64_t step)
{
    return (Slice){start, step, -1, start == 0 && end >= INT32_MAX && step == 1};
}

void node_slices(const Node *node, Slice slices[MAX_RANK])
{
    const Shape *in = input_shape(node);
    Ints starts = node_ints(node, "starts", 1), ends = node_ints(node, "ends", 2), axes = node_ints(node, "axes", 3);
    Ints steps = node_ints(node, "", 4);
    for (int i = 0; i < in->rank; i++)
        slices[i] = (Slice){0, 1, in->dims[i].size, true};
    for (int64_t i = 0; i < starts.count; i++) {
        int64_t axis = axes.given ? from_front(axes.at[i], in->rank) : i, size = in->dims[axis].size;
        int64_t step = steps.given ? steps.at[i] : 1;
        slices[axis] = size < 0 ? slice_open(starts.at[i], ends.at[i], step) : slice_of(size, starts.at[i], ends.at[i], step);
    }
}

void node_pads(const Node *node, int64_t before[MAX_RANK], int64_t after[MAX_RANK])
{
    int rank = input_shape(node)->rank;
    Ints pads = node_ints(node, "pads", 1), axes = node_ints(node, "", 3);
    int64_t n = pads.count / 2;
    memset(before, 0, sizeof *before * MAX_RANK);
    memset(after, 0, sizeof *after * MAX_RANK);
    for (int64_t i = 0; i < n; i++) {
        int64_t axis = axes.given ? from_front(axes.at[i], rank) : i;
        before[axis] = pads.at[i];
        after[axis] = pads.at[n + i];
    }
}

static int64_t floor_mod(int64_t a, int64_t b) { return (a % b + b) % b; }

PadMode node_pad_mode(const Node *node)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    int mode = PAD_CONSTANT;
    while (mode < N_PAD_MODES && strcmp(node_attr_string(node, "mode"), modes[mode]) != 0)
        mode++;
    return (PadMode)mode;
}

/* What is taken away goes first; what is left is continued. */
int64_t pad_source(PadMode mode, int64_t size, int64_t before, int64_t after, int64_t i)
{
    int64_t skip = before < 0 ? -before : 0, n = size - skip - (after < 0 ? -after : 0), at = i - (before > 0 ? before : 0);
    if (at >= 0 && at < n)
        return skip + at;
    if (n < 1 || mode == PAD_CONSTANT)
        return -1;
    if (mode == PAD_WRAP)
        return skip + floor_mod(at, n);
    if (mode == PAD_EDGE || n == 1)
        return skip + clamp(at, 0, n - 1);
    at = floor_mod(at, 2 * (n - 1));
    return skip + (at < n ? at : 2 * (n - 1) - at);
}

const int64_t *node_parts(const Node *node)
{
    Ints given = node_ints(node, "split", 1);
    if (given.given)
        return given.at;
    int64_t n = node->outputs.len, size = input_shape(node)->dims[node_axis(node)].size;
    int64_t *parts = NEW_ARRAY(node->graph->model->arena, int64_t, n);
    for (int64_t i = 0; i < n; i++)
        parts[i] = i + 1 < n ? (size + n - 1) / n : size - (size + n - 1) / n * (n - 1);
    return parts;
}

/* ── Windows ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool is_conv(const Node *node)
{
    OpKind kind = node->op->kind;
    return kind == OP_Conv || kind == OP_ConvNHWC || kind == OP_ConvInteger || kind == OP_ConvTranspose || kind == OP_QLinearConv;
}

int64_t node_weights(const Node *node) { return node->op->kind == OP_QLinearConv ? 3 : 1; }

int node_spatial_axis(const Node *node) { return node->op->kind == OP_ConvNHWC ? 1 : 2; }

static void copy_ints(const Node *node, const char *name, int64_t *to, int n)
{
    const int64_t *from;
    if (node_attr_ints(node, name, &from) == n)
        memcpy(to, from, (size_t)n * sizeof *to);
}

/* As SAME_UPPER and SAME_LOWER have it: output = ceil(input / stride), an odd pixel of padding at the end or
 * at the beginning. */
static void same_pads(Window *w, int i, int64_t in, bool lower)
{
    assert(w->stride[i] > 0); /* inference has seen the attribute */
    int64_t out = (in + w->stride[i] - 1) / w->stride[i];
    int64_t pad = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - in;
    if (pad < 0)
        pad = 0;
    w->begin[i] = lower ? pad - pad / 2 : pad / 2;
    w->end[i] = pad - w->begin[i];
}

void node_window(const Node *node, Window *w)
{
    const Shape *x = input_shape(node);
    const char *auto_pad = node->op->kind == OP_ConvNHWC ? "NOTSET" : node_attr_string(node, "auto_pad");
    const int64_t *pads;
    *w = (Window){.n = x->rank - 2};
    for (int i = 0; i < w->n; i++) {
        w->stride[i] = w->dilation[i] = 1;
        if (is_conv(node))
            w->kernel[i] = node->inputs.at[node_weights(node)]->type.shape.dims[i + 2].size;
    }
    copy_ints(node, "kernel_shape", w->kernel, w->n);
    copy_ints(node, "strides", w->stride, w->n);
    copy_ints(node, "dilations", w->dilation, w->n);
    bool given = node_attr_ints(node, "pads", &pads) == 2 * w->n && strcmp(auto_pad, "VALID") != 0;
    for (int i = 0; i < w->n; i++) {
        if (str_starts_with(auto_pad, "SAME_"))
            same_pads(w, i, x->dims[node_spatial_axis(node) + i].size, strcmp(auto_pad, "SAME_LOWER") == 0);
        else if (given) {
            w->begin[i] = pads[i];
            w->end[i] = pads[w->n + i];
        }
    }
}

/* What padding has to be for the result to have that size; one that is larger than all gets zeros at the end. */
static void pads_for(Window *w, int i, int64_t whole, int64_t out, bool upper)
{
    int64_t pad = whole - out, half = pad / 2;
    w->begin[i] = pad < 0 ? 0 : upper ? half : pad - half;
    w->end[i] = pad - w->begin[i];
}

void node_transposed_window(const Node *node, Window *w, int64_t out[MAX_RANK])
{
    const Shape *x = input_shape(node);
    const char *auto_pad = node_attr_string(node, "auto_pad");
    int64_t extra[MAX_RANK] = {0};
    const int64_t *wanted;
    node_window(node, w);
    copy_ints(node, "output_padding", extra, w->n);
    int64_t given = node_attr_ints(node, "output_shape", &wanted);
    for (int i = 0; i < w->n; i++) {
        int64_t in = x->dims[2 + i].size;
        int64_t whole = w->stride[i] * (in - 1) + extra[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
        out[i] = given ? wanted[given - w->n + i] : in * w->stride[i];
        if (given || str_starts_with(auto_pad, "SAME_"))
            pads_for(w, i, whole, out[i], strcmp(auto_pad, "SAME_UPPER") == 0);
        out[i] = whole - w->begin[i] - w->end[i];
    }
}
