/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Classify the frames of a film, as ffmpeg or a camera gives them: raw pixels, one frame after another, on standard input.
 *
 *   cnxc compile models/digits --emit=static --prefix=digits -o libdigits.a      writes libdigits.h, too
 *   cc -I. examples/c/frames.c libdigits.a -lm -pthread -o frames
 *   ffmpeg -i film.mp4 -pix_fmt nv12 -f rawvideo - | ./frames nv12 1280 720
 *
 * All memory is had before the first frame. */
#include "libdigits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a frame whose planes follow one another, in a format as ffmpeg calls it; 0: another. */
static size_t describe(const char *format, uint8_t *pixels, digits_image *frame)
{
    size_t area = (size_t)frame->width * (size_t)frame->height;
    frame->planes[0] = pixels;
    frame->planes[1] = pixels + area;
    frame->planes[2] = pixels + area / 4 * 5;
    if (strcmp(format, "rgb24") == 0)
        return frame->format = DIGITS_FORMAT_RGB8, area * 3;
    if (strcmp(format, "nv12") == 0)
        return frame->format = DIGITS_FORMAT_NV12, area / 2 * 3;
    if (strcmp(format, "yuv420p") == 0)
        return frame->format = DIGITS_FORMAT_I420, area / 2 * 3;
    return 0;
}

static int classify_all(digits_context *context, const digits_image *frame, uint8_t *pixels, size_t bytes)
{
    digits_prediction best;
    int64_t n;
    for (long i = 0; fread(pixels, 1, bytes, stdin) == bytes; i++) {
        if (digits_classify_images(context, frame, 1, 1, &best, &n) != DIGITS_OK)
            return fprintf(stderr, "frame %ld: %s\n", i, digits_context_error(context)), 1;
        printf("%ld\t%s\t%.6f\n", i, best.label, (double)best.score);
    }
    return 0;
}

int main(int argc, char **argv)
{
    digits_image frame = {.struct_size = sizeof frame};
    digits_model *model;
    digits_context *context;
    frame.width = argc == 4 ? atoi(argv[2]) : 0;
    frame.height = argc == 4 ? atoi(argv[3]) : 0;
    if (frame.width < 1 || frame.width > 16384 || frame.height < 1 || frame.height > 16384)
        return fprintf(stderr, "usage: frames rgb24|nv12|yuv420p WIDTH HEIGHT < FRAMES\n"), 2;
    uint8_t *pixels = malloc((size_t)frame.width * (size_t)frame.height * 3);
    size_t bytes = pixels ? describe(argv[1], pixels, &frame) : 0;
    if (!bytes)
        return fprintf(stderr, "%s is no format that this program knows, or memory ran out\n", argv[1]), 2;
    if (digits_create(NULL, &model) != DIGITS_OK || digits_context_create(model, NULL, 0, &context) != DIGITS_OK)
        return fprintf(stderr, "%s\n", digits_last_error()), 1;
    int failed = digits_reserve(context, frame.width, frame.height, 1) != DIGITS_OK;
    if (failed)
        fprintf(stderr, "%s\n", digits_context_error(context));
    else
        failed = classify_all(context, &frame, pixels, bytes);
    digits_context_destroy(context);
    digits_destroy(model);
    free(pixels);
    return failed;
}
