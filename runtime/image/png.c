/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* PNG through libpng: samples as they are stored, unpacked to bytes but never scaled or blended, so that Pillow's own
 * conversions can follow. Text and colour profiles are never decompressed, so a bomb there is harmless; the one text
 * that may matter, an XMP packet, is read up to Pillow's limit. A file with less data than deflate needs at the least for its
 * rows is cut short for certain, and no row of it is read. */
#include "runtime/image/decode.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

enum {
    SIGNATURE_BYTES = 8,
    MAX_TEXT_BYTES = 1 << 20, /* decompressed; Pillow's MAX_TEXT_CHUNK */
};

typedef struct Reader {
    const uint8_t *bytes;
    size_t size, at;
    ImageError *error;
    bool out_of_memory;
    jmp_buf fail;
} Reader;

static void on_error(png_structp png, png_const_charp text)
{
    Reader *reader = png_get_error_ptr(png);
    image_fail(reader->error, reader->out_of_memory ? CNXRT_ERROR_MEMORY : CNXRT_ERROR_IMAGE, "PNG: %s", text);
    longjmp(reader->fail, 1);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static png_voidp on_allocate(png_structp png, png_alloc_size_t size)
{
    Reader *reader = png_get_mem_ptr(png);
    void *memory = malloc(size);
    reader->out_of_memory |= !memory;
    return memory;
}

static void on_free(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    Reader *reader = png_get_io_ptr(png);
    if (n > reader->size - reader->at)
        png_error(png, "the file is cut short");
    memcpy(to, reader->bytes + reader->at, n);
    reader->at += n;
}

/* ── Chunks that libpng does not get to see ──────────────────────────────────────────────────────────── */

/* At most limit bytes of what a zlib stream holds; returns how many, 0 if it holds more or is damaged. */
static size_t inflate_text(const uint8_t *bytes, size_t size, uint8_t *text, size_t limit)
{
    z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size, .next_out = text, .avail_out = (uInt)limit};
    if (inflateInit(&stream) != Z_OK)
        return 0;
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return status == Z_STREAM_END ? limit - stream.avail_out : 0;
}

/* The offset behind the next NUL, at most size. */
static size_t after_nul(const uint8_t *bytes, size_t size, size_t at)
{
    const uint8_t *nul = at < size ? memchr(bytes + at, 0, size - at) : NULL;
    return nul ? (size_t)(nul - bytes) + 1 : size;
}

/* iTXt: keyword NUL, compressed, method, language NUL, translated keyword NUL, text. */
static int text_orientation(const uint8_t *body, size_t size)
{
    static const char name[] = "XML:com.adobe.xmp";
    if (size < sizeof name + 2 || memcmp(body, name, sizeof name) != 0)
        return 0;
    size_t at = after_nul(body, size, after_nul(body, size, sizeof name + 2));
    if (!body[sizeof name])
        return xmp_orientation(body + at, size - at);
    uint8_t *text = malloc(MAX_TEXT_BYTES);
    size_t length = text ? inflate_text(body + at, size - at, text, MAX_TEXT_BYTES) : 0;
    int orientation = length ? xmp_orientation(text, length) : 0;
    free(text);
    return orientation;
}

typedef struct Chunk {
    const uint8_t *type, *body;
    size_t length;
} Chunk;

/* The whole chunk at *at, and *at behind it. */
static bool next_chunk(const uint8_t *bytes, size_t size, size_t *at, Chunk *chunk)
{
    if (*at + 12 > size)
        return false;
    const uint8_t *p = bytes + *at;
    *chunk = (Chunk){p + 4, p + 8, (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]};
    if (chunk->length > size - *at - 12)
        return false;
    *at += 12 + chunk->length;
    return true;
}

static bool is_type(const Chunk *chunk, const char *type) { return memcmp(chunk->type, type, 4) == 0; }

/* From eXIf or else XMP, wherever they stand. */
static int find_orientation(const uint8_t *bytes, size_t size)
{
    int exif = 0, xmp = 0;
    Chunk chunk;
    for (size_t at = SIGNATURE_BYTES; next_chunk(bytes, size, &at, &chunk);)
        if (is_type(&chunk, "eXIf"))
            exif = exif_orientation(chunk.body, chunk.length);
        else if (is_type(&chunk, "iTXt") && !xmp)
            xmp = text_orientation(chunk.body, chunk.length);
    return exif ? exif : xmp;
}

/* Whether there is data enough for so many bytes, if deflate does its best: 258 of them in two bits. */
static bool may_hold(const uint8_t *bytes, size_t size, double rows)
{
    double data = 0;
    Chunk chunk;
    for (size_t at = SIGNATURE_BYTES; next_chunk(bytes, size, &at, &chunk);)
        data += is_type(&chunk, "IDAT") ? (double)chunk.length : 0;
    return rows <= data * (258 * 8 / 2);
}

