/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Masks: the class of each pixel as areas, as an indexed PNG, and over the picture. */
#ifndef CNXRT_CLI_MASKS_H
#define CNXRT_CLI_MASKS_H

#include "runtime/cli/cli.h"
#include "runtime/image/image.h"
#include "runtime/image/png_write.h"

/* A class's colour. */
void mask_color(int64_t class, uint8_t rgb[3]);

/* The share of the picture that each of n classes has. counts: room for n + 1. */
void mask_areas(const int32_t *labels, int64_t n_pixels, int64_t *counts, float *areas, int64_t n);

/* bytes NULL: out of memory. n: classes that there are. */
Png mask_encode(const int32_t *labels, int64_t width, int64_t height, int64_t n);
Png mask_overlay(const int32_t *labels, const Image *picture);

#endif
