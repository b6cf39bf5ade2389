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
