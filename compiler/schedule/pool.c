/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pooling, as a chain of elementwise phases: for each tap of the window, the outputs whose tap lies inside the picture
 * take up the input there. Any rank, padding and dilation; meant to be right rather than fast.
 *
 *   3x3 max: out = lowest; for each of 9 taps: out[y0:y1, x0:x1] = max(out[…], in[tap…, strided])
 *
 * Large windows would need as many phases as they have taps. They are pooled one dimension after the other, and along each
 * from values of 1, 2, 4, 8 … neighbours: a window's sum takes those that its width has bits for, and two that overlap make
 * its maximum.
 *
 *   200 wide: s2 = s1 + s1[1:], s4 = s2 + s2[2:] … s128;   sum = s8 + s64[8:] + s128[72:];   max = max(m128, m128[72:]) */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/places.h"

#include "ir/params.h"

#include <math.h>
#include <string.h>

typedef struct Taps {
    Window window;
    View x;                 /* [N, C, in…] */
    int64_t out[MAX_RANK];  /* spatial dimensions of the output */
    int64_t at[MAX_RANK];   /* the present tap */
} Taps;

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/* The outputs [first, first + count) of dimension i whose tap lies inside. */
static int64_t inside(const Taps *taps, int i, int64_t *first)
{
    const Window *w = &taps->window;
    int64_t shift = w->begin[i] - taps->at[i] * w->dilation[i]; /* in = out * stride - shift */
    int64_t last = floor_div(taps->x.dims[i + 2] - 1 + shift, w->stride[i]);
    *first = shift > 0 ? (shift + w->stride[i] - 1) / w->stride[i] : 0;
    last = last < taps->out[i] - 1 ? last : taps->out[i] - 1;
    return last - *first + 1;
}

/* Narrows views of the output and a view of the input to each other; false: they do not meet. */
static bool narrow(const Taps *taps, View *out, int n_out, View *in, int n_in)
{
    const Window *w = &taps->window;
    for (int i = 0; i < w->n; i++) {
        int64_t first, count = inside(taps, i, &first);
        if (count <= 0)
            return false;
        int64_t from = first * w->stride[i] - w->begin[i] + taps->at[i] * w->dilation[i];
        for (int j = 0; j < n_out; j++)
            out[j] = view_slice(out[j], i + 2, pos_at(first), count, 1);
        for (int j = 0; j < n_in; j++)
            in[j] = view_slice(in[j], i + 2, pos_at(from), count, w->stride[i]);
    }
    return true;
}

static bool next_tap(Taps *taps)
{
    for (int i = taps->window.n - 1; i >= 0; i--) {
        if (++taps->at[i] < taps->window.kernel[i])
            return true;
        taps->at[i] = 0;
    }
    return false;
}

static Taps taps_of(Lowering *l, const Node *node)
{
    Taps taps = {.x = view_of_input(l, node, 0)};
    node_window(node, &taps.window);
    for (int i = 0; i < taps.window.n; i++)
        taps.out[i] = node->outputs.at[0]->type.shape.dims[i + 2].size;
    return taps;
}

/* A phase of its own, or part of the loops that are open where there is no name for one. */
static void map_in_place(Lowering *l, const char *name, const Expr *expr, View out, const View *operands)
{
    if (name)
        map_phase(l, name, expr, out, operands);
    else
        map_emit(l, expr, out, operands);
}

static void combine(Lowering *l, const char *name, OpKind op, View out, View a, View b)
{
    Expr expr = {.n_operands = 2, .n_steps = 1, .steps[0] = {.op = op, .in = {0, 1}, .dtype = out.dtype}};
    map_in_place(l, name, &expr, out, (View[]){a, b});
}

/* ── Large windows ───────────────────────────────────────────────────────────────────────────────────── */

enum { MANY_TAPS = 64, MOST_INDEXED = 1024 };

static int64_t count_taps(const Window *w) /* stops where there are too many for anything */
{
    int64_t taps = 1;
    for (int i = 0; i < w->n && taps <= MOST_INDEXED; i++)
        taps *= w->kernel[i] < MOST_INDEXED ? w->kernel[i] : MOST_INDEXED + 1;
    return taps;
}

