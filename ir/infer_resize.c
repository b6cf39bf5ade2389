/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference of Resize and Upsample. Scales, sizes and regions have to be known at compile time; a size that is the symbol of the
 * dimension it stands for leaves the free batch alone.
 *
 *   Resize(x [N,3,8,8], roi, scales, sizes {N, 3, 16, 12})   →   [N,3,16,12] */
#include "ir/infer_util.h"
#include "ir/known.h"
#include "ir/resize.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct Words {
    const char *attr;
    const char *const *words; /* NULL ends them */
    const char *text;
} Words;

static const Words known_words[] = {
    {"mode", (const char *const[]){"nearest", "linear", "cubic", NULL}, "nearest, linear or cubic"},
    {"coordinate_transformation_mode",
     (const char *const[]){"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                           "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL},
     "a rule that ONNX knows"},
    {"nearest_mode", (const char *const[]){"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL},
     "round_prefer_floor, round_prefer_ceil, floor or ceil"},
    {"keep_aspect_ratio_policy", (const char *const[]){"stretch", "not_larger", "not_smaller", NULL},
     "stretch, not_larger or not_smaller"},
};

static bool check_words(const Node *node, int n, Diag *diag)
{
    for (int i = 0; i < n; i++) {
        const Words *known = &known_words[i];
        const char *word = node_attr_string(node, known->attr);
        int at = 0;
        while (known->words[at] && strcmp(word, known->words[at]) != 0)
            at++;
        if (!known->words[at])
            return FAIL(node, diag, "%s of %s is '%s', expected %s", known->attr, node->op->name, word, known->text);
    }
    return true;
}

static bool check_filter(const Node *node, Diag *diag)
{
    if (!infer_check_finite(node, "cubic_coeff_a", diag))
        return false;
    if (node_attr_int(node, "antialias") && resize_is_nearest(node))
        return FAIL(node, diag, "antialias of Resize goes with mode linear or cubic, not with nearest");
    return true;
}

/* ── Scales, sizes, regions ──────────────────────────────────────────────────────────────────────────── */

static bool check_count(const Node *node, const char *what, int64_t count, int64_t expected, Diag *diag)
{
    return count == expected ||
           FAIL(node, diag, "%s has %lld %s, expected %lld", node->op->name, (long long)count, what, (long long)expected);
}

/* A vector of so many floats that are known. */
static bool check_floats(const Node *node, const Value *value, const char *what, int64_t expected, Diag *diag)
{
    if (value->type.dtype != DT_FLOAT || value->type.shape.rank != 1)
        return FAIL(node, diag, "%s of %s are %s, expected floats of rank 1", what, node->op->name,
                    type_text(node_arena(node), &value->type));
    const Tensor *tensor = value_constant(value);
    if (!tensor) {
        diag_unsupported(diag, node->span, "%s of %s must be known at compile time", what, node->op->name);
        return false;
    }
    for (int64_t i = 0; i < tensor->count; i++)
        if (!isfinite(tensor_get(tensor, i)))
            return FAIL(node, diag, "%s of %s hold %g, expected finite numbers", what, node->op->name, tensor_get(tensor, i));
    return check_count(node, what, tensor->count, expected, diag);
}

static bool check_sizes(const Node *node, const Value *sizes, int64_t n, Diag *diag)
{
    const Known *known = value_known(sizes);
    if (!infer_check_dtype(node, 3, 1 << DT_INT64, diag) || !infer_check_rank(node, 3, 1, diag))
        return false;
    if (!known) {
        diag_unsupported(diag, node->span, "sizes of Resize must be known at compile time");
        return false;
    }
    for (int64_t i = 0; i < known->count; i++)
        if (known->at[i].is_known && known->at[i].value < 0)
            return FAIL(node, diag, "size %lld of Resize is %lld, expected at least 0", (long long)i,
                        (long long)known->at[i].value);
    return check_count(node, "sizes", known->count, n, diag);
}

static bool check_scales(const Node *node, int64_t n, Diag *diag)
{
    const Value *scales = resize_scales(node);
    const Attr *attr = scales ? NULL : node_attr(node, "scales");
    assert(scales || attr);
    if (attr && !check_count(node, "scales", attr->count, n, diag))
        return false;
    if (scales && !check_floats(node, scales, "scales", n, diag))
        return false;
    for (int64_t i = 0; i < n; i++) {
        double scale = scales ? tensor_get(value_constant(scales), i) : attr->floats[i];
        if (!(scale > 0) || !isfinite(scale))
            return FAIL(node, diag, "scale %lld of %s is %g, expected a positive number", (long long)i, node->op->name, scale);
    }
    return true;
}

static bool check_given(const Node *node, int64_t n, Diag *diag)
{
    const Value *scales = resize_scales(node), *sizes = resize_sizes(node);
    bool any = scales || (node->op->kind == OP_Upsample && node_attr(node, "scales"));
    if (n == 0)
        return true;
    if (any == (sizes != NULL))
        return FAIL(node, diag, "%s has %s, expected one of them", node->op->name,
                    any ? "scales and sizes" : "no scales and no sizes");
    return sizes ? check_sizes(node, sizes, n, diag) : check_scales(node, n, diag);
}

/* ── Types ───────────────────────────────────────────────────────────────────────────────────────────── */

static bool resized_dim(const Node *node, const ResizeAxis *axis, Dim *dim, Diag *diag)
{
    if (axis->stays)
        return true;
    if (axis->length >= INT32_MAX)
        return FAIL(node, diag, "%s makes a dimension of %.0f, expected less than 2^31", node->op->name, axis->length);
    if (axis->in == 0 && axis->out)
        return FAIL(node, diag, "%s makes %lld of a dimension of 0", node->op->name, (long long)axis->out);
    bool takes_all = !resize_is_old(node) && node_attr_int(node, "antialias");
    *dim = (Dim){.size = axis->out};
    int64_t neighbours = resize_is_nearest(node) ? 1 : strcmp(node_attr_string(node, "mode"), "cubic") == 0 ? 4 : 2;
    int64_t places = takes_all && axis->in > axis->out ? axis->in : axis->out;
    return infer_check_table(node, places, 4 * neighbours, diag); /* with their weights and sums */
}

static bool set_resized(Node *node, Diag *diag)
{
    ResizeAxis axes[MAX_RANK];
    Shape out = *node_input_shape(node, 0);
    int n = node_resize(node, axes);
    for (int i = 0; i < n; i++)
        if (!resized_dim(node, &axes[i], &out.dims[axes[i].axis], diag))
            return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_Resize(Node *node, Diag *diag)
{
    Ints axes;
    int64_t rank = node_input_shape(node, 0)->rank;
    if (!check_words(node, countof(known_words), diag) || !check_filter(node, diag) ||
        !infer_check_dtype(node, 0, resize_is_nearest(node) ? SET_ANY : SET_NUMBER, diag) ||
        !infer_axes(node, 4, (int)rank, &axes, diag))
        return false;
    int64_t n = axes.given ? axes.count : rank;
    const Value *roi = resize_roi(node);
    if (!check_given(node, n, diag) || (roi && !check_floats(node, roi, "regions", 2 * n, diag)))
        return false;
    return set_resized(node, diag);
}

bool infer_Upsample(Node *node, Diag *diag)
{
    if (!check_words(node, 1, diag) || !infer_check_dtype(node, 0, resize_is_nearest(node) ? SET_ANY : SET_NUMBER, diag) ||
        !check_given(node, node_input_shape(node, 0)->rank, diag))
        return false;
    return set_resized(node, diag);
}
