/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Frame: cameras and other decoders give pixels in many forms, the image processor takes interleaved samples of the model's
 * channels.
 *
 *   RGB8      to 3 channels   in place, whatever its strides
 *   BGR8      to 3 channels   the same: whoever reads the samples last exchanges red and blue
 *   BGRA8     to 3 channels   without alpha, or put on white, as of a PNG with alpha
 *   NV12      to 3 channels   Y, and U and V of the 2 x 2 pixels that share them (nearest), through the matrix
 *   GRAY8     to 1 channel    in place; to 3: repeated
 *
 * The matrix is that of BT.601-7, 2.5, or BT.709-6, 3, by their Kr and Kb, and the result the nearest integer, of a tie the greater.
 * Sums that are no ties are further than 1e-7 from one: a thousand millionth more turns ties upwards, and table entries of 44
 * fractional bits err by less than that. */
#include "runtime/image/frame.h"
#include "runtime/image/decode.h"

#include <math.h>

/* ── What is said of a frame ─────────────────────────────────────────────────────────────────────────── */

typedef struct Layout {
    const char *name;
    int64_t channels;    /* interleaved in plane 0; 0: plane 0 is Y */
    bool blue_first;
    bool planar;         /* U and V in planes of their own */
} Layout;

static const Layout layouts[] = {
    [CNXRT_FORMAT_GRAY8] = {"GRAY8", 1, false, false}, [CNXRT_FORMAT_RGB8] = {"RGB8", 3, false, false},
    [CNXRT_FORMAT_BGR8] = {"BGR8", 3, true, false},    [CNXRT_FORMAT_RGBA8] = {"RGBA8", 4, false, false},
    [CNXRT_FORMAT_BGRA8] = {"BGRA8", 4, true, false},  [CNXRT_FORMAT_NV12] = {"NV12", 0, false, false},
    [CNXRT_FORMAT_I420] = {"I420", 0, false, true},
};
enum { N_LAYOUTS = sizeof layouts / sizeof *layouts };

/* A plane's own rows. */
typedef struct Rows {
    const uint8_t *first;
    int64_t stride;
} Rows;

/* A single row has no next one, wherever that is said to be. */
static Rows rows_of(const cnxrt_image *frame, int plane, int64_t row_bytes, int64_t n_rows)
{
    int64_t stride = n_rows > 1 ? frame->strides[plane] : 0;
    return (Rows){frame->planes[plane], stride ? stride : row_bytes};
}

/* Whether rows of so many bytes lie in the address space, and beside one another. */
static bool check_plane(const cnxrt_image *frame, int plane, int64_t row_bytes, int64_t n_rows, ImageError *error)
{
    const char *name = layouts[frame->format].name;
    Rows rows = rows_of(frame, plane, row_bytes, n_rows);
    uintptr_t at = (uintptr_t)rows.first;
    int64_t last;
    if (!at)
        return image_fail(error, CNXRT_ERROR_ARGUMENT, "planes[%d] of a picture in %s is NULL", plane, name);
    if (rows.stride > -row_bytes && rows.stride < row_bytes)
        return image_fail(error, CNXRT_ERROR_ARGUMENT, "strides[%d] is %lld, a row of plane %d in %s has %lld bytes", plane,
                          (long long)rows.stride, plane, name, (long long)row_bytes);
    bool fits = !__builtin_mul_overflow(n_rows - 1, rows.stride, &last) && at <= UINTPTR_MAX - (uint64_t)row_bytes;
    if (fits)
        fits = last < 0 ? at >= 0 - (uint64_t)last : (uint64_t)last <= UINTPTR_MAX - (uint64_t)row_bytes - at;
    return fits || image_fail(error, CNXRT_ERROR_ARGUMENT, "with strides[%d] of %lld the picture exceeds the address space",
                              plane, (long long)rows.stride);
}