/* x with all that windows reach along dimension i, padding and what ceil_mode adds among it. */
static View padded(Lowering *l, const char *name, View x, const Window *w, int i, int64_t out, double neutral)
{
    int64_t begin = w->begin[i], reach = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (begin == 0 && reach <= x.dims[i + 2])
        return x;
    View all = view_like(l, &x, i + 2, reach);
    int64_t count = x.dims[i + 2] < reach - begin ? x.dims[i + 2] : reach - begin;
    fill_phase(l, name, all, neutral);
    if (count > 0)
        copy_phase(l, name, view_slice(all, i + 2, pos_at(begin), count, 1), view_slice(x, i + 2, pos_at(0), count, 1));
    return all;
}

static View join_neighbours(Lowering *l, const char *name, OpKind op, View x, int dim, int64_t shift)
{
    int64_t size = x.dims[dim] - shift;
    View joined = view_like(l, &x, dim, size);
    combine(l, name, op, joined, view_slice(x, dim, pos_at(0), size, 1), view_slice(x, dim, pos_at(shift), size, 1));
    return joined;
}

/* out takes up what begins at `shift` in each window. */
static void take_part(Lowering *l, const char *name, OpKind op, View out, View x, const Window *w, int i, int64_t shift)
{
    View part = view_slice(x, i + 2, pos_at(shift * w->dilation[i]), out.dims[i + 2], w->stride[i]);
    if (shift)
        combine(l, name, op, out, out, part);
    else
        copy_phase(l, name, out, part);
}

static void pool_along(Lowering *l, const char *name, OpKind op, View out, View x, const Window *w, int i)
{
    int64_t kernel = w->kernel[i], shift = 0;
    for (int64_t width = 1;; width *= 2) { /* x[p] is of `width` taps from p on */
        bool last = width > kernel / 2;
        if (op == OP_Add ? kernel & width : last)
            take_part(l, name, op, out, x, w, i, shift);
        if (op == OP_Max && last && kernel > width)
            take_part(l, name, op, out, x, w, i, kernel - width);
        if (last)
            return;
        shift += op == OP_Add ? kernel & width : 0;
        x = join_neighbours(l, name, op, x, i + 2, width * w->dilation[i]);
    }
}

static void pool_large(Lowering *l, const char *name, OpKind op, View out, Taps *taps, double neutral)
{
    View x = taps->x;
    for (int i = 0; i < taps->window.n; i++) {
        View to = i == taps->window.n - 1 ? out : view_like(l, &x, i + 2, taps->out[i]);
        pool_along(l, name, op, to, padded(l, name, x, &taps->window, i, taps->out[i], neutral), &taps->window, i);
        x = to;
    }
}

/* Every tap by itself, which is right for any window that is small. */
static void pool_taps(Lowering *l, const char *name, OpKind op, View out, Taps *taps, double neutral)
{
    fill_phase(l, name, out, neutral);
    do {
        View to = out, from = taps->x;
        if (narrow(taps, &to, 1, &from, 1))
            combine(l, name, op, to, to, from);
    } while (next_tap(taps));
}

static void pool(Lowering *l, const char *name, OpKind op, View out, Taps *taps, double neutral)
{
    (count_taps(&taps->window) > MANY_TAPS ? pool_large : pool_taps)(l, name, op, out, taps, neutral);
}

/* ── MaxPool ─────────────────────────────────────────────────────────────────────────────────────────── */

/* For each element of x, its number in all of x: what Indices hold. */
static View numbers_of(Lowering *l, const Node *node, const View *x)
{
    View numbers = places_along(l, node_label(node), view_count(x));
    view_reshape(&numbers, x->rank, x->dims);
    return numbers;
}

