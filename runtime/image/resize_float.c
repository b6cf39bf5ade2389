/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Resize in floats, as torchvision does with pictures that were rescaled before: nothing is rounded to 8 bits.
 *
 *   image ─ × factor, pass along x ─► floats ─ pass along y ─► floats
 *
 * The same filters as for 8 bits, in float's arithmetic and torch's order: along x first. Only the rows and columns that the window
 * needs are computed. */
#include "runtime/image/resize.h"

#include <math.h>

typedef struct FloatAxis {
    int64_t n;           /* outputs: the window's length */
    int64_t first, last; /* inputs that they need: [first, last) */
    int64_t *from;       /* first input of each output */
    int64_t *count;
    int64_t most;        /* weights have this row length */
    float *weights;
} FloatAxis;

/* Normalised weights of output i into w; the inputs are [*from, *from + returned). All in float, as torch does it: a place that is
 * rounded otherwise is seen in the fifth digit. */
static int64_t weigh(int64_t resample, int64_t in, int64_t out, int64_t i, float *w, int64_t *from)
{
    float scale = (float)in / (float)out, stretch = scale < 1 ? 1 : scale, support = (float)resize_support(resample) * stretch;
    float inverse = 1 / stretch, center = scale * ((float)i + 0.5f), sum = 0;
    int64_t low = (int64_t)(center - support + 0.5f), high = (int64_t)(center + support + 0.5f);
    low = low < 0 ? 0 : low;
    high = high > in ? in : high;
    for (int64_t j = 0; j < high - low; j++) {
        w[j] = (float)resize_filter(resample, (double)(((float)(j + low) - center + 0.5f) * inverse));
        sum += w[j];
    }
    for (int64_t j = 0; sum != 0 && j < high - low; j++)
        w[j] /= sum;
    *from = low;
    return high - low;
}

static bool axis_make(FloatAxis *axis, int64_t resample, int64_t in, int64_t out, Window window, Room *room)
{
    int64_t most = (int64_t)fmin((double)in, resize_widest(resample, (double)in / (double)out));
    *axis = (FloatAxis){.n = window.length, .first = in, .most = most};
    axis->from = room_take(room, axis->n, sizeof *axis->from);
    axis->count = room_take(room, axis->n, sizeof *axis->count);
    axis->weights = room_take(room, axis->n, (size_t)most * sizeof *axis->weights);
    if (!axis->from || !axis->count || !axis->weights)
        return false;
    for (int64_t i = 0; i < axis->n; i++) {
        int64_t n = axis->count[i] = weigh(resample, in, out, window.from + i, axis->weights + i * most, &axis->from[i]);
        axis->first = axis->from[i] < axis->first ? axis->from[i] : axis->first;
        axis->last = axis->from[i] + n > axis->last ? axis->from[i] + n : axis->last;
    }
    return true;
}

static void pass_x(const Image *image, const FloatAxis *axis, float factor, int64_t y, float *out)
{
    int64_t channels = image->channels;
    const uint8_t *row = image->pixels + y * image->row;
    for (int64_t i = 0; i < axis->n; i++)
        for (int64_t c = 0; c < channels; c++) {
            const uint8_t *from = row + axis->from[i] * channels + c;
            float sum = 0;
            for (int64_t j = 0; j < axis->count[i]; j++)
                sum += (float)from[j * channels] * factor * axis->weights[i * axis->most + j];
            out[i * channels + c] = sum;
        }
}

/* n samples of output i; in: the rows that the axis needs. */
static void pass_y(const float *in, const FloatAxis *axis, int64_t i, int64_t n, float *out)
{
    const float *from = in + (axis->from[i] - axis->first) * n, *weights = axis->weights + i * axis->most;
    for (int64_t s = 0; s < n; s++)
        out[s] = 0;
    for (int64_t j = 0; j < axis->count[i]; j++)
        for (int64_t s = 0; s < n; s++)
            out[s] += from[j * n + s] * weights[j];
}

static double axis_room(int64_t resample, int64_t in, ResizeBound bound)
{
    double n = (double)bound.length, most = fmin((double)in, resize_widest(resample, bound.scale));
    return room_bytes(n, sizeof(int64_t)) * 2 + room_bytes(n * most, sizeof(float));
}

double image_resize_float_room(const Image *largest, const Resize *how, ResizeBound x, ResizeBound y)
{
    double rows = fmin((double)largest->height, (double)y.length * fmax(y.scale, 1) + resize_widest(how->resample, y.scale) + 1);
    return axis_room(how->resample, largest->width, x) + axis_room(how->resample, largest->height, y) +
           room_bytes(rows * (double)x.length, (size_t)largest->channels * sizeof(float));
}

bool image_resize_float(const Image *image, const Resize *how, float factor, Room *room, float *canvas, int64_t row)
{
    FloatAxis x, y;
    int64_t n = how->x.length * image->channels;
    if (how->x.length <= 0 || how->y.length <= 0)
        return true;
    if (!axis_make(&x, how->resample, image->width, how->width, how->x, room) ||
        !axis_make(&y, how->resample, image->height, how->height, how->y, room))
        return false;
    float *middle = room_take(room, y.last - y.first, (size_t)n * sizeof *middle);
    for (int64_t i = y.first; middle && i < y.last; i++)
        pass_x(image, &x, factor, i, middle + (i - y.first) * n);
    for (int64_t i = 0; middle && i < y.n; i++)
        pass_y(middle, &y, i, n, canvas + (how->y.to + i) * row + how->x.to * image->channels);
    return middle;
}
