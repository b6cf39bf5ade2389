/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reference functions of convolutions and matrix products, in double.
 *
 * A whole ConvNeXt must run here in well under a minute or two, so operands are widened once and the
 * innermost loops run over contiguous elements; otherwise nothing is clever. */
#include "ir/interp_util.h"
#include "ir/quantize.h"

#include <string.h>

#define REF(name) bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)

/* ── Convolution ─────────────────────────────────────────────────────────────────────────────────────── */

/* Both layouts are the same loops with other strides. */
typedef struct Conv {
    Window window;
    const double *x, *w;
    int64_t batch, in_channels, out_channels, group;
    int64_t in[MAX_RANK], out[MAX_RANK];               /* spatial sizes */
    int64_t x_image, x_channel, x_step[MAX_RANK];      /* strides in elements */
    int64_t y_image, y_channel, y_step[MAX_RANK];
    int64_t n_taps, n_out;                             /* of the kernel; of the output plane */
    double *plane;                                     /* one channel of the output */
} Conv;

static void set_layout(Conv *conv, const Tensor *x, const Tensor *y, bool channels_last)
{
    int64_t xs[MAX_RANK], ys[MAX_RANK];
    int channel = channels_last ? x->rank - 1 : 1, spatial = channels_last ? 1 : 2;
    dense_strides(x->rank, x->dims, xs);
    dense_strides(y->rank, y->dims, ys);
    conv->batch = x->dims[0];
    conv->in_channels = x->dims[channel];
    conv->out_channels = y->dims[channel];
    conv->x_image = xs[0], conv->x_channel = xs[channel];
    conv->y_image = ys[0], conv->y_channel = ys[channel];
    conv->n_taps = conv->n_out = 1;
    for (int i = 0; i < conv->window.n; i++) {
        conv->in[i] = x->dims[spatial + i], conv->out[i] = y->dims[spatial + i];
        conv->x_step[i] = xs[spatial + i], conv->y_step[i] = ys[spatial + i];
        conv->n_taps *= conv->window.kernel[i];
        conv->n_out *= conv->out[i];
    }
}

/* plane[…] += weight * x[…] for one tap of the kernel: `x` is one channel of the input. */
static void add_tap(const Conv *conv, const double *x, const int64_t *tap, double weight)
{
    const Window *w = &conv->window;
    int last = w->n - 1;
    int64_t width = conv->out[last];
    Walk rows = walk_over(last, conv->out);
    for (int64_t row = 0; row < conv->n_out; row += width, walk_next(&rows)) {
        int64_t offset = 0;
        bool inside = true;
        for (int i = 0; i < last; i++) {
            int64_t at = rows.at[i] * w->stride[i] - w->begin[i] + tap[i] * w->dilation[i];
            inside &= at >= 0 && at < conv->in[i];
            offset += at * conv->x_step[i];
        }
        int64_t first = tap[last] * w->dilation[last] - w->begin[last], step = w->stride[last];
        for (int64_t o = 0; inside && o < width; o++) {
            int64_t at = o * step + first;
            if (at >= 0 && at < conv->in[last])
                conv->plane[row + o] += weight * x[offset + at * conv->x_step[last]];
        }
    }
}

static void add_channel(const Conv *conv, const double *x, const double *w)
{
    Walk taps = walk_over(conv->window.n, conv->window.kernel);
    for (int64_t t = 0; t < conv->n_taps; t++, walk_next(&taps))
        add_tap(conv, x, taps.at, w[t]);
}

static void store_plane(const Conv *conv, Tensor *y, int64_t base)
{
    Walk walk = walk_over(conv->window.n, conv->out);
    memcpy(walk.stride[0], conv->y_step, sizeof conv->y_step);
    for (int64_t i = 0; i < conv->n_out; i++, walk_next(&walk))
        tensor_set(y, base + walk.offset[0], conv->plane[i]);
}

static void conv_plane(const Conv *conv, int64_t n, int64_t m, double bias)
{
    int64_t per_group = conv->in_channels / conv->group, g = m / (conv->out_channels / conv->group);
    for (int64_t i = 0; i < conv->n_out; i++)
        conv->plane[i] = bias;
    for (int64_t c = 0; c < per_group; c++)
        add_channel(conv, conv->x + n * conv->x_image + (g * per_group + c) * conv->x_channel,
                    conv->w + (m * per_group + c) * conv->n_taps);
}

