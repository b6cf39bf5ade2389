/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Resize: separable resampling with integer weights, to the bit as Pillow (and, as an option, torchvision) does it.
 *
 * Along one axis, output i is a weighted sum of the inputs around its centre, with weights from a filter that is
 * stretched when shrinking. Weights are computed in double and rounded to 22 fractional bits; sums are 32-bit; each
 * pass rounds to 8 bits. The association of every double expression matters, and so does that none is fused
 * (-ffp-contract=off): one weight in a few thousand would land on the other side of a rounding boundary.
 *
 *   image ─ pass along x ─► 8 bits ─ pass along y ─► 8 bits        or y first, where Pillow 13 finds that cheaper
 *
 * Every output sample depends only on its own weights, so only the window that survives the crop is computed; a
 * picture of 1 x 60000, whose full resize has billions of pixels, costs no more than any other. */
#include "runtime/image/resize.h"

#include <math.h>
#include <string.h>

enum { PILLOW_BITS = 32 - 8 - 2, MAX_SIDE = 0x7fffffff };

/* ── Filters ─────────────────────────────────────────────────────────────────────────────────────────── */

static double filter_box(double x) { return -0.5 < x && x <= 0.5 ? 1.0 : 0.0; }

static double filter_bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double filter_hamming(double x)
{
    x = fabs(x);
    if (x == 0.0)
        return 1.0;
    if (x >= 1.0)
        return 0.0;
    x = x * M_PI;
    return sin(x) / x * (0.54f + 0.46f * cos(x));
}

static double filter_bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x = x * M_PI;
    return sin(x) / x;
}

static double filter_lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

typedef struct Filter {
    double (*weight)(double x);
    double support; /* it is zero outside [-support, support] */
} Filter;

static const Filter filters[] = {
    [RESAMPLE_LANCZOS] = {filter_lanczos, 3}, [RESAMPLE_BILINEAR] = {filter_bilinear, 1},
    [RESAMPLE_BICUBIC] = {filter_bicubic, 2}, [RESAMPLE_BOX] = {filter_box, 0.5},
    [RESAMPLE_HAMMING] = {filter_hamming, 1},
};

/* ── Weights of one axis ─────────────────────────────────────────────────────────────────────────────── */

typedef struct Axis {
    int64_t n;        /* outputs: the window's length */
    int64_t first, last; /* inputs that they need: [first, last) */
    int64_t *from;    /* first input of each output */
    int64_t *count;
    int64_t most;     /* weights have this row length */
    int32_t *weights;
    int32_t *pairs;   /* neighbouring weights as 16-bit halves, for SSE2; NULL: they don't fit */
    int bits;         /* fractional bits of the weights */
} Axis;

/* Normalised weights of output i into w; the inputs are [*from, *from + returned). */
static int64_t weigh(const Filter *filter, int64_t in, int64_t out, int64_t i, double *w, int64_t *from)
{
    double scale = (double)in / (double)out, stretch = scale < 1.0 ? 1.0 : scale;
    double support = filter->support * stretch, inverse = 1.0 / stretch;
    double center = ((double)i + 0.5) * scale, sum = 0.0;
    int64_t low = (int64_t)(center - support + 0.5), high = (int64_t)(center + support + 0.5);
    low = low < 0 ? 0 : low;
    high = high > in ? in : high;
    for (int64_t j = 0; j < high - low; j++) {
        w[j] = filter->weight(((double)(j + low) - center + 0.5) * inverse);
        sum += w[j];
    }
    for (int64_t j = 0; sum != 0.0 && j < high - low; j++)
        w[j] /= sum;
    *from = low;
    return high - low;
}

/* torchvision chooses the precision of an axis so that its largest weight just fits 16 bits. */
static int torchvision_bits(double largest)
{
    int bits = 0;
    while (bits < 22 && (int)(0.5 + largest * (1 << (bits + 1))) < 1 << 15)
        bits++;
    return bits;
}

