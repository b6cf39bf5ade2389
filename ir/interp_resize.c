/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reference function of Resize: one axis after the other, by the tables of ir/resize.c. */
#include "ir/interp_util.h"
#include "ir/resize.h"

#include <math.h>

static double extrapolation(const Node *node) { return resize_is_old(node) ? 0 : node_attr_float(node, "extrapolation_value"); }

/* ── The nearest element, of any type ────────────────────────────────────────────────────────────────── */

static void pick(const Node *node, const ResizeAxis *axes, const ResizeTaps *taps, int n, const Tensor *in, Tensor *out)
{
    int64_t strides[MAX_RANK];
    Walk walk = walk_over(out->rank, out->dims);
    dense_strides(in->rank, in->dims, strides);
    for (int64_t i = 0; i < out->count; i++, walk_next(&walk)) {
        int64_t from = 0, at[MAX_RANK];
        bool inside = true;
        for (int d = 0; d < in->rank; d++)
            at[d] = walk.at[d];
        for (int a = 0; a < n; a++) {
            int64_t *place = &at[axes[a].axis];
            inside &= *place >= taps[a].begin && *place < taps[a].end;
            *place = taps[a].first[*place];
        }
        for (int d = 0; d < in->rank; d++)
            from += at[d] * strides[d];
        if (inside)
            tensor_copy_element(out, i, in, from);
        else
            tensor_set(out, i, extrapolation(node));
    }
}

/* ── Weighted sums ───────────────────────────────────────────────────────────────────────────────────── */

/* dims become the result's. */
static double *blend(const Node *node, Arena *arena, const double *in, int rank, int64_t *dims, const ResizeAxis *axis,
                     const ResizeTaps *taps)
{
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < rank; i++)
        *(i < axis->axis ? &outer : &inner) *= i == axis->axis ? 1 : dims[i];
    double *out = NEW_ARRAY(arena, double, outer * axis->out * inner);
    for (int64_t i = 0; i < outer * axis->out; i++) {
        int64_t o = i / axis->out, row = i % axis->out;
        bool inside = row >= taps->begin && row < taps->end;
        for (int64_t t = 0; inside && t < taps->n; t++) {
            const double *from = in + (o * axis->in + taps->first[row] + t) * inner;
            for (int64_t j = 0; j < inner; j++)
                out[i * inner + j] += taps->weights[row * taps->n + t] * from[j];
        }
        for (int64_t j = 0; !inside && j < inner; j++)
            out[i * inner + j] = extrapolation(node);
    }
    dims[axis->axis] = axis->out;
    return out;
}

static void store(const double *values, Tensor *out)
{
    for (int64_t i = 0; i < out->count; i++) {
        double value = values[i];
        if (tensor_is_integer(out))
            value = fmin(fmax(nearbyint(value), dtype_lowest(out->dtype)), dtype_highest(out->dtype));
        tensor_set(out, i, value);
    }
}

bool ref_Resize(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
{
    (void)diag;
    Arena *arena = node->graph->model->arena;
    const Tensor *in = inputs[0];
    ResizeAxis axes[MAX_RANK];
    ResizeTaps taps[MAX_RANK];
    int64_t dims[MAX_RANK];
    int n = 0, all = node_resize(node, axes);
    if (outputs[0]->count == 0)
        return true;
    for (int i = 0; i < all; i++)
        if (!axes[i].stays) {
            axes[n] = axes[i];
            taps[n] = resize_taps(node, &axes[n], arena);
            n++;
        }
    if (resize_is_nearest(node)) {
        pick(node, axes, taps, n, in, outputs[0]);
        return true;
    }
    double *values = tensor_doubles(arena, in);
    for (int i = 0; i < in->rank; i++)
        dims[i] = in->dims[i];
    for (int i = 0; i < n; i++)
        values = blend(node, arena, values, in->rank, dims, &axes[i], &taps[i]);
    store(values, outputs[0]);
    return true;
}
