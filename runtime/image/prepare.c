/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Prepare: what image processors of transformers and timm do after loading.
 *
 *   ConvNext's, size s below 384:  short edge to s / crop_pct, then the central s × s
 *               size s from 384:   straight to s × s, whatever the aspect ratio
 *   timm's do the first at any size, with the shape kept or not; others resize to a short edge or to a height and width
 *   then, where asked for: another centre crop; rescale (table of 256); normalise; channels first
 *   DINOv3's rescales before it resizes, so that nothing is rounded to 8 bits on the way
 *
 * Resize and crops are one step here: crops only move a window over a resized picture that is never made whole, and a
 * crop larger than the picture pads with zeros, which stay black until rescaling. */
#include "runtime/image/resize.h"

#include <math.h>
#include <string.h>

enum { WARP_FROM = 384, MAX_EDGE = 0x7fffffff };

/* One axis of the canvas: `size` samples, of which the window comes from the picture. */
typedef struct Side {
    int64_t size;
    Window window;
} Side;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

static bool is_timms(const CnxrtPreprocessor *how)
{
    return how->crop_even || how->resize_rule == CNXRT_RESIZE_CENTER || how->resize_rule == CNXRT_RESIZE_SQUASH;
}

/* Is a central crop part of the resize? */
static bool crops(const CnxrtPreprocessor *how)
{
    if (how->resize_rule == CNXRT_RESIZE_CONVNEXT)
        return how->do_resize && how->shortest_edge < WARP_FROM;
    return how->do_resize && (how->resize_rule == CNXRT_RESIZE_CENTER || how->resize_rule == CNXRT_RESIZE_SQUASH);
}

/* Half of the surplus; timm's transforms round it to even, transformers' down. */
static int64_t crop_start(int64_t surplus, const CnxrtPreprocessor *how)
{
    int64_t half = surplus / 2;
    return half + (is_timms(how) && surplus % 2 && half % 2);
}

/* The central m of a canvas; where it is smaller, zeros around it, the odd one in front (torchvision: behind). */
static void center_crop(Side *side, int64_t m, const CnxrtPreprocessor *how)
{
    bool behind = how->torchvision || is_timms(how);
    Window *w = &side->window;
    if (m <= side->size) {
        int64_t start = crop_start(side->size - m, how), cut = start > w->to ? start - w->to : 0;
        w->from += cut;
        w->length -= cut;
        w->to = w->to + cut - start;
        w->length = min64(w->length, m - w->to);
        if (w->length < 0)
            *w = (Window){0};
    } else {
        w->to += behind ? (m - side->size) / 2 : (m - side->size + 1) / 2;
    }
    side->size = m;
}

static Side whole(int64_t size) { return (Side){size, {0, size, 0}}; }

/* The shorter edge of what is resized, in double as Python computes it. */
static int64_t resized_edge(const CnxrtPreprocessor *how)
{
    double exact_edge = (double)how->shortest_edge / how->crop_pct;
    if (!crops(how))
        return how->shortest_edge;
    return exact_edge < MAX_EDGE ? (int64_t)exact_edge : MAX_EDGE; /* more is refused later */
}

/* The shape stays, and the shorter edge is resized_edge. */
static bool keeps_shape(const CnxrtPreprocessor *how)
{
    return how->resize_rule == CNXRT_RESIZE_SHORTEST || (crops(how) && how->resize_rule != CNXRT_RESIZE_SQUASH);
}

typedef struct Size {
    int64_t width, height;
} Size;

static Size with_short_edge(Size size, int64_t edge)
{
    if (size.width <= size.height)
        return (Size){edge, (int64_t)((double)(edge * size.height) / (double)size.width)};
    return (Size){(int64_t)((double)(edge * size.width) / (double)size.height), edge};
}

/* Samples of the picture that become one, where it is to cover the frame. */
static double covering_ratio(Size size, Size frame)
{
    double across = (double)size.width / (double)frame.width, down = (double)size.height / (double)frame.height;
    return across < down ? across : down;
}

/* Both edges are rounded, to even where that is as near. */
static Size covering(Size size, Size frame)
{
    double ratio = covering_ratio(size, frame);
    return (Size){(int64_t)rint((double)size.width / ratio), (int64_t)rint((double)size.height / ratio)};
}

