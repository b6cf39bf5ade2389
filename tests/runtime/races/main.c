/* Runs models/digits with one to four threads, by several callers at once, each with a context of its own; the answers must be
 * the same bits. Built by run.sh with ThreadSanitizer in the runtime and in the generated code. */
#include "runtime/api.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 7, PIXELS = 3 * 32 * 32, LABELS = 10, CALLERS = 3, RUNS = 6 };

static cnxrt_model *model;
static float pictures[BATCH][PIXELS], expected[BATCH][LABELS];

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

static void *call(void *unused)
{
    cnxrt_context *context;
    float answers[BATCH][LABELS];
    require(cnxrt_context_create(model, NULL, 0, &context) == CNXRT_OK, "no context");
    for (int i = 0; i < RUNS; i++) {
        int64_t batch = 1 + i % BATCH;
        run(context, batch, answers);
        require(memcmp(answers, expected, (size_t)batch * sizeof *answers) == 0, "the answers differ");
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
    if (n_threads == 1)
        run(context, BATCH, expected);
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
    for (int64_t n = 1; n <= 4; n++)
        try_threads(n);
    return 0;
}
