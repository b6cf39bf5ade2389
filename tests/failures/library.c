/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Each allocation of a library's calls fails once: a status, nothing leaked, and the next try is right.
 *
 * Linked to libcnx-failures.so and a library made of models/digits with --prefix=digits: library PICTURE. Ends with
 * "N passed, N failed", where N counts the allocations. */
#include "digits.h"
#include "tests/failures/preload.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Picture {
    unsigned char bytes[1 << 16];
    size_t size;
    const char *path;
} Picture;

/* Decoded pictures, of other sizes each time, so that rooms grow. */
static digits_status use_frames(digits_context *context, const Picture *picture)
{
    digits_image rgb = {sizeof rgb, DIGITS_FORMAT_RGB8, 60, 70, {picture->bytes}, {0}, 0};
    digits_image images[] = {{sizeof rgb, DIGITS_FORMAT_NV12, 80, 64, {picture->bytes, picture->bytes}, {0}, 0}, rgb, rgb};
    float values[DIGITS_PIXEL_VALUES], logits[3 * 10];
    digits_prediction best[3 * 2];
    void *outputs[] = {logits};
    int64_t n;
    digits_status status = digits_prepare(context, &rgb, values);
    if (status == DIGITS_OK)
        status = digits_prepare_encoded(context, picture->bytes, picture->size, values);
    if (status == DIGITS_OK)
        status = digits_run_images(context, images, 2, outputs);
    if (status == DIGITS_OK)
        status = digits_classify_images(context, images, 3, 2, best, &n);
    return status == DIGITS_OK ? digits_reserve(context, 100, 100, 4) : status;
}

/* All that a caller does, by the picture's path or by its bytes; false: some call answered a status, which may only be that
 * memory or a thread was missing. */
static bool use(const Picture *picture, long long n_threads, bool *wrong)
{
    digits_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    digits_model *model = NULL;
    digits_context *context = NULL;
    digits_prediction best[3];
    int64_t n = 0;
    digits_status status = digits_create(&options, &model);
    if (status == DIGITS_OK)
        status = digits_context_create(model, NULL, 0, &context);
    if (status == DIGITS_OK)
        status = digits_classify_file(context, picture->path, 3, best, &n);
    if (status == DIGITS_OK)
        status = digits_classify_memory(context, picture->bytes, picture->size, 3, best, &n);
    if (status == DIGITS_OK)
        status = use_frames(context, picture);
    *wrong |= status == DIGITS_OK ? n != 3 || strcmp(best[0].label, "eight") != 0
                                  : status != DIGITS_ERROR_MEMORY && status != DIGITS_ERROR_THREADS;
    digits_context_destroy(context);
    digits_destroy(model);
    return status == DIGITS_OK;
}

static void sweep(const Picture *picture, long long n_threads, int *passed, int *failed)
{
    long long count;
    for (long long at = 1;; at++) {
        bool wrong = false;
        long long before = failures_live();
        failures_begin(at);
        bool ok = use(picture, n_threads, &wrong);
        count = failures_end();
        bool leaked = failures_live() != before;
        if (count < at)
            return; /* there are no more */
        wrong |= !use(picture, n_threads, &wrong);
        *(wrong || leaked ? failed : passed) += 1;
        if (wrong || leaked)
            printf("FAIL allocation %lld with %lld threads: %s%s%s\n", at, n_threads, wrong ? "a wrong status or answer" : "",
                   leaked ? " a leak" : "", ok ? "" : " (refused)");
    }
}

int main(int argc, char **argv)
{
    static Picture picture;
    int passed = 0, failed = 0;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        return 2;
    picture.path = argv[1];
    picture.size = fread(picture.bytes, 1, sizeof picture.bytes, file);
    fclose(file);
    bool wrong = false;
    if (!use(&picture, 3, &wrong) || wrong) /* what the C library allocates once and keeps */
        return 2;
    sweep(&picture, 1, &passed, &failed);
    sweep(&picture, 3, &passed, &failed);
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