/* x's elements less their zero points, which broadcast to it; NULL: 0. */
static double *centred(Arena *arena, const Tensor *x, const Tensor *zero)
{
    double *values = tensor_doubles(arena, x);
    Walk walk = walk_over(x->rank, x->dims);
    if (zero)
        walk_broadcast(&walk, 0, zero);
    for (int64_t i = 0; zero && i < x->count; i++, walk_next(&walk))
        values[i] -= tensor_get(zero, walk.offset[0]);
    return values;
}

/* A vector of zero points as one that goes along axis of x; one that is alone, or no vector, as it is. NULL: NULL. */
static Tensor *zeros_along(Arena *arena, Tensor *zero, const Tensor *x, int axis)
{
    int64_t dims[MAX_RANK];
    if (!zero || zero->rank != 1 || zero->count == 1)
        return zero && zero->count == 1 ? tensor_reshaped(arena, zero, 0, NULL) : zero;
    for (int i = 0; i < x->rank; i++)
        dims[i] = i == axis ? zero->count : 1;
    return tensor_reshaped(arena, zero, x->rank, dims);
}

static bool convolve(const Node *node, Tensor *const *inputs, Tensor **outputs, bool channels_last)
{
    Arena *scratch = arena_new();
    bool integers = node->op->kind == OP_ConvInteger;
    Tensor *bias = integers ? NULL : interp_input(node, inputs, 2), *zero[2] = {NULL};
    for (int i = 0; integers && i < 2; i++)
        zero[i] = zeros_along(scratch, interp_input(node, inputs, 2 + i), inputs[i], 0);
    Conv conv = {.group = node_attr_int(node, "group")};
    node_window(node, &conv.window);
    set_layout(&conv, inputs[0], outputs[0], channels_last);
    conv.x = centred(scratch, inputs[0], zero[0]);
    conv.w = centred(scratch, inputs[1], zero[1]);
    conv.plane = NEW_ARRAY(scratch, double, conv.n_out);
    for (int64_t n = 0; n < conv.batch; n++)
        for (int64_t m = 0; m < conv.out_channels; m++) {
            conv_plane(&conv, n, m, bias ? tensor_get(bias, m) : 0);
            store_plane(&conv, outputs[0], n * conv.y_image + m * conv.y_channel);
        }
    arena_free(scratch);
    return true;
}

REF(Conv)
{
    (void)diag;
    return convolve(node, inputs, outputs, false);
}
REF(ConvInteger)
{
    (void)diag;
    return convolve(node, inputs, outputs, false);
}
REF(ConvNHWC)
{
    (void)diag;
    return convolve(node, inputs, outputs, true);
}

/* ── Matrix products ─────────────────────────────────────────────────────────────────────────────────── */

/* row[n] = Σ a[k * a_step] * b[k, n], B dense. */
static void product_row(const double *a, int64_t a_step, const double *b, double *row, int64_t k, int64_t n)
{
    memset(row, 0, (size_t)n * sizeof *row);
    for (int64_t i = 0; i < k; i++, b += n) {
        double factor = a[i * a_step];
        for (int64_t j = 0; j < n; j++)
            row[j] += factor * b[j];
    }
}

/* Strides of the dimensions before the last two, broadcast to those of the result. */
static void outer_strides(Walk *walk, int which, const Tensor *tensor)
{
    int64_t strides[MAX_RANK];
    int outer = tensor->rank > 2 ? tensor->rank - 2 : 0;
    dense_strides(tensor->rank, tensor->dims, strides);
    for (int i = 0; i < outer; i++)
        walk->stride[which][walk->rank - outer + i] = tensor->dims[i] == 1 ? 0 : strides[i];
}

