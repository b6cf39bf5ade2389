/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Batches of every size on 1 to 5 threads, the library's own and the caller's, in a workspace of just the size that the header
 * says: the same bits as each picture alone, and not a byte written past the workspace. */
#include "digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 9, PIXELS = 3 * 32 * 32, LABELS = 10, MOST_THREADS = 5, GUARD = 64 };

static float pictures[MOST][PIXELS], alone[MOST][LABELS], answers[MOST][LABELS];

static void require(int holds, const char *what, long long batch, long long threads)
{
    if (holds)
        return;
    printf("%s: batch %lld, %lld threads\n", what, batch, threads);
    exit(1);
}

/* As bad as allowed: one thread does it all, backwards. */
static void backwards(void *user, int64_t n, void (*body)(void *argument, int64_t i), void *argument)
{
    ++*(int *)user;
    while (n-- > 0)
        body(argument, n);
}

static void try_batches(int64_t threads, digits_parallel_for parallel_for)
{
    int calls = 0;
    digits_options options = {
        .struct_size = sizeof options, .n_threads = threads, .parallel_for = parallel_for, .parallel_user = &calls};
    digits_model *model;
    digits_context *context;
    size_t bytes = DIGITS_WORKSPACE_BYTES(threads);
    require(digits_create(&options, &model) == DIGITS_OK, "no model", 0, threads);
    require(bytes >= digits_workspace_bytes(model), "the header's workspace is too small", 0, threads);
    unsigned char *workspace = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    memset(workspace + bytes, 0xa5, GUARD);
    require(digits_context_create(model, workspace, bytes, &context) == DIGITS_OK, "no context", 0, threads);
    for (int64_t batch = 1; batch <= MOST; batch++) {
        const void *inputs[] = {pictures};
        void *outputs[] = {answers};
        memset(answers, 0xff, sizeof answers);
        require(digits_run(context, inputs, batch, outputs) == DIGITS_OK, "a run fails", batch, threads);
        require(memcmp(answers, alone, (size_t)batch * sizeof *answers) == 0, "other bits", batch, threads);
    }
    for (int i = 0; i < GUARD; i++)
        require(workspace[bytes + i] == 0xa5, "written past the workspace", 0, threads);
    require(!parallel_for || calls > 0, "parallel_for was not called", 0, threads);
    digits_context_destroy(context);
    digits_destroy(model);
    free(workspace);
}

int main(void)
{
    digits_model *model;
    digits_context *context;
    for (int i = 0; i < MOST * PIXELS; i++)
        pictures[0][i] = (float)(i * 2654435761u >> 8) * 0x1p-23f - 1;
    require(digits_create(NULL, &model) == DIGITS_OK && digits_context_create(model, NULL, 0, &context) == DIGITS_OK, "no model",
            0, 0);
    for (int i = 0; i < MOST; i++) {
        const void *inputs[] = {pictures[i]};
        void *outputs[] = {alone[i]};
        require(digits_run(context, inputs, 1, outputs) == DIGITS_OK, "a run fails", 1, 1);
    }
    digits_context_destroy(context);
    digits_destroy(model);
    for (int64_t threads = 1; threads <= MOST_THREADS; threads++) {
        try_batches(threads, NULL);
        try_batches(threads, backwards);
    }
    printf("%s: the same bits\n", DIGITS_BY_IMAGE ? "by image" : "by rows");
    return 0;
}