/* The largest weight of all outputs, not only of the window's; or any from 1 on, which have the same precision: none reaches 2.
 * Where a picture grows, which may make billions of outputs, that is the first one's, whose filter the edge cuts off. */
static double largest_weight(const Filter *filter, int64_t in, int64_t out, double *w)
{
    double largest = 0;
    int64_t from;
    for (int64_t i = 0; i < out && largest < 1; i++) {
        int64_t n = weigh(filter, in, out, i, w, &from);
        for (int64_t j = 0; j < n; j++)
            largest = w[j] > largest ? w[j] : largest;
    }
    return largest;
}

static int32_t round_weight(double w, int bits) { return (int32_t)((w < 0 ? -0.5 : 0.5) + w * (1 << bits)); }

/* Inputs under the filter at one output, at most. */
static double widest(const Filter *filter, double scale) { return ceil(filter->support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1; }

static bool axis_allocate(Axis *axis, const Filter *filter, int64_t in, int64_t out, int64_t n, Room *room, double **w)
{
    double most = widest(filter, (double)in / (double)out);
    axis->n = n;
    axis->most = most > (double)in ? in : (int64_t)most;
    axis->from = room_take(room, n, sizeof *axis->from);
    axis->count = room_take(room, n, sizeof *axis->count);
    axis->weights = room_take(room, n, (size_t)axis->most * sizeof *axis->weights);
    *w = room_take(room, axis->most + 1, sizeof **w);
    if (!axis->from || !axis->count || !axis->weights || !*w)
        return false;
    memset(axis->weights, 0, (size_t)(n * axis->most) * sizeof *axis->weights); /* pairs take in one behind an output's last */
    return true;
}

/* The second half of the last pair of an odd row is zero. */
static bool make_pairs(Axis *axis, Room *room)
{
    int64_t pairs = (axis->most + 1) / 2;
    for (int64_t i = 0; i < axis->n * axis->most; i++)
        if (axis->weights[i] != (int16_t)axis->weights[i])
            return true;
    axis->pairs = room_take(room, axis->n, (size_t)pairs * sizeof *axis->pairs);
    for (int64_t i = 0; axis->pairs && i < axis->n; i++)
        for (int64_t j = 0; j < axis->most; j += 2) {
            const int32_t *w = axis->weights + i * axis->most + j;
            uint32_t high = j + 1 < axis->most ? (uint32_t)w[1] : 0;
            axis->pairs[i * pairs + j / 2] = (int32_t)(high << 16 | ((uint32_t)w[0] & 0xffff));
        }
    return axis->pairs;
}

static double axis_room(const Filter *filter, int64_t in, ResizeBound bound)
{
    double n = (double)bound.length, most = fmin((double)in, widest(filter, bound.scale));
    return room_bytes(n, sizeof(int64_t)) * 2 + room_bytes(n * most, sizeof(int32_t)) +
           room_bytes(n * (most + 1) / 2, sizeof(int32_t)) + room_bytes(most + 1, sizeof(double));
}

static bool axis_make(Axis *axis, const Resize *how, int64_t in, int64_t out, Window window, Room *room)
{
    const Filter *filter = &filters[how->resample];
    double *w;
    if (!axis_allocate(axis, filter, in, out, window.length, room, &w))
        return false;
    axis->bits = how->torchvision ? torchvision_bits(largest_weight(filter, in, out, w)) : PILLOW_BITS;
    axis->first = in;
    for (int64_t i = 0; i < axis->n; i++) {
        int64_t n = weigh(filter, in, out, window.from + i, w, &axis->from[i]);
        axis->count[i] = n;
        for (int64_t j = 0; j < n; j++)
            axis->weights[i * axis->most + j] = round_weight(w[j], axis->bits);
        axis->first = axis->from[i] < axis->first ? axis->from[i] : axis->first;
        axis->last = axis->from[i] + n > axis->last ? axis->from[i] + n : axis->last;
    }
    return make_pairs(axis, room);
}

/* An axis that keeps its size takes part as a window only. */
static void axis_copy(Axis *axis, Window window)
{
    *axis = (Axis){.n = window.length, .first = window.from, .last = window.from + window.length};
}

/* ── Passes ──────────────────────────────────────────────────────────────────────────────────────────── */

/* A rectangle of samples, somewhere in memory. */
typedef struct Plane {
    uint8_t *pixels;
    int64_t row;      /* bytes from row to row */
    int64_t length;   /* bytes of a row: what is between rows need not be there */
    int64_t x0, y0;   /* picture coordinates of the first pixel */
} Plane;

static uint8_t clip(int32_t sum, int bits)
{
    sum >>= bits;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Torchvision's weights have 16 bits, so that one instruction takes the products of two neighbours and their sum. Sums of
 * integers are the same in any order. */
#ifdef __SSE2__
#include <emmintrin.h>

/* Output i of RGB; false: its bytes end too close to the row's end to be read eight at a time. Of two pixels these are r0 r1
 * g0 g1 b0 b1, and two of the third. */
static bool weigh_rgb(const uint8_t *in, const uint8_t *end, const Axis *axis, int64_t i, uint8_t *out)
{
    const __m128i zero = _mm_setzero_si128();
    const int32_t *pairs = axis->pairs + i * ((axis->most + 1) / 2);
    int64_t n = (axis->count[i] + 1) / 2;
    if (6 * n + 2 > end - in)
        return false;
    __m128i sums = _mm_set1_epi32(1 << (axis->bits - 1));
    for (int64_t j = 0; j < n; j++, in += 6) {
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)in);
        __m128i samples = _mm_unpacklo_epi8(_mm_unpacklo_epi8(bytes, _mm_srli_si128(bytes, 3)), zero);
        sums = _mm_add_epi32(sums, _mm_madd_epi16(samples, _mm_set1_epi32(pairs[j])));
    }
    sums = _mm_sra_epi32(sums, _mm_cvtsi32_si128(axis->bits));
    sums = _mm_packs_epi32(sums, zero);
    int32_t rgb = _mm_cvtsi128_si32(_mm_packus_epi16(sums, zero));
    memcpy(out, &rgb, 3);
    return true;
}

