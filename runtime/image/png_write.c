/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Writing PNG: what little of the format masks and overlays need, so that programs do without libpng's writer.
 *
 *   signature │ IHDR size, depth, kind │ PLTE colours │ IDAT zlib of (filter, row) … │ IEND
 *
 * Rows of indices are stored as they are; those of colours as differences to the pixel before (filter 1), which deflate better. */
#include "runtime/image/png_write.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum { CHUNK_FRAME = 12, HEADER = 13, LEVEL = 5, MOST_COLORS = 256 };
static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

int64_t png_pixel_bytes(PngKind kind) { return kind == PNG_INDEXED ? 1 : kind == PNG_GRAY16 ? 2 : 3; }

static void put_u32(uint8_t *to, size_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A chunk whose data stand at png's end + 8 already. */
static void end_chunk(Png *png, const char type[4], size_t length)
{
    uint8_t *at = png->bytes + png->size;
    put_u32(at, length);
    memcpy(at + 4, type, 4);
    put_u32(at + 8 + length, crc32(0, at + 4, (uInt)(length + 4)));
    png->size += length + CHUNK_FRAME;
}

static void put_header(Png *png, PngKind kind, int64_t width, int64_t height)
{
    static const uint8_t depth[] = {8, 16, 8}, type[] = {3, 0, 2};
    uint8_t *data = png->bytes + png->size + 8;
    memset(data, 0, HEADER);
    put_u32(data, (size_t)width);
    put_u32(data + 4, (size_t)height);
    data[8] = depth[kind];
    data[9] = type[kind];
    end_chunk(png, "IHDR", HEADER);
}

static void put_row(uint8_t *line, const uint8_t *row, size_t length, PngKind kind)
{
    size_t before = kind == PNG_RGB ? 3 : 0;
    line[0] = before > 0;
    memcpy(line + 1, row, before ? before : length);
    for (size_t i = before; before && i < length; i++)
        line[1 + i] = (uint8_t)(row[i] - row[i - before]);
}

/* All rows, one by one through line; the zlib stream's length, or 0. */
static size_t deflate_rows(uint8_t *to, size_t room, const uint8_t *pixels, size_t length, int64_t height, PngKind kind,
                           uint8_t *line)
{
    z_stream stream = {.next_out = to, .avail_out = (uInt)room};
    if (deflateInit(&stream, LEVEL) != Z_OK)
        return 0;
    int status = Z_OK;
    for (int64_t y = 0; y < height && status == Z_OK; y++) {
        put_row(line, pixels + (size_t)y * length, length, kind);
        stream.next_in = line;
        stream.avail_in = (uInt)(length + 1);
        status = deflate(&stream, y + 1 < height ? Z_NO_FLUSH : Z_FINISH);
    }
    size_t written = room - stream.avail_out;
    deflateEnd(&stream);
    return status == Z_STREAM_END ? written : 0;
}

Png png_encode(PngKind kind, int64_t width, int64_t height, const uint8_t *pixels, const uint8_t *colors, int64_t n_colors)
{
    Png png = {0};
    size_t length = (size_t)(width * png_pixel_bytes(kind)), rows = (length + 1) * (size_t)height;
    size_t room = rows + rows / 1000 + 4096; /* more than deflateBound asks for */
    uint8_t *line = malloc(length + 1);
    png.bytes = room < UINT32_MAX ? malloc(sizeof signature + HEADER + 3 * MOST_COLORS + room + 4 * CHUNK_FRAME) : NULL;
    if (png.bytes && line) {
        memcpy(png.bytes, signature, png.size = sizeof signature);
        put_header(&png, kind, width, height);
        if (kind == PNG_INDEXED) {
            memcpy(png.bytes + png.size + 8, colors, (size_t)n_colors * 3);
            end_chunk(&png, "PLTE", (size_t)n_colors * 3);
        }
        size_t written = deflate_rows(png.bytes + png.size + 8, room, pixels, length, height, kind, line);
        end_chunk(&png, "IDAT", written);
        end_chunk(&png, "IEND", 0);
        png.size = written ? png.size : 0;
    }
    free(line);
    if (png.size)
        return png;
    free(png.bytes);
    return (Png){0};
}