/* Where x is greater than the best so far, or NaN, or nothing was seen yet, its number. */
static void update_indices(Lowering *l, const char *name, View index, View best, View x, View numbers)
{
    Expr expr = {.n_operands = 4,
                 .n_steps = 8,
                 .steps = {{.op = OP_Greater, .in = {1, 2}, .dtype = DT_BOOL},  /* 4: x > best */
                           {.op = OP_Equal, .in = {1, 1}, .dtype = DT_BOOL},    /* 5 */
                           {.op = OP_Not, .in = {5}, .dtype = DT_BOOL},         /* 6: x is NaN */
                           {.op = OP_Or, .in = {4, 6}, .dtype = DT_BOOL},       /* 7 */
                           {.op = OP_Constant, .imm[0] = 0, .dtype = DT_INT64}, /* 8 */
                           {.op = OP_Less, .in = {0, 8}, .dtype = DT_BOOL},     /* 9: index < 0 */
                           {.op = OP_Or, .in = {7, 9}, .dtype = DT_BOOL},       /* 10 */
                           {.op = OP_Where, .in = {10, 3, 0}, .dtype = DT_INT64}}};
    map_in_place(l, name, &expr, index, (View[]){index, x, best, numbers});
}

/* x with what windows reach around it, for loops over their taps. */
static View padded_all(Lowering *l, const char *name, View x, const Taps *taps, double neutral)
{
    for (int i = 0; i < taps->window.n; i++)
        x = padded(l, name, x, &taps->window, i, taps->out[i], neutral);
    return x;
}

/* Taps by loops, for each image and channel: what lies around x is as low as can be, and has the number of nothing. */
static void loop_with_indices(Lowering *l, const char *name, const Taps *taps, View out, View index, View numbers)
{
    const Window *w = &taps->window;
    View x = padded_all(l, name, taps->x, taps, dtype_lowest(out.dtype)), all[4] = {out, index, x, numbers};
    all[3] = padded_all(l, name, numbers, taps, -1);
    phase_open(l, name, 0);
    for (int d = 0; d < 2; d++) {
        Pos at = pos_loop(pos_at(0), d ? loop_open(l, out.dims[1]) : section_open(l, out.dims[0]), 1);
        for (int i = 0; i < 4; i++)
            all[i] = view_slice(all[i], d, at, 1, 1);
    }
    for (int i = 0; i < w->n; i++) {
        Pos at = pos_loop(pos_at(0), loop_open(l, w->kernel[i]), w->dilation[i]);
        for (int k = 2; k < 4; k++)
            all[k] = view_slice(all[k], i + 2, at, out.dims[i + 2], w->stride[i]);
    }
    update_indices(l, NULL, all[1], all[0], all[2], all[3]);
    combine(l, NULL, OP_Max, all[0], all[0], all[2]);
    for (int i = 0; i < w->n + 2; i++)
        loop_close(l);
}

static void max_with_indices(Lowering *l, const Node *node, Taps *taps, View out, View index)
{
    const char *name = node_label(node);
    View numbers = numbers_of(l, node, &taps->x);
    fill_phase(l, name, out, dtype_lowest(out.dtype));
    fill_phase(l, name, index, -1);
    if (count_taps(&taps->window) > MANY_TAPS) {
        loop_with_indices(l, name, taps, out, index, numbers);
        return;
    }
    do {
        View to[2] = {out, index}, from[2] = {taps->x, numbers};
        if (!narrow(taps, to, 2, from, 2))
            continue;
        update_indices(l, name, to[1], to[0], from[0], from[1]);
        combine(l, name, OP_Max, to[0], to[0], from[0]);
    } while (next_tap(taps));
}

bool lower_MaxPool(Lowering *l, const Node *node)
{
    const Value *indices = node_output(node, 1);
    Taps taps = taps_of(l, node);
    if (indices && taps.x.per_image)
        return mixes_images(l, "MaxPool's Indices, which count through all images, of a free batch");
    if (indices && count_taps(&taps.window) > MOST_INDEXED)
        return lower_unsupported(l, "a window of more than 1024 elements, with Indices,");
    View out = output_like(l, node->outputs.at[0], &taps.x), index;
    if (indices) {
        index = view_output(l, indices, NULL, false);
        view_set(l, indices, index);
    }
    if (view_count(&out) && indices)
        max_with_indices(l, node, &taps, out, index);
    else if (view_count(&out))
        pool(l, node_label(node), OP_Max, out, &taps, dtype_lowest(out.dtype));
    view_set(l, node->outputs.at[0], out);
    return true;
}

