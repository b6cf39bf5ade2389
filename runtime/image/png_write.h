/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* PNG files of masks and pictures. */
#ifndef CNXRT_IMAGE_PNG_WRITE_H
#define CNXRT_IMAGE_PNG_WRITE_H

#include <stddef.h>
#include <stdint.h>

typedef struct Png {
    uint8_t *bytes; /* malloc'ed; NULL: out of memory */
    size_t size;
} Png;

/* What a pixel is: an index of up to 256 colours, a gray value of 16 bits (big-endian), or R, G and B. */
typedef enum PngKind { PNG_INDEXED, PNG_GRAY16, PNG_RGB } PngKind;

int64_t png_pixel_bytes(PngKind kind);

/* pixels: height rows of width pixels. colors: 3 bytes each of n_colors, of PNG_INDEXED. */
Png png_encode(PngKind kind, int64_t width, int64_t height, const uint8_t *pixels, const uint8_t *colors, int64_t n_colors);

#endif