/* Sizes of the resized picture, in double, too. */
static Size resized_size(const Image *image, const CnxrtPreprocessor *how)
{
    Size size = {image->width, image->height}, frame = {how->resize_width, how->resize_height};
    int64_t edge = resized_edge(how);
    if (!how->do_resize)
        return size;
    if (how->resize_rule == CNXRT_RESIZE_EXACT)
        return frame;
    if (how->resize_rule == CNXRT_RESIZE_COVER)
        return covering(size, frame);
    return keeps_shape(how) ? with_short_edge(size, edge) : (Size){edge, edge};
}

/* The rules with a frame of their own: of COVER both edges are rounded. */
static void frame_scales(Size largest, const CnxrtPreprocessor *how, double *x, double *y)
{
    Size frame = {how->resize_width, how->resize_height};
    *x = (double)largest.width / (double)frame.width, *y = (double)largest.height / (double)frame.height;
    if (how->resize_rule == CNXRT_RESIZE_EXACT)
        return;
    double ratio = covering_ratio(largest, frame);
    *x = ratio * (1 + 1 / (double)frame.width), *y = ratio * (1 + 1 / (double)frame.height);
}

/* How many samples of each axis become one, at most, in pictures up to this size: where the shape is kept, as many as of the
 * shorter edge, and some more for the longer one, which is rounded down. */
static void largest_scales(const Image *largest, const CnxrtPreprocessor *how, double *x, double *y)
{
    double edge = (double)resized_edge(how), w = (double)largest->width, h = (double)largest->height;
    *x = *y = 1;
    if (!how->do_resize)
        return;
    if (how->resize_rule == CNXRT_RESIZE_EXACT || how->resize_rule == CNXRT_RESIZE_COVER) {
        frame_scales((Size){largest->width, largest->height}, how, x, y);
        return;
    }
    *x = w / edge, *y = h / edge;
    if (keeps_shape(how))
        *x = *y = (w < h ? w : h) / edge * (1 + 1 / edge);
}

static Resize plan(const Image *image, const CnxrtPreprocessor *how, Side *x, Side *y)
{
    Size size = resized_size(image, how);
    Resize resize = {.width = size.width,
                     .height = size.height,
                     .resample = how->resample,
                     .torchvision = how->torchvision,
                     .vertical_first = how->vertical_first};
    *x = whole(resize.width);
    *y = whole(resize.height);
    if (crops(how)) {
        center_crop(x, how->shortest_edge, how);
        center_crop(y, how->shortest_edge, how);
    }
    if (how->do_center_crop) {
        center_crop(x, how->crop_width, how);
        center_crop(y, how->crop_height, how);
    }
    resize.x = x->window;
    resize.y = y->window;
    return resize;
}

void image_prepared_size(const Image *image, const CnxrtPreprocessor *how, int64_t *height, int64_t *width)
{
    Side x, y;
    plan(image, how, &x, &y);
    *height = y.size;
    *width = x.size;
}

/* ── 8 bits to float ─────────────────────────────────────────────────────────────────────────────────── */

static float prepared_value(int sample, const CnxrtPreprocessor *how, double mean, double std)
{
    if (how->torchvision && how->do_normalize && how->do_rescale && !how->rescale_first) {
        float k = (float)(1.0 / how->rescale_factor);
        return ((float)sample - (float)mean * k) / ((float)std * k);
    }
    float value = (float)sample;
    if (how->do_rescale)
        value = how->torchvision ? (float)sample * (float)how->rescale_factor : (float)((double)sample * how->rescale_factor);
    return how->do_normalize ? (value - (float)mean) / (float)std : value;
}

static void finish(const Image *canvas, const CnxrtPreprocessor *how, float *out)
{
    int64_t n = canvas->width * canvas->height;
    for (int64_t c = 0; c < canvas->channels; c++) {
        float table[256];
        int64_t m = how->n_mean == 1 ? 0 : c, from = canvas->blue_first && c < 3 ? 2 - c : c;
        for (int v = 0; v < 256; v++)
            table[v] = prepared_value(v, how, how->mean[m], how->std[m]);
        for (int64_t i = 0; i < n; i++)
            out[c * n + i] = table[canvas->pixels[i * canvas->channels + from]];
    }
}

