/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What image.c and the decoders of the single formats share. */
#ifndef CNXRT_IMAGE_DECODE_H
#define CNXRT_IMAGE_DECODE_H

#include "runtime/image/image.h"

/* A decoded file before orientation and conversion. */
typedef struct Decoded {
    Image image;          /* 1, 2, 3 or 4 channels; cmyk: 4 */
    bool cmyk;            /* 255 is full ink (Adobe's inversion is undone) */
    bool gray16;          /* pixels hold big-endian pairs of one gray channel */
    bool palette;         /* pixels hold indices into colors */
    uint8_t colors[256 * 3];
    bool has_transparent; /* PNG's tRNS on palette, gray or RGB */
    uint8_t alphas[256];  /* of palette entries */
    uint16_t key[3];      /* the transparent gray or RGB value, in file depth scaled like the samples */
    int orientation;      /* EXIF 1 … 8; 0: none */
} Decoded;

bool jpeg_decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error);
bool png_decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error);
bool webp_decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error);

/* Pillow's alpha_composite on opaque white; alpha below 255. */
uint8_t sample_over_white(int sample, int alpha);

/* Orientation from a TIFF block (with or without "Exif\0\0" before it) or from an XMP packet; 0: it has none. */
int exif_orientation(const uint8_t *bytes, size_t size);
int xmp_orientation(const uint8_t *bytes, size_t size);

#endif
