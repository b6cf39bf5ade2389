/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Masks: what is made of the class of each pixel.
 *
 *   3 3 3 7      areas    3: 0.75, 7: 0.25
 *                mask     an indexed PNG: pixels 3 3 3 7, colour i is class i's; of classes beyond 255 gray of 16 bits
 *                overlay  the picture, half of it each class's colour
 *
 * Colours are those of PASCAL VOC's masks: three bits of a class's number at a time are the highest bits of red, green and blue, then
 * the next ones. Classes 0 to 3 are black, maroon, green and olive. */
#include "runtime/cli/masks.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_COLORS = 256 };

void mask_color(int64_t class, uint8_t rgb[3])
{
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (int bit = 7; bit >= 0; bit--, class >>= 3)
        for (int c = 0; c < 3; c++)
            rgb[c] |= (uint8_t)((class >> c & 1) << bit);
}

void mask_areas(const int32_t *labels, int64_t n_pixels, int64_t *counts, float *areas, int64_t n)
{
    memset(counts, 0, (size_t)(n + 1) * sizeof *counts);
    for (int64_t i = 0; i < n_pixels; i++)
        counts[labels[i] >= 0 && labels[i] < n ? labels[i] : n]++;
    for (int64_t i = 0; i < n; i++)
        areas[i] = (float)((double)counts[i] / (double)n_pixels);
}

/* A graph's labels may be beyond its classes: 255 is what training ignores. */
static int64_t colors_of(const int32_t *labels, int64_t n_pixels, int64_t n)
{
    for (int64_t i = 0; i < n_pixels; i++) {
        int64_t needs = labels[i] < 0 ? MOST_COLORS : (int64_t)labels[i] + 1;
        n = needs > n ? needs : n;
    }
    return n;
}

Png mask_encode(const int32_t *labels, int64_t width, int64_t height, int64_t n)
{
    uint8_t colors[3 * MOST_COLORS];
    int64_t count = width * height, n_colors = colors_of(labels, count, n);
    PngKind kind = n_colors <= MOST_COLORS ? PNG_INDEXED : PNG_GRAY16;
    int64_t bytes = png_pixel_bytes(kind);
    uint8_t *pixels = malloc((size_t)(count * bytes));
    for (int64_t i = 0; i < MOST_COLORS; i++)
        mask_color(i, colors + 3 * i);
    for (int64_t i = 0; pixels && i < count; i++) {
        if (bytes == 2)
            pixels[2 * i] = (uint8_t)(labels[i] >> 8);
        pixels[(i + 1) * bytes - 1] = (uint8_t)labels[i];
    }
    Png png = pixels ? png_encode(kind, width, height, pixels, colors, n_colors) : (Png){0};
    free(pixels);
    return png;
}

/* Gray pictures have one channel, else the first three count. */
Png mask_overlay(const int32_t *labels, const Image *picture)
{
    int64_t width = picture->width, height = picture->height, channels = picture->channels;
    uint8_t *pixels = malloc((size_t)(width * height * 3)), *to = pixels, color[3];
    for (int64_t y = 0; pixels && y < height; y++) {
        const uint8_t *from = picture->pixels + y * picture->row;
        for (int64_t x = 0; x < width; x++, from += channels, to += 3) {
            mask_color(*labels++, color);
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)((from[channels < 3 ? 0 : c] + color[c] + 1) / 2);
        }
    }
    Png png = pixels ? png_encode(PNG_RGB, width, height, pixels, NULL, 0) : (Png){0};
    free(pixels);
    return png;
}