static bool check_yuv(const cnxrt_image *frame, ImageError *error)
{
    const Layout *layout = &layouts[frame->format];
    int64_t w = frame->width, h = frame->height;
    if (w % 2 || h % 2)
        return image_fail(error, CNXRT_ERROR_ARGUMENT, "a picture in %s has even width and height, not %lldx%lld", layout->name,
                          (long long)w, (long long)h);
    return check_plane(frame, 0, w, h, error) && check_plane(frame, 1, layout->planar ? w / 2 : w, h / 2, error) &&
           (!layout->planar || check_plane(frame, 2, w / 2, h / 2, error));
}

bool frame_check(const cnxrt_image *frame, ImageError *error)
{
    if (frame->struct_size != sizeof *frame)
        return image_fail(error, CNXRT_ERROR_ARGUMENT, "struct_size of a picture is %zu, expected %zu", frame->struct_size,
                          sizeof *frame);
    if (frame->format < 1 || frame->format >= N_LAYOUTS)
        return image_fail(error, CNXRT_ERROR_ARGUMENT, "format of a picture is %lld, which is none", (long long)frame->format);
    if (frame->color < CNXRT_COLOR_BT601_LIMITED || frame->color > CNXRT_COLOR_BT709_FULL)
        return image_fail(error, CNXRT_ERROR_ARGUMENT, "color of a picture is %lld, which is none", (long long)frame->color);
    if (!image_check_size(frame->width, frame->height, error))
        return false;
    int64_t channels = layouts[frame->format].channels;
    return channels ? check_plane(frame, 0, frame->width * channels, frame->height, error) : check_yuv(frame, error);
}

/* ── Interleaved samples ─────────────────────────────────────────────────────────────────────────────── */

static void repeat_row(const uint8_t *from, int64_t width, uint8_t *to)
{
    for (int64_t x = 0; x < width; x++, to += 3)
        to[0] = to[1] = to[2] = from[x];
}

static void drop_row(const uint8_t *from, int64_t width, uint8_t *to) /* the last of four */
{
    for (int64_t x = 0; x < width; x++, from += 4, to += 3)
        to[0] = from[0], to[1] = from[1], to[2] = from[2];
}

static void put_row_on_white(const uint8_t *from, int64_t width, uint8_t *to)
{
    for (int64_t x = 0; x < width; x++, from += 4, to += 3)
        for (int c = 0; c < 3; c++)
            to[c] = from[3] < 255 ? sample_over_white(from[c], from[3]) : from[c];
}

/* ── Y, U and V ──────────────────────────────────────────────────────────────────────────────────────── */

enum { YUV_BITS = 44, YUV_LEVELS = 1024, YUV_ZERO = 384 }; /* no sum is as far as YUV_ZERO below 0 or above 255 */
static const double round_up = 0.5 + 1e-9;

typedef struct YuvTables { /* what each sample adds to red, green and blue */
    int64_t y[256], red_v[256], green_u[256], green_v[256], blue_u[256];
    uint8_t clipped[YUV_LEVELS]; /* of a sum's integer part, YUV_ZERO added */
} YuvTables;

static int64_t fixed(double value) { return (int64_t)floor(value * (double)((int64_t)1 << YUV_BITS) + 0.5); }

/* Kr and Kb are the shares of red and blue in Y; a limited range has Y from 16 to 235, U and V from 16 to 240. */
static void make_tables(YuvTables *tables, int64_t color)
{
    bool hd = color == CNXRT_COLOR_BT709_LIMITED || color == CNXRT_COLOR_BT709_FULL;
    bool full = color == CNXRT_COLOR_BT601_FULL || color == CNXRT_COLOR_BT709_FULL;
    double kr = hd ? 0.2126 : 0.299, kb = hd ? 0.0722 : 0.114, kg = 1 - kr - kb;
    for (int i = 0; i < 256; i++) {
        double y = full ? i : (i - 16) * 255.0 / 219, chroma = full ? i - 128 : (i - 128) * 255.0 / 224;
        tables->y[i] = fixed(y + round_up + YUV_ZERO);
        tables->red_v[i] = fixed(2 * (1 - kr) * chroma);
        tables->blue_u[i] = fixed(2 * (1 - kb) * chroma);
        tables->green_v[i] = fixed(-2 * kr * (1 - kr) / kg * chroma);
        tables->green_u[i] = fixed(-2 * kb * (1 - kb) / kg * chroma);
    }
    for (int i = 0; i < YUV_LEVELS; i++)
        tables->clipped[i] = (uint8_t)(i < YUV_ZERO ? 0 : i > YUV_ZERO + 255 ? 255 : i - YUV_ZERO);
}