/* Adds two rows to sums; returns how many columns it did. */
static int64_t add_rows(const uint8_t *first, const uint8_t *second, int32_t pair, int64_t n, int32_t *sums)
{
    const __m128i zero = _mm_setzero_si128(), weights = _mm_set1_epi32(pair);
    int64_t s = 0;
    for (; s + 8 <= n; s += 8) {
        __m128i *to = (__m128i *)(void *)(sums + s);
        __m128i both = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(first + s)),
                                         _mm_loadl_epi64((const __m128i *)(const void *)(second + s)));
        __m128i low = _mm_madd_epi16(_mm_unpacklo_epi8(both, zero), weights);
        __m128i high = _mm_madd_epi16(_mm_unpackhi_epi8(both, zero), weights);
        _mm_storeu_si128(to, _mm_add_epi32(_mm_loadu_si128(to), low));
        _mm_storeu_si128(to + 1, _mm_add_epi32(_mm_loadu_si128(to + 1), high));
    }
    return s;
}
#else
static bool weigh_rgb(const uint8_t *in, const uint8_t *end, const Axis *axis, int64_t i, uint8_t *out)
{
    (void)in, (void)end, (void)axis, (void)i, (void)out;
    return false;
}

static int64_t add_rows(const uint8_t *first, const uint8_t *second, int32_t pair, int64_t n, int32_t *sums)
{
    (void)first, (void)second, (void)pair, (void)n, (void)sums;
    return 0;
}
#endif