static void finish_floats(const float *canvas, int64_t n, int64_t channels, bool blue_first, const CnxrtPreprocessor *how,
                          float *out)
{
    for (int64_t c = 0; c < channels; c++) {
        int64_t m = how->n_mean == 1 ? 0 : c, from = blue_first && c < 3 ? 2 - c : c;
        float mean = how->do_normalize ? (float)how->mean[m] : 0, std = how->do_normalize ? (float)how->std[m] : 1;
        for (int64_t i = 0; i < n; i++)
            out[c * n + i] = (canvas[i * channels + from] - mean) / std;
    }
}

/* What the compiler has checked already, unless a picture's channels come into it. */
static bool check(const Image *image, const CnxrtPreprocessor *how, const Side *x, const Side *y, ImageError *error)
{
    if (how->do_normalize && how->n_mean != 1 && how->n_mean != image->channels)
        return image_fail(error, CNXRT_ERROR_UNSUPPORTED, "the picture has %lld channels, the processor %lld means",
                          (long long)image->channels, (long long)how->n_mean);
    if (x->size < 1 || y->size < 1 || how->resample < RESAMPLE_NEAREST || how->resample > RESAMPLE_HAMMING)
        return image_fail(error, CNXRT_ERROR_UNSUPPORTED, "the processor's size or filter is not supported");
    return true;
}

/* By a filter; nearest samples are what they were, and what is not rescaled stays bytes. */
static bool resizes_floats(const CnxrtPreprocessor *how)
{
    return how->rescale_first && how->do_resize && how->do_rescale && how->resample != RESAMPLE_NEAREST;
}

double image_prepare_room(const Image *largest, const CnxrtPreprocessor *how, int64_t height, int64_t width)
{
    double x, y;
    Resize resize = {.resample = how->resample, .torchvision = how->torchvision, .vertical_first = how->vertical_first};
    largest_scales(largest, how, &x, &y);
    if (resizes_floats(how))
        return room_bytes((double)height * (double)width, (size_t)largest->channels * sizeof(float)) +
               image_resize_float_room(largest, &resize, (ResizeBound){width, x}, (ResizeBound){height, y});
    return room_bytes((double)height * (double)width, (size_t)largest->channels) +
           image_resize_room(largest, &resize, (ResizeBound){width, x}, (ResizeBound){height, y});
}

static bool no_memory(const Image *image, ImageError *error)
{
    return image_fail(error, CNXRT_ERROR_MEMORY, "out of memory for a picture of %lldx%lld pixels", (long long)image->width,
                      (long long)image->height);
}

/* canvas has its size, and no pixels. */
static bool prepare_floats(const Image *image, const Resize *resize, const Image *canvas, const CnxrtPreprocessor *how,
                           Room *room, float *out, ImageError *error)
{
    float factor = (float)how->rescale_factor;
    if (!image_check_resize(image, resize, error))
        return false;
    float *floats = room_take(room, canvas->height, (size_t)canvas->row * sizeof *floats);
    if (!floats)
        return no_memory(image, error);
    memset(floats, 0, (size_t)(canvas->height * canvas->row) * sizeof *floats);
    if (!image_resize_float(image, resize, factor, room, floats, canvas->row))
        return no_memory(image, error);
    finish_floats(floats, canvas->width * canvas->height, canvas->channels, canvas->blue_first, how, out);
    return true;
}

bool image_prepare(const Image *image, const CnxrtPreprocessor *how, Room *room, float *out, ImageError *error)
{
    Side x, y;
    Resize resize = plan(image, how, &x, &y);
    Image canvas = {x.size, y.size, image->channels, NULL, x.size * image->channels, image->blue_first};
    if (!check(image, how, &x, &y, error) || !image_check_size(x.size, y.size, error))
        return false;
    if (!room_begin(room, image_prepare_room(image, how, y.size, x.size)))
        return no_memory(image, error);
    if (resizes_floats(how))
        return prepare_floats(image, &resize, &canvas, how, room, out, error);
    if (!(canvas.pixels = room_take(room, y.size, (size_t)canvas.row)))
        return no_memory(image, error);
    memset(canvas.pixels, 0, (size_t)(y.size * canvas.row));
    if (!image_resize(image, &resize, room, &canvas, error))
        return false;
    finish(&canvas, how, out);
    return true;
}
