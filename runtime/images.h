/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Images: encoded or decoded pictures become the model's pixel values, and inputs of a run. */
#ifndef CNXRT_IMAGES_H
#define CNXRT_IMAGES_H

#include "runtime/internal.h"

/* Of a picture's file; user is unused. */
size_t picture_limit(const uint8_t *head, size_t n, void *user);

/* Whether it takes pictures, one at a time. */
cnxrt_status check_takes_pictures(cnxrt_context *context);

/* Inputs that may stay zero: only a loss depends on them. */
bool input_is_labels(const char *input);

/* Whether it takes n of them as one batch, and nothing else that must come from the caller. */
cnxrt_status check_runs_pictures(cnxrt_context *context, int64_t n);

/* pixels: one item of the model's pixel input. follow: of its largest size, and the picture may pick what runs until the
 * call, or the next run, ends. Requires check_takes_pictures. */
cnxrt_status picture_to_pixels(cnxrt_context *context, const uint8_t *bytes, size_t size, bool follow, float *pixels);

/* Its two steps, for who needs the picture itself, too. image: to be freed. */
cnxrt_status picture_decode(cnxrt_context *context, const uint8_t *bytes, size_t size, Image *image);
cnxrt_status image_to_pixels(cnxrt_context *context, const Image *image, bool follow, float *pixels);

/* What the image processor makes of an encoded picture; false: it can't be read. */
bool picture_size(cnxrt_context *context, const uint8_t *bytes, size_t size, int64_t *height, int64_t *width);

/* Buffers of the context's own for n items of each input, and of each output where they are wanted, too. */
cnxrt_status images_own(cnxrt_context *context, int64_t n, bool outputs);

/* A run on n decoded pictures. Requires check_runs_pictures. outputs: NULL, into the context's own. */
cnxrt_status images_run(cnxrt_context *context, const cnxrt_image *images, int64_t n, void *const *outputs);

#endif