static void weigh_pixel(const uint8_t *in, const int32_t *weights, int64_t n, int bits, int64_t channels, uint8_t *out)
{
    int32_t half = 1 << (bits - 1), sum[4] = {half, half, half, half};
    if (channels == 3) { /* the usual case, kept in registers */
        int32_t r = half, g = half, b = half;
        for (int64_t j = 0; j < n; j++, in += 3) {
            r += in[0] * weights[j];
            g += in[1] * weights[j];
            b += in[2] * weights[j];
        }
        out[0] = clip(r, bits), out[1] = clip(g, bits), out[2] = clip(b, bits);
        return;
    }
    for (int64_t j = 0; j < n; j++, in += channels)
        for (int64_t c = 0; c < channels; c++)
            sum[c] += in[c] * weights[j];
    for (int64_t c = 0; c < channels; c++)
        out[c] = clip(sum[c], bits);
}

/* Rows [y, y + rows) of in, resampled along x. */
static void pass_x(Plane in, const Axis *axis, int64_t y, int64_t rows, int64_t channels, Plane out)
{
    for (int64_t r = 0; r < rows; r++) {
        const uint8_t *from = in.pixels + (y + r - in.y0) * in.row - in.x0 * channels;
        uint8_t *to = out.pixels + r * out.row;
        if (!axis->weights) {
            memcpy(to, from + axis->first * channels, (size_t)(axis->n * channels));
            continue;
        }
        const uint8_t *end = from + in.x0 * channels + in.length;
        for (int64_t i = 0; i < axis->n; i++) {
            const uint8_t *first = from + axis->from[i] * channels;
            if (!axis->pairs || channels != 3 || !weigh_rgb(first, end, axis, i, to + i * channels))
                weigh_pixel(first, axis->weights + i * axis->most, axis->count[i], axis->bits, channels, to + i * channels);
        }
    }
}

/* Output i of n columns, before it is rounded. */
static void sum_rows(const uint8_t *from, int64_t row, const Axis *axis, int64_t i, int64_t n, int32_t *sums)
{
    const int32_t *weights = axis->weights + i * axis->most;
    for (int64_t s = 0; s < n; s++)
        sums[s] = 1 << (axis->bits - 1);
    for (int64_t j = 0; j < axis->count[i]; j += 2, from += 2 * row) {
        bool two = j + 1 < axis->count[i];
        const uint8_t *second = two ? from + row : from; /* by a weight of zero */
        int64_t s = axis->pairs ? add_rows(from, second, axis->pairs[i * ((axis->most + 1) / 2) + j / 2], n, sums) : 0;
        int32_t w0 = weights[j], w1 = two ? weights[j + 1] : 0;
        for (; s < n; s++)
            sums[s] += from[s] * w0 + second[s] * w1;
    }
}

/* Columns [x, x + columns) of in, resampled along y: whole rows at a time, so that memory is read in order. sums: one for
 * each sample of a row. */
static void pass_y(Plane in, const Axis *axis, int64_t x, int64_t columns, int64_t channels, int32_t *sums, Plane out)
{
    int64_t n = columns * channels;
    for (int64_t i = 0; i < axis->n; i++) {
        uint8_t *to = out.pixels + i * out.row;
        int64_t first = axis->weights ? axis->from[i] : axis->first + i;
        const uint8_t *from = in.pixels + (first - in.y0) * in.row + (x - in.x0) * channels;
        if (!axis->weights) {
            memcpy(to, from, (size_t)n);
            continue;
        }
        sum_rows(from, in.row, axis, i, n, sums);
        for (int64_t s = 0; s < n; s++)
            to[s] = clip(sums[s], axis->bits);
    }
}

