/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Runs models/digits with one to four threads, by several callers at once, each with a context of its own; the answers must be
 * the same bits. Built by run.sh with ThreadSanitizer in the runtime and in the generated code. */
#include "runtime/api.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 7, PIXELS = 3 * 32 * 32, LABELS = 10, CALLERS = 3, RUNS = 6, SIDE = 40 };

static cnxrt_model *model;
static float pictures[BATCH][PIXELS], expected[BATCH][LABELS], expected_of_frames[BATCH][LABELS];
static uint8_t frames[BATCH][SIDE * SIDE * 3 / 2];

static void require(int holds, const char *what)
{
    if (holds)
        return;
    printf("%s\n", what);
    exit(1);
}

static void run(cnxrt_context *context, int64_t batch, float answers[BATCH][LABELS])
{
    const void *inputs[] = {pictures};
    void *outputs[] = {answers};
    require(cnxrt_run(context, inputs, batch, outputs) == CNXRT_OK, "a run fails");
}

/* Prepared by all threads. */
static void run_frames(cnxrt_context *context, float answers[BATCH][LABELS])
{
    cnxrt_image images[BATCH];
    void *outputs[] = {answers};
    for (int i = 0; i < BATCH; i++)
        images[i] =
            (cnxrt_image){sizeof *images, CNXRT_FORMAT_NV12, SIDE, SIDE, {frames[i], frames[i] + SIDE * SIDE, NULL}, {0}, i % 4};
    require(cnxrt_run_images(context, images, BATCH, outputs) == CNXRT_OK, "a run on pictures fails");
}

static void *call(void *unused)
{
    cnxrt_context *context;
    float answers[BATCH][LABELS];
    require(cnxrt_context_create(model, NULL, 0, &context) == CNXRT_OK, "no context");
    for (int i = 0; i < RUNS; i++) {
        int64_t batch = 1 + i % BATCH;
        run(context, batch, answers);
        require(memcmp(answers, expected, (size_t)batch * sizeof *answers) == 0, "the answers differ");
        run_frames(context, answers);
        require(memcmp(answers, expected_of_frames, sizeof answers) == 0, "the answers for pictures differ");
    }
    cnxrt_context_destroy(context);
    return unused;
}

static void try_threads(int64_t n_threads)
{
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    cnxrt_context *context;
    pthread_t callers[CALLERS];
    require(cnxrt_create(&options, &model) == CNXRT_OK, "no model");
    require(cnxrt_context_create(model, NULL, 0, &context) == CNXRT_OK, "no context");
    if (n_threads == 1) {
        run(context, BATCH, expected);
        run_frames(context, expected_of_frames);
    }
    cnxrt_context_destroy(context);
    for (int i = 0; i < CALLERS; i++)
        require(pthread_create(&callers[i], NULL, call, NULL) == 0, "no thread");
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    cnxrt_destroy(model);
}

int main(void)
{
    for (int i = 0; i < BATCH * PIXELS; i++)
        pictures[i / PIXELS][i % PIXELS] = (float)(i * 37 % 101) / 50 - 1;
    for (size_t i = 0; i < sizeof frames; i++)
        frames[0][i] = (uint8_t)(i * 2654435761u >> 24);
    for (int64_t n = 1; n <= 4; n++)
        try_threads(n);
    return 0;
}
