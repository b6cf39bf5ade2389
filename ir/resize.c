/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Resize in numbers. Modes, rules of coordinates, policies and opsets differ in where a result lies in the input and in how far
 * its neighbours count; all of them work along one axis at a time, and come out as one table for each:
 *
 *   linear, half_pixel, 2 → 4:    first {0, 0, 0, 0}    weights {1, 0}  {.75, .25}  {.25, .75}  {0, 1}
 *
 * Coordinates are computed in float, as torch and ONNX Runtime do: which neighbour is nearest hangs on it. */
#include "ir/resize.h"

#include "ir/known.h"
#include "ir/op.h"
#include "ir/params.h"

#include <math.h>
#include <string.h>

/* ── What is given ───────────────────────────────────────────────────────────────────────────────────── */

static const Value *given(const Node *node, int64_t input)
{
    const Value *value = node_input(node, input);
    return value && shape_count(&value->type.shape) != 0 ? value : NULL;
}

bool resize_is_old(const Node *node) { return node->op->kind == OP_Upsample || node->inputs.len == 2; }

const Value *resize_scales(const Node *node) { return given(node, resize_is_old(node) ? 1 : 2); }

const Value *resize_sizes(const Node *node) { return resize_is_old(node) ? NULL : given(node, 3); }

static const char *rule_of(const Node *node)
{
    return resize_is_old(node) ? "asymmetric" : node_attr_string(node, "coordinate_transformation_mode");
}

static bool crops(const Node *node) { return strcmp(rule_of(node), "tf_crop_and_resize") == 0; }

const Value *resize_roi(const Node *node) { return crops(node) ? given(node, 1) : NULL; }

bool resize_is_nearest(const Node *node) { return strcmp(node_attr_string(node, "mode"), "nearest") == 0; }

bool resize_keeps_ratio(const Node *node)
{
    return resize_sizes(node) && strcmp(node_attr_string(node, "keep_aspect_ratio_policy"), "stretch") != 0;
}

/* ── Sizes ───────────────────────────────────────────────────────────────────────────────────────────── */

static void set_scale(ResizeAxis *axis, float scale)
{
    axis->scale = scale;
    axis->length = (double)axis->in * scale;
    axis->out = axis->in < 0 ? -1 : (int64_t)floorf((float)axis->in * scale);
    axis->stays = scale == 1;
}

static void set_size(ResizeAxis *axis, Dim in, KnownInt size)
{
    axis->stays = dim_is_fixed(in) ? size.is_known && size.value == in.size : in.symbol && str_equal(in.symbol, size.symbol);
    axis->out = size.is_known ? size.value : -1;
    axis->length = (double)axis->out;
    axis->scale = axis->stays ? 1 : (float)axis->out / (float)axis->in;
}

/* One scale for all axes: the least or the greatest. */
static void keep_ratio(const Node *node, ResizeAxis *axes, int n)
{
    bool least = strcmp(node_attr_string(node, "keep_aspect_ratio_policy"), "not_larger") == 0;
    float scale = axes[0].scale;
    bool known = true;
    for (int i = 0; i < n; i++) {
        scale = (least ? axes[i].scale < scale : axes[i].scale > scale) ? axes[i].scale : scale;
        known &= axes[i].in >= 0 && axes[i].out >= 0;
    }
    for (int i = 0; i < n; i++) {
        set_scale(&axes[i], scale);
        axes[i].out = known ? (int64_t)floor(axes[i].length + 0.5) : -1;
        axes[i].stays &= known;
    }
}

static float scale_at(const Node *node, int64_t i)
{
    const Value *scales = resize_scales(node);
    return (float)(scales ? tensor_get(value_constant(scales), i) : node_attr(node, "scales")->floats[i]);
}

int node_resize(const Node *node, ResizeAxis axes[MAX_RANK])
{
    const Shape *in = &node->inputs.at[0]->type.shape;
    Ints chosen = node->op->kind == OP_Resize ? node_ints(node, "axes", -1) : (Ints){0};
    const Value *sizes = resize_sizes(node), *roi = resize_roi(node);
    int n = chosen.given ? (int)chosen.count : in->rank;
    for (int i = 0; i < n; i++) {
        int axis = chosen.given ? (int)(chosen.at[i] < 0 ? chosen.at[i] + in->rank : chosen.at[i]) : i;
        axes[i] = (ResizeAxis){.axis = axis, .in = in->dims[axis].size, .to = 1};
        if (sizes)
            set_size(&axes[i], in->dims[axis], value_known(sizes)->at[i]);
        else
            set_scale(&axes[i], scale_at(node, i));
        if (roi) {
            axes[i].from = (float)tensor_get(value_constant(roi), i);
            axes[i].to = (float)tensor_get(value_constant(roi), n + i);
        }
    }
    if (n && resize_keeps_ratio(node))
        keep_ratio(node, axes, n);
    for (int i = 0; i < n; i++)
        axes[i].stays &= axes[i].from == 0 && axes[i].to == 1;
    return n;
}

/* ── Coordinates ─────────────────────────────────────────────────────────────────────────────────────── */

static float corners(float x, float span, double length) { return length == 1 ? 0 : x * span / (float)(length - 1); }

static float centre_offset(const ResizeAxis *a) { return (float)a->in / 2 * (1 - (float)((double)a->out / a->length)); }