static bool two_passes(Plane in, const Axis *x, const Axis *y, bool y_first, int64_t channels, Room *room, Plane out)
{
    int64_t rows = y_first ? y->n : y->last - y->first, columns = y_first ? x->last - x->first : x->n;
    Plane middle = {room_take(room, rows, (size_t)(columns * channels)), columns * channels, columns * channels, 0, 0};
    int32_t *sums = room_take(room, columns * channels, sizeof *sums);
    if (!middle.pixels || !sums)
        return false;
    if (y_first) {
        middle.x0 = x->first;
        pass_y(in, y, x->first, columns, channels, sums, middle);
        pass_x(middle, x, 0, rows, channels, out);
    } else {
        middle.y0 = y->first;
        pass_x(in, x, y->first, rows, channels, middle);
        pass_y(middle, y, 0, columns, channels, sums, out);
    }
    return true;
}

/* ── Alpha: Pillow resizes RGBA premultiplied ────────────────────────────────────────────────────────── */

static void premultiply_row(const uint8_t *from, int64_t width, uint8_t *to)
{
    for (int64_t x = 0; x < width; x++, from += 4, to += 4) {
        for (int c = 0; c < 3; c++) {
            int t = from[c] * from[3] + 128;
            to[c] = (uint8_t)(((t >> 8) + t) >> 8);
        }
        to[3] = from[3];
    }
}

static bool premultiply(const Image *image, Room *room, Plane *copy)
{
    *copy = (Plane){room_take(room, image->height, (size_t)image->width * 4), image->width * 4, image->width * 4, 0, 0};
    for (int64_t y = 0; copy->pixels && y < image->height; y++)
        premultiply_row(image->pixels + y * image->row, image->width, copy->pixels + y * copy->row);
    return copy->pixels;
}

static void undo_premultiplied(Plane plane, int64_t rows, int64_t columns)
{
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = 0; x < columns; x++) {
            uint8_t *p = plane.pixels + y * plane.row + 4 * x;
            for (int c = 0; c < 3 && p[3] != 0 && p[3] != 255; c++) {
                int value = 255 * p[c] / p[3];
                p[c] = (uint8_t)(value > 255 ? 255 : value);
            }
        }
}

/* ── Nearest ─────────────────────────────────────────────────────────────────────────────────────────── */

/* The input of each output of the window. Pillow accumulates its position, and its rounding errors with it;
 * torchvision is "nearest-exact" in single precision. */
static int64_t *nearest_places(int64_t in, int64_t out, Window window, bool torchvision, Room *room)
{
    int64_t *places = room_take(room, window.length, sizeof *places);
    if (!places)
        return NULL;
    double step = (double)in / (double)out, position = step * 0.5;
    float scale = (float)in / (float)out;
    for (int64_t i = 0; i < window.from + window.length; i++, position += step) {
        int64_t place = torchvision ? (int64_t)floorf(((float)i + 0.5f) * scale) : (int64_t)position;
        if (i >= window.from)
            places[i - window.from] = torchvision && place >= in ? in - 1 : place < in ? place : -1;
    }
    return places;
}

static bool resize_nearest(const Image *image, const Resize *how, Room *room, Plane out)
{
    int64_t channels = image->channels;
    int64_t *x = nearest_places(image->width, how->width, how->x, how->torchvision, room);
    int64_t *y = nearest_places(image->height, how->height, how->y, how->torchvision, room);
    for (int64_t j = 0; x && y && j < how->y.length; j++)
        for (int64_t i = 0; i < how->x.length; i++)
            if (x[i] >= 0 && y[j] >= 0)
                memcpy(out.pixels + j * out.row + i * channels, image->pixels + y[j] * image->row + x[i] * channels,
                       (size_t)channels);
    return x && y;
}

/* ── Resize ──────────────────────────────────────────────────────────────────────────────────────────── */

static bool make_axes(const Image *image, const Resize *how, Room *room, Axis *x, Axis *y)
{
    bool ok = true;
    if (how->width == image->width)
        axis_copy(x, how->x);
    else
        ok = axis_make(x, how, image->width, how->width, how->x, room);
    if (how->height == image->height)
        axis_copy(y, how->y);
    else
        ok = ok && axis_make(y, how, image->height, how->height, how->y, room);
    return ok;
}