/* step: from one U, or V, to the next. */
static void convert_yuv_row(const YuvTables *tables, const uint8_t *y, const uint8_t *u, const uint8_t *v, int64_t step,
                            int64_t width, uint8_t *to)
{
    for (int64_t x = 0; x < width; x += 2, u += step, v += step) {
        int64_t red = tables->red_v[*v], green = tables->green_u[*u] + tables->green_v[*v], blue = tables->blue_u[*u];
        for (int i = 0; i < 2; i++, to += 3) {
            int64_t luma = tables->y[y[x + i]];
            to[0] = tables->clipped[(luma + red) >> YUV_BITS];
            to[1] = tables->clipped[(luma + green) >> YUV_BITS];
            to[2] = tables->clipped[(luma + blue) >> YUV_BITS];
        }
    }
}

static void convert_yuv(const cnxrt_image *frame, const YuvTables *tables, Image *image)
{
    bool planar = layouts[frame->format].planar;
    int64_t w = frame->width, h = frame->height;
    Rows luma = rows_of(frame, 0, w, h), u = rows_of(frame, 1, planar ? w / 2 : w, h / 2);
    Rows v = planar ? rows_of(frame, 2, w / 2, h / 2) : (Rows){u.first + 1, u.stride};
    for (int64_t y = 0; y < h; y++)
        convert_yuv_row(tables, luma.first + y * luma.stride, u.first + y / 2 * u.stride, v.first + y / 2 * v.stride,
                        planar ? 1 : 2, w, image->pixels + y * image->row);
}

/* ── Either ──────────────────────────────────────────────────────────────────────────────────────────── */

/* Samples of a pixel that a model of so many channels is given: 3 of any picture, or else what the picture has. */
static int64_t channels_for(const Layout *layout, int64_t channels)
{
    return channels != 3 && layout->channels ? layout->channels : 3;
}

double frame_room(const cnxrt_image *frame, int64_t channels)
{
    const Layout *layout = &layouts[frame->format];
    channels = channels_for(layout, channels);
    if (layout->channels == channels)
        return 0;
    return room_bytes((double)frame->width * (double)frame->height, (size_t)channels) + room_bytes(1, sizeof(YuvTables));
}

static void convert(const cnxrt_image *frame, bool white, YuvTables *tables, Image *image)
{
    int64_t channels = layouts[frame->format].channels;
    Rows rows = rows_of(frame, 0, image->width * channels, image->height);
    if (!channels) {
        make_tables(tables, frame->color);
        convert_yuv(frame, tables, image);
        return;
    }
    void (*convert_row)(const uint8_t *, int64_t, uint8_t *) = channels == 1 ? repeat_row : white ? put_row_on_white : drop_row;
    for (int64_t y = 0; y < image->height; y++)
        convert_row(rows.first + y * rows.stride, image->width, image->pixels + y * image->row);
}

bool frame_image(const cnxrt_image *frame, int64_t channels, bool white, Room *room, Image *image, ImageError *error)
{
    const Layout *layout = &layouts[frame->format];
    int64_t w = frame->width, h = frame->height;
    channels = channels_for(layout, channels);
    if (layout->channels == channels) {
        Rows rows = rows_of(frame, 0, w * channels, h);
        *image = (Image){w, h, channels, (uint8_t *)rows.first, rows.stride, layout->blue_first}; /* nobody writes there */
        return true;
    }
    YuvTables *tables = room_begin(room, frame_room(frame, channels)) ? room_take(room, 1, sizeof *tables) : NULL;
    uint8_t *pixels = tables ? room_take(room, h, (size_t)(w * channels)) : NULL;
    if (!pixels)
        return image_fail(error, CNXRT_ERROR_MEMORY, "out of memory for %lldx%lld pixels", (long long)w, (long long)h);
    *image = (Image){w, h, channels, pixels, w * channels, layout->blue_first};
    convert(frame, white, tables, image);
    return true;
}
