/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Image: what a picture is by its first bytes, and from the file's samples to what the processor takes.
 *
 *   JPEG, PNG, WebP → Decoded (gray, RGB, palette, CMYK …) → turned upright → RGB
 *
 * The conversions are Pillow's convert("RGB"), including its peculiar ones: 16-bit gray is clipped at 255, not
 * scaled; alpha is dropped without blending; a palette index past the table is black. */
#include "runtime/image/image.h"
#include "runtime/image/decode.h"

#include <string.h>

/* ── Orientation ─────────────────────────────────────────────────────────────────────────────────────── */

/* Where pixel (x, y) of the upright picture, w × h, lies in the stored one. */
static void stored_place(int orientation, int64_t w, int64_t h, int64_t x, int64_t y, int64_t *sx, int64_t *sy)
{
    switch (orientation) {
    case 2: *sx = w - 1 - x, *sy = y; break;         /* mirrored left to right */
    case 3: *sx = w - 1 - x, *sy = h - 1 - y; break; /* upside down */
    case 4: *sx = x, *sy = h - 1 - y; break;         /* mirrored top to bottom */
    case 5: *sx = y, *sy = x; break;                 /* transposed */
    case 6: *sx = y, *sy = w - 1 - x; break;         /* to be turned clockwise */
    case 7: *sx = h - 1 - y, *sy = w - 1 - x; break; /* transposed over the other diagonal */
    default: *sx = h - 1 - y, *sy = x; break;        /* 8: to be turned counter-clockwise */
    }
}

static bool turn_upright(Image *image, int orientation, int64_t sample_bytes, ImageError *error)
{
    if (orientation < 2 || orientation > 8)
        return true;
    bool swapped = orientation >= 5;
    int64_t w = swapped ? image->height : image->width, h = swapped ? image->width : image->height;
    int64_t bytes = image->channels * sample_bytes, sx, sy;
    Image upright;
    if (!image_allocate(&upright, w, h, bytes, error))
        return false;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            stored_place(orientation, w, h, x, y, &sx, &sy);
            memcpy(upright.pixels + (y * w + x) * bytes, image->pixels + (sy * image->width + sx) * bytes, (size_t)bytes);
        }
    upright.channels = image->channels;
    image_free(image);
    *image = upright;
    return true;
}

/* ── To RGB ──────────────────────────────────────────────────────────────────────────────────────────── */