static bool multiply(Tensor *const *inputs, Tensor **outputs, Tensor *a_zero, Tensor *b_zero)
{
    const Tensor *a = inputs[0], *b = inputs[1], *y = outputs[0];
    int64_t m = a->rank > 1 ? a->dims[a->rank - 2] : 1, k = a->dims[a->rank - 1];
    int64_t n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    Arena *scratch = arena_new();
    a_zero = zeros_along(scratch, a_zero, a, a->rank > 1 ? a->rank - 2 : 0);
    b_zero = zeros_along(scratch, b_zero, b, b->rank - 1);
    double *at = centred(scratch, a, a_zero), *bt = centred(scratch, b, b_zero), *row = NEW_ARRAY(scratch, double, n);
    Walk walk = walk_over(y->rank - (a->rank > 1) - (b->rank > 1), y->dims);
    outer_strides(&walk, 0, a);
    outer_strides(&walk, 1, b);
    for (int64_t base = 0; base < y->count; base += m * n, walk_next(&walk))
        for (int64_t i = 0; i < m; i++) {
            product_row(at + walk.offset[0] + i * k, 1, bt + walk.offset[1], row, k, n);
            for (int64_t j = 0; j < n; j++)
                tensor_set(outputs[0], base + i * n + j, row[j]);
        }
    arena_free(scratch);
    return true;
}

REF(MatMul)
{
    (void)node, (void)diag;
    return multiply(inputs, outputs, NULL, NULL);
}
REF(MatMulInteger)
{
    (void)diag;
    return multiply(inputs, outputs, interp_input(node, inputs, 2), interp_input(node, inputs, 3));
}

/* B as [k, n] whatever transB. */
static double *load_b(Arena *arena, const Tensor *b, bool transposed, int64_t k, int64_t n)
{
    double *plain = tensor_doubles(arena, b), *turned = NEW_ARRAY(arena, double, k *n);
    if (!transposed)
        return plain;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            turned[i * n + j] = plain[j * k + i];
    return turned;
}

/* One row of A by one range of B's rows: out[n] += step * Σ q * B + low * Σ B. */
static void add_range(const double *a, const double *b, int64_t k, int64_t n, double *out)
{
    RowScale scale = quantize_scale(a, k);
    for (int64_t i = 0; i < k; i++, b += n) {
        double factor = quantize_element(&scale, a[i]) * (double)scale.step + scale.low;
        for (int64_t j = 0; j < n; j++)
            out[j] += factor * b[j];
    }
}

REF(RowQuantizedMatMul)
{
    (void)diag;
    const Tensor *b = inputs[1];
    int64_t k = b->dims[0], n = b->dims[1], range = node_attr_int(node, "range"), rows = k ? inputs[0]->count / k : 0;
    range = range ? range : k;
    Arena *scratch = arena_new();
    double *at = tensor_doubles(scratch, inputs[0]), *bt = tensor_doubles(scratch, b), *row = NEW_ARRAY(scratch, double, n);
    for (int64_t i = 0; i < rows; i++) {
        memset(row, 0, (size_t)n * sizeof *row);
        for (int64_t from = 0; from < k; from += range)
            add_range(at + i * k + from, bt + from * n, range, n, row);
        for (int64_t j = 0; j < n; j++)
            tensor_set(outputs[0], i * n + j, row[j] * tensor_get(inputs[2], j));
    }
    arena_free(scratch);
    return true;
}

REF(Gemm)
{
    (void)diag;
    const Tensor *a = inputs[0], *c = interp_input(node, inputs, 2);
    bool ta = node_attr_int(node, "transA");
    int64_t m = a->dims[ta], k = a->dims[!ta], n = outputs[0]->dims[1];
    double alpha = (double)(float)node_attr_float(node, "alpha"), beta = (double)(float)node_attr_float(node, "beta");
    Arena *scratch = arena_new();
    double *at = tensor_doubles(scratch, a), *row = NEW_ARRAY(scratch, double, n);
    double *b = load_b(scratch, inputs[1], node_attr_int(node, "transB"), k, n);
    Walk walk = walk_over(2, outputs[0]->dims);
    if (c)
        walk_broadcast(&walk, 0, c);
    for (int64_t i = 0; i < m; i++) {
        product_row(at + i * (ta ? 1 : k), ta ? m : 1, b, row, k, n);
        for (int64_t j = 0; j < n; j++, walk_next(&walk))
            tensor_set(outputs[0], i * n + j, alpha * row[j] + (c ? beta * tensor_get(c, walk.offset[0]) : 0));
    }
    arena_free(scratch);
    return true;
}
