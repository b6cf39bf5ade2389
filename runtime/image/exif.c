/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* EXIF: one number is wanted, tag 0x0112 of the first directory of a TIFF block.
 *
 *   "Exif\0\0"?  "II*\0" or "MM\0*"  offset of IFD0 → count, then 12 bytes an entry: tag, type, count, value
 *
 * XMP packets carry the same as tiff:Orientation="6" or <tiff:Orientation>6<; read only where EXIF has none. */
#define _GNU_SOURCE
#include "runtime/image/decode.h"

#include <string.h>

typedef struct Tiff {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
} Tiff;

static uint32_t get(const Tiff *tiff, size_t at, int n)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value |= (uint32_t)tiff->bytes[at + (size_t)i] << 8 * (tiff->big_endian ? n - 1 - i : i);
    return value;
}

/* The first value of a tag, or 1, "upright", for what is there but means nothing: it hides XMP all the same. */
static int meaning(const Tiff *tiff, uint32_t type, size_t at, int width)
{
    enum { SHORT = 3, LONG = 4, SBYTE = 6, SSHORT = 8, SLONG = 9 };
    bool whole = type == SHORT || type == LONG || type == SBYTE || type == SSHORT || type == SLONG;
    uint32_t value = whole ? get(tiff, at, width) : 1;
    return value >= 1 && value <= 8 ? (int)value : 1;
}

/* Pillow skips entries of unknown types, without values, or of more bytes than the block has; an entry that points
 * outside ends the directory. The first orientation counts. */
static int directory_orientation(const Tiff *tiff, size_t directory)
{
    static const uint8_t widths[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    uint64_t total = 0;
    size_t count = get(tiff, directory, 2), entry = directory + 2;
    for (size_t i = 0; i < count && tiff->size - entry >= 12; i++, entry += 12) {
        uint32_t type = get(tiff, entry + 2, 2);
        uint64_t bytes = type < sizeof widths ? (uint64_t)get(tiff, entry + 4, 4) * widths[type] : 0;
        uint64_t at = bytes <= 4 ? entry + 8 : get(tiff, entry + 8, 4);
        total += bytes > 4 ? bytes : 0;
        if (bytes == 0 || (bytes > 4 && total > tiff->size))
            continue;
        if (at > tiff->size || bytes > tiff->size - at)
            return 0;
        if (get(tiff, entry, 2) == 0x0112)
            return meaning(tiff, type, at, widths[type]);
    }
    return 0;
}

int exif_orientation(const uint8_t *bytes, size_t size)
{
    if (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0)
        bytes += 6, size -= 6;
    if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return 0;
    Tiff tiff = {bytes, size, bytes[0] == 'M'};
    size_t directory = get(&tiff, 4, 4);
    return directory <= size - 2 ? directory_orientation(&tiff, directory) : 0;
}

int xmp_orientation(const uint8_t *bytes, size_t size)
{
    static const char tag[] = "tiff:Orientation";
    for (const uint8_t *at = bytes; at && size - (size_t)(at - bytes) > sizeof tag + 2;) {
        at = memmem(at, size - (size_t)(at - bytes), tag, sizeof tag - 1);
        if (!at)
            return 0;
        at += sizeof tag - 1;
        size_t left = size - (size_t)(at - bytes);
        size_t skip = left > 2 && memcmp(at, "=\"", 2) == 0 ? 2 : left > 1 && *at == '>' ? 1 : 0;
        if (skip && at[skip] >= '0' && at[skip] <= '9')
            return at[skip] - '0';
    }
    return 0;
}