static int multiply_255(int a, int b) /* a * b / 255, rounded */
{
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

static uint8_t clip_8(int value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

uint8_t sample_over_white(int sample, int alpha)
{
    enum { BITS = 7 };
    if (alpha == 0)
        return 255;
    int64_t weight = (int64_t)alpha * 255 * 255 * (1 << BITS) / (alpha * 255 + 255 * (255 - alpha));
    int64_t t = sample * weight + 255 * (255 * (1 << BITS) - weight) + (0x80 << BITS);
    return (uint8_t)((((t >> 8) + t) >> 8) >> BITS);
}

/* The pixel is PNG's transparent color. Of 16 bits Pillow compares the upper half of the samples with the lower half of
 * the color. */
static bool is_key(const Decoded *in, const uint8_t *p)
{
    return p[0] == (in->key[0] & 255) && p[1] == (in->key[1] & 255) && p[2] == (in->key[2] & 255);
}

/* One pixel of the file as RGB and alpha (255 where there is none). */
static void read_pixel(const Decoded *in, const uint8_t *p, uint8_t rgb[3], int *alpha)
{
    *alpha = 255;
    if (in->gray16) {
        rgb[0] = rgb[1] = rgb[2] = p[0] ? 255 : p[1];
    } else if (in->palette) {
        memcpy(rgb, in->colors + 3 * p[0], 3);
        if (in->has_transparent)
            *alpha = in->alphas[p[0]];
    } else if (in->cmyk) {
        int not_black = 255 - p[3];
        for (int c = 0; c < 3; c++)
            rgb[c] = clip_8(not_black - multiply_255(p[c], not_black));
    } else if (in->image.channels <= 2) {
        rgb[0] = rgb[1] = rgb[2] = p[0];
        if (in->image.channels == 2)
            *alpha = p[1];
        else if (in->has_transparent && p[0] == in->key[0])
            *alpha = 0;
    } else {
        memcpy(rgb, p, 3);
        if (in->image.channels == 4)
            *alpha = p[3];
        else if (in->has_transparent && is_key(in, p))
            *alpha = 0;
    }
}

static bool convert_to_rgb(Decoded *in, bool white, ImageError *error)
{
    Image rgb;
    const Image *from = &in->image;
    if (from->channels == 3 && !(white && in->has_transparent))
        return true;
    if (!image_allocate(&rgb, from->width, from->height, 3, error))
        return false;
    int64_t bytes = in->gray16 ? 2 : from->channels, n = from->width * from->height;
    for (int64_t i = 0; i < n; i++) {
        int alpha;
        uint8_t *to = rgb.pixels + 3 * i;
        read_pixel(in, from->pixels + bytes * i, to, &alpha);
        for (int c = 0; white && alpha < 255 && c < 3; c++)
            to[c] = sample_over_white(to[c], alpha);
    }
    image_free(&in->image);
    in->image = rgb;
    return true;
}

/* ── Decode ──────────────────────────────────────────────────────────────────────────────────────────── */

static bool starts_with(const uint8_t *bytes, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(bytes, magic, length) == 0;
}

/* Names what people mistake for pictures, so that the message helps. */
static bool refuse(const uint8_t *bytes, size_t size, ImageError *error)
{
    static const struct {
        const char *magic;
        size_t offset, length;
        cnxrt_status status;
        const char *name;
    } known[] = {
        {"GIF8", 0, 4, CNXRT_ERROR_UNSUPPORTED, "a GIF"},
        {"BM", 0, 2, CNXRT_ERROR_UNSUPPORTED, "a BMP"},
        {"II*\0", 0, 4, CNXRT_ERROR_UNSUPPORTED, "a TIFF"},
        {"MM\0*", 0, 4, CNXRT_ERROR_UNSUPPORTED, "a TIFF"},
        {"ftypavif", 4, 8, CNXRT_ERROR_UNSUPPORTED, "an AVIF picture"},
        {"ftyp", 4, 4, CNXRT_ERROR_UNSUPPORTED, "a HEIC picture or a film"},
        {"\0\0\0\x0cjP  ", 0, 8, CNXRT_ERROR_UNSUPPORTED, "JPEG 2000"},
        {"\xff\x0a", 0, 2, CNXRT_ERROR_UNSUPPORTED, "JPEG XL"},
        {"version https://git-lfs", 0, 23, CNXRT_ERROR_IMAGE, "a Git LFS pointer: fetch the file itself"},
        {"<!DOCTYPE", 0, 9, CNXRT_ERROR_IMAGE, "an HTML page"},
        {"<html", 0, 5, CNXRT_ERROR_IMAGE, "an HTML page"},
        {"\x1f\x8b", 0, 2, CNXRT_ERROR_IMAGE, "gzip data"},
        {"\x93NUMPY", 0, 6, CNXRT_ERROR_IMAGE, "a .npy file: give it with --input"},
    };
    if (size == 0)
        return image_fail(error, CNXRT_ERROR_IMAGE, "the file is empty");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (size >= known[i].offset &&
            starts_with(bytes + known[i].offset, size - known[i].offset, known[i].magic, known[i].length))
            return image_fail(error, known[i].status, "not a JPEG, PNG or WebP picture but %s", known[i].name);
    return image_fail(error, CNXRT_ERROR_IMAGE, "not a JPEG, PNG or WebP picture");
}

typedef bool Decoder(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error);

static Decoder *find_decoder(const uint8_t *bytes, size_t size)
{
    if (starts_with(bytes, size, "\xff\xd8\xff", 3))
        return jpeg_decode;
    if (starts_with(bytes, size, "\x89PNG\r\n\x1a\n", 8))
        return png_decode;
    bool webp = starts_with(bytes, size, "RIFF", 4) && size >= 12 && memcmp(bytes + 8, "WEBP", 4) == 0;
    return webp ? webp_decode : NULL;
}

bool image_is_known(const uint8_t *bytes, size_t size) { return find_decoder(bytes, size); }

static bool decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error)
{
    Decoder *decoder = find_decoder(bytes, size);
    return decoder ? decoder(bytes, size, decoded, error) : refuse(bytes, size, error);
}

static bool convert(Decoded *decoded, ImageMode mode, ImageError *error)
{
    bool plain = !decoded->gray16 && !decoded->palette && !decoded->cmyk && decoded->image.channels != 2;
    if (mode == IMAGE_NATIVE)
        return plain || image_fail(error, CNXRT_ERROR_UNSUPPORTED,
                                   "the model takes plain gray, RGB or RGBA pictures, this is another kind");
    return turn_upright(&decoded->image, decoded->orientation, decoded->gray16 ? 2 : 1, error) &&
           convert_to_rgb(decoded, mode == IMAGE_RGB_WHITE, error);
}

bool image_decode(const uint8_t *bytes, size_t size, ImageMode mode, Image *image, ImageError *error)
{
    Decoded decoded = {0};
    *error = (ImageError){0};
    *image = (Image){0};
    if (!decode(bytes, size, &decoded, error) || !convert(&decoded, mode, error)) {
        image_free(&decoded.image);
        return false;
    }
    *image = decoded.image;
    return true;
}