static bool may_go_vertical_first(const Resize *how) { return how->vertical_first && !how->torchvision; }

/* Pillow 13: vertical first where that leaves less work; only geometry decides. */
static bool vertical_goes_first(const Image *image, const Resize *how)
{
    return may_go_vertical_first(how) && how->width != image->width && how->height < image->height &&
           image->height - how->height > 2 * (image->width - how->width);
}

static bool has_alpha(const Image *image, const Resize *how) { return image->channels == 4 && !how->torchvision; }

static bool resize_filtered(const Image *image, const Resize *how, Room *room, Plane out)
{
    bool resized = how->width != image->width || how->height != image->height;
    bool alpha = resized && has_alpha(image, how);
    Plane in = {image->pixels, image->row, image->width * image->channels, 0, 0};
    Axis x = {0}, y = {0};
    if ((alpha && !premultiply(image, room, &in)) || !make_axes(image, how, room, &x, &y) ||
        !two_passes(in, &x, &y, vertical_goes_first(image, how), image->channels, room, out))
        return false;
    if (alpha)
        undo_premultiplied(out, how->y.length, how->x.length);
    return true;
}

/* Inputs that all outputs of the bound need, at most. */
static double reach(const Filter *filter, int64_t in, ResizeBound bound)
{
    return fmin((double)in, (double)bound.length * fmax(bound.scale, 1) + widest(filter, bound.scale) + 1);
}

double resize_filter(int64_t resample, double x) { return filters[resample].weight(x); }

double resize_support(int64_t resample) { return filters[resample].support; }

double resize_widest(int64_t resample, double scale) { return widest(&filters[resample], scale); }

double image_resize_room(const Image *largest, const Resize *how, ResizeBound x, ResizeBound y)
{
    const Filter *filter = &filters[how->resample];
    double columns = reach(filter, largest->width, x), rows = reach(filter, largest->height, y);
    double x_first = rows * (double)x.length, y_first = may_go_vertical_first(how) ? (double)y.length * columns : 0;
    double copy = has_alpha(largest, how) ? (double)largest->width * (double)largest->height : 0;
    return room_bytes(copy, 4) + axis_room(filter, largest->width, x) + axis_room(filter, largest->height, y) +
           room_bytes(fmax(x_first, y_first), (size_t)largest->channels) +
           room_bytes(fmax(columns, (double)x.length), (size_t)largest->channels * sizeof(int32_t));
}

bool image_check_resize(const Image *image, const Resize *how, ImageError *error)
{
    bool resized = how->width != image->width || how->height != image->height;
    if (how->width < 1 || how->height < 1 || how->width > MAX_SIDE || how->height > MAX_SIDE)
        return image_fail(error, CNXRT_ERROR_IMAGE, "resizing to %lldx%lld pixels is not possible", (long long)how->width,
                          (long long)how->height);
    if (resized && how->torchvision && (how->resample == RESAMPLE_BOX || how->resample == RESAMPLE_HAMMING))
        return image_fail(error, CNXRT_ERROR_UNSUPPORTED, "torchvision has neither box nor Hamming filter");
    return true;
}

bool image_resize(const Image *image, const Resize *how, Room *room, Image *canvas, ImageError *error)
{
    bool resized = how->width != image->width || how->height != image->height;
    if (!image_check_resize(image, how, error))
        return false;
    if (how->x.length <= 0 || how->y.length <= 0)
        return true;
    Plane out = {canvas->pixels + how->y.to * canvas->row + how->x.to * canvas->channels, canvas->row, 0, 0, 0};
    bool nearest = resized && how->resample == RESAMPLE_NEAREST;
    if (nearest ? resize_nearest(image, how, room, out) : resize_filtered(image, how, room, out))
        return true;
    return image_fail(error, CNXRT_ERROR_MEMORY, "out of memory while resizing");
}