/* ── AveragePool ─────────────────────────────────────────────────────────────────────────────────────── */

/* Taps of a window that begins at `from` which lie before `limit`. */
static int64_t taps_before(const Window *w, int i, int64_t from, int64_t limit)
{
    int64_t count = limit > from ? (limit - from + w->dilation[i] - 1) / w->dilation[i] : 0;
    return count < w->kernel[i] ? count : w->kernel[i];
}

/* Taps of output position `at` of dimension i that count. */
static int64_t taps_counted(const Taps *taps, int i, int64_t at, bool padding)
{
    const Window *w = &taps->window;
    int64_t from = at * w->stride[i] - w->begin[i], size = taps->x.dims[i + 2];
    return padding ? taps_before(w, i, from, size + w->end[i]) : taps_before(w, i, from, size) - taps_before(w, i, from, 0);
}

/* Dimensions from `first` to `end`: one over the number of elements in each window, a product over the dimensions. */
static View reciprocals(Lowering *l, const Node *node, const Taps *taps, int first, int end)
{
    bool padding = node_attr_int(node, "count_include_pad");
    Tensor *tensor = tensor_new(l->arena, DT_FLOAT, end - first, taps->out + first);
    if (!tensor)
        out_of_memory();
    for (int64_t e = 0; e < tensor->count; e++) {
        int64_t rest = e, count = 1;
        for (int i = end - 1; i >= first; rest /= taps->out[i], i--)
            count *= taps_counted(taps, i, rest % taps->out[i], padding);
        tensor_set(tensor, e, 1.0 / (double)count);
    }
    return view_constant(l, tensor, arena_printf(l->arena, "%s.counts", node_label(node)));
}

/* out = out * scale, which lacks the dimensions before its own and `behind` it. */
static void scale_by(Lowering *l, const char *name, View out, View scale, int behind)
{
    Expr expr = {.n_operands = 2,
                 .n_steps = 2,
                 .steps = {{.op = OP_Cast, .in = {1}, .dtype = out.dtype}, {.op = OP_Mul, .in = {0, 2}, .dtype = out.dtype}}};
    while (behind--)
        scale = view_insert(scale, scale.rank, 1, 0);
    view_broadcast(&scale, out.rank, out.dims);
    map_phase(l, name, &expr, out, (View[]){out, scale});
}

/* In one step, or for more windows than there are numbers in a table dimension by dimension. */
static bool divide(Lowering *l, const Node *node, const Taps *taps, View out)
{
    int64_t windows = 1;
    int n = taps->window.n;
    for (int i = 0; i < n; i++)
        windows *= taps->out[i];
    if (windows <= MOST_TABLED) {
        scale_by(l, node_label(node), out, reciprocals(l, node, taps, 0, n), 0);
        return true;
    }
    for (int i = 0; i < n; i++) {
        if (!lower_may_compute(l, taps->out[i] * dtype_size(DT_FLOAT)))
            return false;
        scale_by(l, node_label(node), out, reciprocals(l, node, taps, i, i + 1), n - 1 - i);
    }
    return true;
}

/* Sums of halves are floats: they are beyond the largest half before the average is not. */
bool lower_AveragePool(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    Taps taps = taps_of(l, node);
    bool half = dtype_is_half(value->type.dtype);
    if (half)
        taps.x = view_float(l, taps.x);
    View out = half ? float_output(l, value, NULL, false) : output_like(l, value, &taps.x);
    if (view_count(&out)) {
        pool(l, value->name, OP_Add, out, &taps, 0);
        if (!divide(l, node, &taps, out))
            return false;
    }
    float_output_set(l, value, out);
    return true;
}