/* Where result x lies in the input. */
static float coordinate(const char *rule, const ResizeAxis *a, float x)
{
    float last = (float)(a->in - 1), centred = (x + 0.5f) / a->scale - 0.5f;
    if (strcmp(rule, "asymmetric") == 0)
        return x / a->scale;
    if (strcmp(rule, "align_corners") == 0)
        return corners(x, last, a->length);
    if (strcmp(rule, "pytorch_half_pixel") == 0)
        return a->length > 1 ? centred : 0;
    if (strcmp(rule, "tf_half_pixel_for_nn") == 0)
        return (x + 0.5f) / a->scale;
    if (strcmp(rule, "half_pixel_symmetric") == 0)
        return centre_offset(a) + centred;
    if (strcmp(rule, "tf_crop_and_resize") == 0)
        return a->length > 1 ? a->from * last + corners(x * (a->to - a->from), last, a->length) : 0.5f * (a->from + a->to) * last;
    return centred;
}

static const char *nearest_mode(const Node *node, const ResizeAxis *a)
{
    return resize_is_old(node) ? (a->scale < 1 ? "ceil" : "floor") : node_attr_string(node, "nearest_mode");
}

static float nearest(const char *mode, float x)
{
    if (strcmp(mode, "floor") == 0)
        return floorf(x);
    if (strcmp(mode, "ceil") == 0)
        return ceilf(x);
    return strcmp(mode, "round_prefer_ceil") == 0 ? floorf(x + 0.5f) : ceilf(x - 0.5f);
}

/* ── Neighbours ──────────────────────────────────────────────────────────────────────────────────────── */

/* How much a neighbour counts by its distance: a hat, or a piecewise cubic; wider where a smaller picture takes more of them. */
typedef struct Filter {
    bool nearest, cubic, exclude;
    double a, squeeze, reach; /* of the cubic; of distances; where it ends, in neighbours */
} Filter;

static Filter filter_of(const Node *node, const ResizeAxis *axis)
{
    bool old = resize_is_old(node);
    Filter f = {.nearest = resize_is_nearest(node), .cubic = strcmp(node_attr_string(node, "mode"), "cubic") == 0, .squeeze = 1};
    if (!old) {
        f.exclude = node_attr_int(node, "exclude_outside");
        f.a = node_attr_float(node, "cubic_coeff_a");
        f.squeeze = node_attr_int(node, "antialias") && axis->scale < 1 ? (double)axis->scale : 1;
    }
    f.reach = (f.cubic ? 2 : 1) / f.squeeze;
    return f;
}

static double filter_weight(const Filter *f, double distance)
{
    double d = fabs(distance) * f->squeeze;
    if (!f->cubic)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return ((f->a + 2) * d - (f->a + 3)) * d * d + 1;
    return d < 2 ? ((f->a * d - 5 * f->a) * d + 8 * f->a) * d - 4 * f->a : 0;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) { return value < low ? low : value > high ? high : value; }

/* The neighbours of coordinate x: [low, high], some perhaps outside. One far outside has the edge's all the same. */
static void neighbours(const Filter *f, const ResizeAxis *axis, double *x, int64_t *low, int64_t *high)
{
    *x = fmin(fmax(*x, -f->reach - 1), (double)axis->in + f->reach);
    *low = f->nearest ? (int64_t)*x : (int64_t)floor(*x - f->reach) + 1;
    *high = f->nearest ? *low : (int64_t)ceil(*x + f->reach) - 1;
}

/* Those outside count for the edge, or for nothing; together they count 1. */
static void set_weights(const Filter *f, const ResizeAxis *axis, double x, int64_t low, int64_t high, int64_t first,
                        double *weights)
{
    double sum = 0;
    for (int64_t t = low; t <= high; t++) {
        int64_t at = clamp(t, 0, axis->in - 1);
        double weight = f->nearest ? 1 : f->exclude && at != t ? 0 : filter_weight(f, (double)t - x);
        weights[at - first] += weight;
        sum += weight;
    }
    for (int64_t t = clamp(low, 0, axis->in - 1); sum != 0 && t <= clamp(high, 0, axis->in - 1); t++)
        weights[t - first] /= sum;
}

static void find_inside(const ResizeAxis *axis, const double *x, ResizeTaps *taps)
{
    taps->begin = 0, taps->end = axis->out;
    while (taps->begin < taps->end && (x[taps->begin] < 0 || x[taps->begin] > (double)(axis->in - 1)))
        taps->begin++;
    while (taps->end > taps->begin && (x[taps->end - 1] < 0 || x[taps->end - 1] > (double)(axis->in - 1)))
        taps->end--;
}

ResizeTaps resize_taps(const Node *node, const ResizeAxis *axis, Arena *arena)
{
    ResizeTaps taps = {.end = axis->out};
    Filter f = filter_of(node, axis);
    double *x = NEW_ARRAY(arena, double, axis->out);
    int64_t low, high, last = axis->in - 1, *first = NEW_ARRAY(arena, int64_t, axis->out);
    const char *rule = rule_of(node), *mode = f.nearest ? nearest_mode(node, axis) : NULL;
    for (int64_t i = 0; i < axis->out; i++)
        x[i] = (double)coordinate(rule, axis, (float)i);
    if (crops(node))
        find_inside(axis, x, &taps);
    for (int64_t i = 0; i < axis->out; i++) {
        x[i] = f.nearest ? (double)nearest(mode, (float)x[i]) : x[i];
        neighbours(&f, axis, &x[i], &low, &high);
        first[i] = clamp(low, 0, last);
        int64_t n = clamp(high, 0, last) - first[i] + 1;
        taps.n = n > taps.n ? n : taps.n;
    }
    double *weights = NEW_ARRAY(arena, double, taps.n * axis->out);
    for (int64_t i = 0; i < axis->out; i++) {
        neighbours(&f, axis, &x[i], &low, &high);
        first[i] = first[i] + taps.n > axis->in ? axis->in - taps.n : first[i];
        set_weights(&f, axis, x[i], low, high, first[i], weights + i * taps.n);
    }
    taps.first = first;
    taps.weights = weights;
    return taps;
}