/* ── Decode ──────────────────────────────────────────────────────────────────────────────────────────── */

static void read_palette(png_structp png, png_infop info, Decoded *decoded)
{
    png_colorp colors;
    int n = 0;
    if (png_get_PLTE(png, info, &colors, &n))
        for (int i = 0; i < n && i < 256; i++) {
            decoded->colors[3 * i] = colors[i].red;
            decoded->colors[3 * i + 1] = colors[i].green;
            decoded->colors[3 * i + 2] = colors[i].blue;
        }
    decoded->palette = true;
}

static void read_transparency(png_structp png, png_infop info, Decoded *decoded)
{
    png_bytep alphas = NULL;
    png_color_16p key = NULL;
    int n = 0;
    if (!png_get_tRNS(png, info, &alphas, &n, &key))
        return;
    decoded->has_transparent = true;
    memset(decoded->alphas, 255, sizeof decoded->alphas);
    for (int i = 0; alphas && i < n && i < 256; i++)
        decoded->alphas[i] = alphas[i];
    bool is_gray = png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY;
    if (key)
        decoded->key[0] = is_gray ? key->gray : key->red, decoded->key[1] = key->green, decoded->key[2] = key->blue;
}

/* 0 … 2^depth - 1 to 0 … 255, for gray of 1, 2 and 4 bits. The transparent gray follows for 1 bit only: Pillow forgets
 * it for 2 and 4. */
static void widen_gray(Decoded *decoded, int depth)
{
    int factor = 255 / ((1 << depth) - 1);
    int64_t n = decoded->image.width * decoded->image.height;
    for (int64_t i = 0; i < n; i++)
        decoded->image.pixels[i] = (uint8_t)(decoded->image.pixels[i] * factor);
    if (depth == 1)
        decoded->key[0] = (uint16_t)(decoded->key[0] * factor);
}

/* Row by row: a list of rows may be larger than a narrow picture itself. */
static bool read_rows(png_structp png, Reader *reader, Decoded *decoded, int passes, int64_t sample_bytes)
{
    Image *image = &decoded->image;
    int64_t width = image->width, height = image->height, channels = image->channels;
    if (!image_allocate(image, width, height, channels * sample_bytes, reader->error))
        return false;
    image->channels = channels;
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < height; y++)
            png_read_row(png, image->pixels + y * width * channels * sample_bytes, NULL);
    return true;
}

/* Requires that reader->fail is set. */
static bool read_picture(png_structp png, png_infop info, Reader *reader, Decoded *decoded)
{
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1); /* all that this reader does not use */
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png, 1);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_read_info(png, info);
    int depth = png_get_bit_depth(png, info), type = png_get_color_type(png, info);
    decoded->image = (Image){.width = png_get_image_width(png, info),
                             .height = png_get_image_height(png, info),
                             .channels = png_get_channels(png, info)};
    if (!image_check_size(decoded->image.width, decoded->image.height, reader->error)) /* libpng goes on to allocate rows */
        return false;
    if (!may_hold(reader->bytes, reader->size, (double)png_get_rowbytes(png, info) * (double)decoded->image.height))
        png_error(png, "the file is cut short");
    if (type == PNG_COLOR_TYPE_PALETTE)
        read_palette(png, info, decoded);
    read_transparency(png, info, decoded);
    decoded->gray16 = depth == 16 && type == PNG_COLOR_TYPE_GRAY;
    if (depth < 8)
        png_set_packing(png);
    if (depth == 16 && !decoded->gray16)
        png_set_strip_16(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (!read_rows(png, reader, decoded, passes, decoded->gray16 ? 2 : 1))
        return false;
    png_read_end(png, NULL);
    if (depth < 8 && type == PNG_COLOR_TYPE_GRAY)
        widen_gray(decoded, depth);
    return true;
}

bool png_decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error)
{
    Reader reader = {.bytes = bytes, .size = size, .error = error};
    png_structp png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning, &reader, on_allocate, on_free);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return image_fail(error, CNXRT_ERROR_MEMORY, "out of memory");
    }
    if (setjmp(reader.fail)) {
        png_destroy_read_struct(&png, &info, NULL);
        return false;
    }
    png_set_read_fn(png, &reader, on_read);
    bool ok = read_picture(png, info, &reader, decoded);
    png_destroy_read_struct(&png, &info, NULL);
    if (ok)
        decoded->orientation = find_orientation(bytes, size);
    return ok;
}
