/* Pooling, as a chain of elementwise phases: for each tap of the window, the outputs whose tap lies inside the picture
 * take up the input there. Any rank, padding and dilation; meant to be right rather than fast.
 *
 *   3x3 max: out = lowest; for each of 9 taps: out[y0:y1, x0:x1] = max(out[…], in[tap…, strided]) */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

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

static double lowest(DType dtype)
{
    switch (dtype) {
    case DT_INT8: return INT8_MIN;
    case DT_INT16: return INT16_MIN;
    case DT_INT32: return INT32_MIN;
    case DT_INT64: return (double)INT64_MIN;
    case DT_UINT8:
    case DT_UINT16:
    case DT_UINT32:
    case DT_UINT64:
    case DT_BOOL: return 0;
    default: return -INFINITY;
    }
}

static void join(Lowering *l, const char *name, OpKind op, View out, View in)
{
    Expr expr = {.n_operands = 2, .n_steps = 1, .steps[0] = {.op = op, .in = {0, 1}, .dtype = out.dtype}};
    map_phase(l, name, &expr, out, (View[]){out, in});
}

/* ── MaxPool ─────────────────────────────────────────────────────────────────────────────────────────── */

/* For each element of x, its number in all of x: what Indices hold. */
static View numbers_of(Lowering *l, const Node *node, const View *x)
{
    Tensor *numbers = tensor_new(l->arena, DT_INT64, x->rank, x->dims);
    if (!numbers)
        out_of_memory();
    for (int64_t i = 0; i < numbers->count; i++)
        tensor_set_int(numbers, i, i);
    return view_constant(l, numbers, arena_printf(l->arena, "%s.numbers", node_label(node)));
}

/* Where x is greater than the best so far (or nothing was seen yet), its number. */
static void update_indices(Lowering *l, const char *name, View index, View best, View x, View numbers)
{
    Expr expr = {.n_operands = 4,
                 .n_steps = 5,
                 .steps = {{.op = OP_Greater, .in = {1, 2}, .dtype = DT_BOOL},          /* 4: x > best */
                           {.op = OP_Constant, .imm[0] = 0, .dtype = DT_INT64},         /* 5 */
                           {.op = OP_Less, .in = {0, 5}, .dtype = DT_BOOL},             /* 6: index < 0 */
                           {.op = OP_Or, .in = {4, 6}, .dtype = DT_BOOL},               /* 7 */
                           {.op = OP_Where, .in = {7, 3, 0}, .dtype = DT_INT64}}};
    map_phase(l, name, &expr, index, (View[]){index, x, best, numbers});
}

static void max_taps(Lowering *l, const Node *node, Taps *taps, View out, const View *index)
{
    const char *name = node_label(node);
    View numbers = index ? numbers_of(l, node, &taps->x) : taps->x;
    fill_phase(l, name, out, lowest(out.dtype));
    if (index)
        fill_phase(l, name, *index, -1);
    do {
        View to[2] = {out, index ? *index : out}, from[2] = {taps->x, numbers};
        if (!narrow(taps, to, 2, from, 2))
            continue;
        if (index)
            update_indices(l, name, to[1], to[0], from[0], from[1]);
        join(l, name, OP_Max, to[0], from[0]);
    } while (next_tap(taps));
}

bool lower_MaxPool(Lowering *l, const Node *node)
{
    const Value *indices = node_output(node, 1);
    Taps taps = taps_of(l, node);
    if (indices && taps.x.per_image)
        return mixes_images(l, "MaxPool's Indices, which count through all images, of a free batch");
    View out = output_like(l, node->outputs.at[0], &taps.x), index;
    if (indices) {
        index = view_output(l, indices, NULL, false);
        view_set(l, indices, index);
    }
    if (view_count(&out))
        max_taps(l, node, &taps, out, indices ? &index : NULL);
    view_set(l, node->outputs.at[0], out);
    return true;
}

/* ── AveragePool ─────────────────────────────────────────────────────────────────────────────────────── */

/* Taps of output position `at` of dimension i that count. */
static int64_t taps_counted(const Taps *taps, int i, int64_t at, bool padding)
{
    const Window *w = &taps->window;
    int64_t count = 0;
    for (int64_t k = 0; k < w->kernel[i]; k++) {
        int64_t in = at * w->stride[i] - w->begin[i] + k * w->dilation[i], size = taps->x.dims[i + 2];
        count += padding ? in < size + w->end[i] : in >= 0 && in < size;
    }
    return count;
}

/* One over the number of elements in each window: a product over the dimensions. */
static View reciprocals(Lowering *l, const Node *node, const Taps *taps)
{
    int n = taps->window.n;
    bool padding = node_attr_int(node, "count_include_pad");
    Tensor *tensor = tensor_new(l->arena, DT_FLOAT, n, taps->out);
    if (!tensor)
        out_of_memory();
    for (int64_t e = 0; e < tensor->count; e++) {
        int64_t rest = e, count = 1;
        for (int i = n - 1; i >= 0; rest /= taps->out[i], i--)
            count *= taps_counted(taps, i, rest % taps->out[i], padding);
        tensor_set(tensor, e, 1.0 / (double)count);
    }
    return view_constant(l, tensor, arena_printf(l->arena, "%s.counts", node_label(node)));
}

bool lower_AveragePool(Lowering *l, const Node *node)
{
    const char *name = node_label(node);
    Taps taps = taps_of(l, node);
    View out = output_like(l, node->outputs.at[0], &taps.x);
    view_set(l, node->outputs.at[0], out);
    if (!view_count(&out))
        return true;
    fill_phase(l, name, out, 0);
    do {
        View to = out, from = taps.x;
        if (narrow(&taps, &to, 1, &from, 1))
            join(l, name, OP_Add, to, from);
    } while (next_tap(&taps));
    View scale = reciprocals(l, node, &taps);
    view_broadcast(&scale, out.rank, out.dims);
    Expr expr = {.n_operands = 2,
                 .n_steps = 2,
                 .steps = {{.op = OP_Cast, .in = {1}, .dtype = out.dtype}, {.op = OP_Mul, .in = {0, 2}, .dtype = out.dtype}}};
    map_phase(l, name, &expr, out, (View[]){out, scale});
    return true;
}
