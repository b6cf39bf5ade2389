/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* No allocation for decoded pictures once there was room: made by reserve, or by the largest picture. Counted by tests/failures/preload.c,
 * to which this is linked. */
#include "digits.h"
#include "tests/failures/preload.h"

#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 640, HEIGHT = 480, MOST = 4 };

static uint8_t pixels[WIDTH * HEIGHT * 4];
static long long counted;

static void require(int holds, const char *what, const digits_context *context)
{
    if (holds)
        return;
    printf("%s: %lld allocations; %s\n", what, counted, digits_context_error(context));
    exit(1);
}

static digits_image make_image(int64_t format, int64_t width, int64_t height)
{
    static const int64_t bytes[] = {0, 1, 3, 3, 4, 4, 1, 1};
    digits_image image = {sizeof image, format, width, height, {pixels, pixels, pixels}, {width * bytes[format]}, 0};
    return image;
}

/* All that there is for decoded pictures. */
static long long count_calls(digits_context *context, const digits_image *images, int64_t n)
{
    static float values[DIGITS_PIXEL_VALUES], logits[MOST * 10];
    digits_prediction best[MOST * 3];
    void *outputs[] = {logits};
    int64_t n_best;
    failures_begin(0);
    int ok = digits_prepare(context, images, values) == DIGITS_OK &&
             digits_run_images(context, images, n, outputs) == DIGITS_OK &&
             digits_classify_images(context, images, n, 3, best, &n_best) == DIGITS_OK;
    counted = failures_end();
    require(ok, "a call fails", context);
    return counted;
}

/* Every format and number of pictures, in sizes up to the largest. */
static void require_none(digits_context *context, const char *what)
{
    static const int64_t sizes[][2] = {{WIDTH, HEIGHT},     {2, 2},   {WIDTH, 2}, {2, HEIGHT}, {32, 32},
                                       {WIDTH - 2, HEIGHT}, {34, 480}};
    digits_image images[MOST];
    for (int64_t format = DIGITS_FORMAT_GRAY8; format <= DIGITS_FORMAT_I420; format++)
        for (int i = 0; i < 7; i++)
            for (int64_t n = 1; n <= MOST; n++) {
                for (int j = 0; j < n; j++)
                    images[j] = make_image(format, sizes[(i + j) % 7][0], sizes[(i + j) % 7][1]);
                require(count_calls(context, images, n) == 0, what, context);
            }
}

static void try_threads(int64_t n_threads, int reserves)
{
    digits_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    digits_image images[MOST];
    digits_model *model;
    digits_context *context;
    for (int i = 0; i < MOST; i++)
        images[i] = make_image(DIGITS_FORMAT_NV12, WIDTH, HEIGHT);
    if (digits_create(&options, &model) || digits_context_create(model, NULL, 0, &context))
        exit(1);
    if (reserves)
        require(digits_reserve(context, WIDTH, HEIGHT, MOST) == DIGITS_OK, "reserve fails", context);
    else
        require(count_calls(context, images, MOST) > 0, "nothing was counted", context);
    require_none(context, reserves ? "after reserve" : "after the largest");
    digits_context_destroy(context);
    digits_destroy(model);
}

int main(void)
{
    for (int64_t n_threads = 1; n_threads <= 6; n_threads += 5) {
        try_threads(n_threads, 0);
        try_threads(n_threads, 1);
    }
    puts("no allocation");
    return 0;
}
