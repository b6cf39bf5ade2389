/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference of what slides a window over spatial dimensions: convolutions and pools.
 *
 *   Conv <kernel_shape = [7, 7], pads = [3, 3, 3, 3]> ([N,96,56,56], [96,1,7,7]) → [N,96,56,56]
 *
 * Every number comes from outside, so each size is computed with overflow checks. */
#include "ir/infer_util.h"

#include <string.h>

/* A kernel's extent in one dimension and a stride, dilation or pad are bounded, so that their products and
 * sums stay far inside int64. */
#define MAX_STEP ((int64_t)1 << 40)
enum { MAX_KERNEL = 1 << 20 };

/* A list attribute: absent, or n numbers, each between least and most. */
static bool check_list(const Node *node, const char *name, int64_t n, int64_t least, Diag *diag)
{
    const int64_t *at;
    int64_t count = node_attr_ints(node, name, &at);
    if (!node_attr(node, name))
        return true;
    if (count != n)
        return FAIL(node, diag, "%s of %s has %lld elements, expected %lld", name, node->op->name, (long long)count,
                    (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (at[i] < least || at[i] >= MAX_STEP)
            return FAIL(node, diag, "element %lld of %s of %s is %lld, expected %lld to 2^40 - 1", (long long)i, name,
                        node->op->name, (long long)at[i], (long long)least);
    return true;
}

static bool check_auto_pad(const Node *node, Diag *diag)
{
    static const char *const known[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    if (node->op->kind == OP_ConvNHWC)
        return true;
    const char *auto_pad = node_attr_string(node, "auto_pad");
    for (int64_t i = 0; i < countof(known); i++)
        if (strcmp(auto_pad, known[i]) == 0)
            return true;
    return FAIL(node, diag, "auto_pad of %s is '%s', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER", node->op->name, auto_pad);
}

static bool check_lists(const Node *node, Diag *diag)
{
    int n = node_input_shape(node, 0)->rank - 2;
    return check_list(node, "kernel_shape", n, 1, diag) && check_list(node, "strides", n, 1, diag) &&
           check_list(node, "dilations", n, 1, diag) && check_list(node, "pads", 2 * n, 0, diag) && check_auto_pad(node, diag);
}

/* A window that covers its dimension once and moves by one leaves it as it is, even if it is symbolic. */
static bool keeps_size(const Node *node, const Window *w, int i)
{
    if (str_starts_with(node->op->kind == OP_ConvNHWC ? "" : node_attr_string(node, "auto_pad"), "SAME_"))
        return w->stride[i] == 1;
    return w->stride[i] == 1 && w->begin[i] + w->end[i] == (w->kernel[i] - 1) * w->dilation[i];
}

/* A window position that would begin in the end padding does not count. */
static int64_t positions(const Window *w, int i, int64_t in, int64_t rest, bool ceil_mode)
{
    int64_t out = (rest + (ceil_mode ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
    if (ceil_mode && (out - 1) * w->stride[i] >= in + w->begin[i])
        out--;
    return out;
}

/* Valid, and of no use. Always false. */
static bool is_empty(const Node *node, const char *what, Diag *diag)
{
    diag_unsupported(diag, node->span, "%s: a dimension of %s that is 0 is not supported", node->op->name, what);
    return false;
}

static bool slide(const Node *node, const Window *w, int i, bool ceil_mode, Dim *dim, Diag *diag)
{
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1, padded = dim->size + w->begin[i] + w->end[i];
    if (keeps_size(node, w, i))
        return true;
    if (!dim_is_fixed(*dim)) {
        *dim = (Dim){.size = -1};
        return true;
    }
    if (extent > padded + (ceil_mode ? w->stride[i] - 1 : 0)) /* ceil_mode lets a window begin that does not end inside */
        return FAIL(node, diag, "%s's kernel spans %lld in spatial dimension %d, its padded input only %lld", node->op->name,
                    (long long)extent, i, (long long)padded);
    if (dim->size == 0)
        return is_empty(node, "the input", diag);
    *dim = dim_of(positions(w, i, dim->size, padded - extent, ceil_mode));
    return true;
}

static bool slide_all(const Node *node, bool ceil_mode, Shape *out, Diag *diag)
{
    Window w;
    node_window(node, &w);
    for (int i = 0; i < w.n; i++)
        if (!slide(node, &w, i, ceil_mode, &out->dims[node_spatial_axis(node) + i], diag))
            return false;
    return true;
}

/* ── Convolutions ────────────────────────────────────────────────────────────────────────────────────── */

static bool check_weights(const Node *node, Diag *diag)
{
    const Shape *x = node_input_shape(node, 0), *w = node_input_shape(node, node_weights(node));
    const int64_t *kernel;
    int64_t n = node_attr_ints(node, "kernel_shape", &kernel);
    if (w->rank != x->rank)
        return FAIL(node, diag, "%s's weights have rank %d (%s), expected the input's rank %d", node->op->name, w->rank,
                    shape_text(node_arena(node), w), x->rank);
    for (int i = 0; i < w->rank; i++)
        if (w->dims[i].size == 0)
            return is_empty(node, "the weights", diag);
        else if (w->dims[i].size < 0 || (i >= 2 && w->dims[i].size > MAX_KERNEL))
            return FAIL(node, diag,
                        "%s's weights have shape %s, expected positive numbers and a kernel of at "
                        "most %d",
                        node->op->name, shape_text(node_arena(node), w), MAX_KERNEL);
    for (int i = 0; i < n && i < w->rank - 2; i++)
        if (w->dims[i + 2].size != kernel[i])
            return FAIL(node, diag, "kernel_shape of %s has %lld in dimension %d, its weights %lld", node->op->name,
                        (long long)kernel[i], i, (long long)w->dims[i + 2].size);
    return true;
}

static bool check_group(const Node *node, Dim channels, Diag *diag)
{
    const Shape *w = node_input_shape(node, node_weights(node));
    int64_t group = node_attr_int(node, "group"), out = w->dims[0].size, in;
    if (group < 1 || out % group)
        return FAIL(node, diag, "group of %s is %lld, expected a divisor of the %lld output channels", node->op->name,
                    (long long)group, (long long)out);
    if (__builtin_mul_overflow(group, w->dims[1].size, &in))
        return FAIL(node, diag, "group of %s is %lld, too large for its weights", node->op->name, (long long)group);
    if (dim_is_fixed(channels) && channels.size != in)
        return FAIL(node, diag, "%s's input has %lld channels, its weights and group %lld expect %lld", node->op->name,
                    (long long)channels.size, (long long)group, (long long)in);
    return true;
}

bool infer_conv_shape(const Node *node, Shape *out, Diag *diag)
{
    if (!infer_check_min_rank(node, 0, 3, diag))
        return false;
    *out = *node_input_shape(node, 0);
    int channel = node->op->kind == OP_ConvNHWC ? out->rank - 1 : 1;
    if (!check_weights(node, diag) || !check_lists(node, diag) || !check_group(node, out->dims[channel], diag) ||
        !slide_all(node, false, out, diag))
        return false;
    out->dims[channel] = node_input_shape(node, node_weights(node))->dims[0];
    return true;
}

static bool conv(Node *node, Diag *diag)
{
    Shape out;
    if (!infer_check_dtype(node, 0, SET_FLOAT, diag) || !infer_check_same_dtype(node, 0, 1, diag) ||
        !infer_check_same_dtype(node, 0, 2, diag) || !infer_check_min_rank(node, 0, 3, diag) ||
        (node->op->kind == OP_ConvNHWC && !infer_check_rank(node, 0, 4, diag)) || !infer_conv_shape(node, &out, diag) ||
        !infer_check_rank(node, 2, 1, diag) ||
        !infer_check_dim(node, 2, 0, node_input_shape(node, 1)->dims[0], "one for each output channel", diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_Conv(Node *node, Diag *diag) { return conv(node, diag); }
bool infer_ConvNHWC(Node *node, Diag *diag) { return conv(node, diag); }

/* ── Transposed convolution ──────────────────────────────────────────────────────────────────────────── */

/* Strides up to here: each of their phases is a column of the product that it is spelled by. */
enum { MAX_PHASES = 4096, MAX_TRANSPOSED = 3, MAX_SPREAD = 1 << 22 };

/* Elements of the kernel with its dilations, which are zeros there, in whole strides; INT64_MAX: far too many. */
static int64_t spread_elements(const Window *w)
{
    int64_t n = 1;
    for (int i = 0; i < w->n; i++) {
        int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1, taps = (extent + w->stride[i] - 1) / w->stride[i];
        if (taps > MAX_KERNEL || __builtin_mul_overflow(n, taps * w->stride[i], &n))
            return INT64_MAX;
    }
    return n;
}

static bool check_transposed_channels(const Node *node, Diag *diag)
{
    const Shape *x = node_input_shape(node, 0), *w = node_input_shape(node, 1);
    int64_t group = node_attr_int(node, "group"), in = w->dims[0].size, out;
    if (group < 1 || in % group || __builtin_mul_overflow(group, w->dims[1].size, &out))
        return FAIL(node, diag, "group of %s is %lld, expected a divisor of the %lld input channels", node->op->name,
                    (long long)group, (long long)in);
    return infer_check_dim(node, 0, 1, w->dims[0], "as many channels as weights", diag) &&
           (x->rank - 2 <= MAX_TRANSPOSED ||
            (diag_unsupported(diag, node->span, "%s of more than %d spatial dimensions is not supported", node->op->name,
                              MAX_TRANSPOSED),
             false));
}

static bool check_transposed_lists(const Node *node, Diag *diag)
{
    const int64_t *wanted;
    int n = node_input_shape(node, 0)->rank - 2;
    int64_t given = node_attr_ints(node, "output_shape", &wanted);
    return check_lists(node, diag) && check_list(node, "output_padding", n, 0, diag) &&
           (given == n + 2 || check_list(node, "output_shape", n, 1, diag));
}

static bool transposed_dims(const Node *node, Shape *out, Diag *diag)
{
    Window w;
    int64_t sizes[MAX_RANK], phases = 1;
    node_transposed_window(node, &w, sizes);
    for (int i = 0; i < w.n; i++) {
        Dim *dim = &out->dims[2 + i];
        phases = phases > MAX_PHASES ? phases : phases * (w.stride[i] > MAX_PHASES ? MAX_PHASES + 1 : w.stride[i]);
        if (dim_is_fixed(*dim) && (dim->size > MAX_STEP / 2 / w.stride[i] || sizes[i] < 1))
            return FAIL(node, diag, "%s makes dimension %d of %lld, expected 1 to 2^39", node->op->name, 2 + i,
                        (long long)sizes[i]);
        *dim = dim_is_fixed(*dim) ? dim_of(sizes[i]) : (Dim){.size = -1};
    }
    if (phases > MAX_PHASES)
        diag_unsupported(diag, node->span, "%s with strides whose product is above %d is not supported", node->op->name,
                         MAX_PHASES);
    else if (spread_elements(&w) > MAX_SPREAD)
        diag_unsupported(diag, node->span,
                         "%s with dilations that make its kernel one of more than %d elements, or %d along a dimension, is not "
                         "supported",
                         node->op->name, MAX_SPREAD, MAX_KERNEL);
    else
        return true;
    return false;
}

bool infer_ConvTranspose(Node *node, Diag *diag)
{
    if (!infer_check_dtype(node, 0, SET_FLOAT, diag) || !infer_check_same_dtype(node, 0, 1, diag) ||
        !infer_check_same_dtype(node, 0, 2, diag) || !infer_check_min_rank(node, 0, 3, diag) || !check_weights(node, diag) ||
        !check_transposed_channels(node, diag) || !check_transposed_lists(node, diag) || !infer_check_rank(node, 2, 1, diag))
        return false;
    Shape out = *node_input_shape(node, 0);
    out.dims[1] = dim_of(node_attr_int(node, "group") * node_input_shape(node, 1)->dims[1].size);
    if (!infer_check_dim(node, 2, 0, out.dims[1], "one for each output channel", diag) || !transposed_dims(node, &out, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

/* ── Pools ───────────────────────────────────────────────────────────────────────────────────────────── */

static bool check_pool_padding(const Node *node, Diag *diag)
{
    Window w;
    node_window(node, &w);
    for (int i = 0; i < w.n; i++)
        if (w.begin[i] >= (w.kernel[i] - 1) * w.dilation[i] + 1 || w.end[i] >= (w.kernel[i] - 1) * w.dilation[i] + 1)
            return FAIL(node, diag,
                        "pads of %s are %lld and %lld in spatial dimension %d, expected less than "
                        "its kernel's %lld",
                        node->op->name, (long long)w.begin[i], (long long)w.end[i], i,
                        (long long)((w.kernel[i] - 1) * w.dilation[i] + 1));
    return true;
}

static bool check_pool_kernel(const Node *node, Diag *diag)
{
    const int64_t *kernel;
    int64_t n = node_attr_ints(node, "kernel_shape", &kernel);
    for (int64_t i = 0; i < n; i++)
        if (kernel[i] > MAX_KERNEL)
            return FAIL(node, diag, "element %lld of kernel_shape of %s is %lld, expected at most %d", (long long)i,
                        node->op->name, (long long)kernel[i], MAX_KERNEL);
    return true;
}

bool infer_pool_shape(const Node *node, Shape *out, Diag *diag)
{
    if (!infer_check_min_rank(node, 0, 3, diag) || !check_lists(node, diag) || !check_pool_kernel(node, diag) ||
        !check_pool_padding(node, diag))
        return false;
    *out = *node_input_shape(node, 0);
    return slide_all(node, node_attr_int(node, "ceil_mode"), out, diag);
}

static bool pool(Node *node, unsigned set, Diag *diag)
{
    Shape out;
    if (!infer_check_dtype(node, 0, set, diag) || !infer_pool_shape(node, &out, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    node_set_output(node, 1, DT_INT64, out);
    return true;
}

bool infer_AveragePool(Node *node, Diag *diag) { return pool(node, SET_FLOAT, diag); }

bool infer_LpPool(Node *node, Diag *diag) { return infer_check_p(node, INT32_MAX, diag) && pool(node, SET_FLOAT, diag); }

bool infer_MaxPool(Node *node, Diag *diag)
{
    if (node_attr_int(node, "storage_order") && node_output(node, 1)) {
        diag_unsupported(diag, node->span, "MaxPool with storage_order 1 is not supported");
        return false;
    }
    return pool(node, SET_NUMBER, diag);
}
