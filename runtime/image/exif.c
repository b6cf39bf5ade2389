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

static int entry_value(const Tiff *tiff, size_t entry)
{
    enum { BYTE = 1, SHORT = 3, LONG = 4 };
    uint32_t type = get(tiff, entry + 2, 2), value = 0;
    if (get(tiff, entry + 4, 4) != 1)
        return 0;
    if (type == BYTE || type == SHORT || type == LONG)
        value = get(tiff, entry + 8, (int)type == LONG ? 4 : (int)type == SHORT ? 2 : 1);
    return value >= 1 && value <= 8 ? (int)value : 0;
}

int exif_orientation(const uint8_t *bytes, size_t size)
{
    if (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0)
        bytes += 6, size -= 6;
    if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return 0;
    Tiff tiff = {bytes, size, bytes[0] == 'M'};
    size_t directory = get(&tiff, 4, 4);
    if (directory > size - 2)
        return 0;
    size_t count = get(&tiff, directory, 2);
    for (size_t i = 0, entry = directory + 2; i < count && entry <= size - 8 && size - entry >= 12; i++, entry += 12)
        if (get(&tiff, entry, 2) == 0x0112)
            return entry_value(&tiff, entry);
    return 0;
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
