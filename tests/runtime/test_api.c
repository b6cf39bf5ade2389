/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The C API on a hand-written model: answers, statuses for every misuse, threads, the caller's own threads. */
#include "runtime/api.h"
#include "tests/runtime/fake_model.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BATCH = 5, PIXELS = 3 * 8 * 8 };

typedef struct Run {
    float pixels[BATCH * PIXELS];
    int64_t labels[BATCH];
    float logits[BATCH * FAKE_CLASSES];
    float loss;
    const void *inputs[2];
    void *outputs[2];
} Run;

static void make_run(Run *run)
{
    *run = (Run){.inputs = {run->pixels, run->labels}, .outputs = {run->logits, &run->loss}};
    for (int i = 0; i < BATCH * PIXELS; i++)
        run->pixels[i] = (float)(i * 7 % 13) * 0.05f + (i / 64 % 3 == i / PIXELS % 3 ? 0.3f : 0);
    for (int i = 0; i < BATCH; i++)
        run->labels[i] = i % FAKE_CLASSES;
}

static void open_model(const cnxrt_options *options, cnxrt_model **model, cnxrt_context **context)
{
    assert_int_equal(cnxrt_create(options, model), CNXRT_OK);
    assert_int_equal(cnxrt_context_create(*model, NULL, 0, context), CNXRT_OK);
}

static void close_model(cnxrt_model *model, cnxrt_context *context)
{
    cnxrt_context_destroy(context);
    cnxrt_destroy(model);
}

/* ── Answers ─────────────────────────────────────────────────────────────────────────────────────────── */

static void test_answer(void **state)
{
    cnxrt_model *model;
    cnxrt_context *context;
    Run run;
    (void)state;
    make_run(&run);
    open_model(NULL, &model, &context);
    assert_int_equal(cnxrt_run(context, run.inputs, BATCH, run.outputs), CNXRT_OK);
    double losses = 0;
    for (int b = 0; b < BATCH; b++) {
        double logits[FAKE_CLASSES], sum = 0;
        for (int c = 0; c < FAKE_CLASSES; c++) {
            logits[c] = fake_weights.w[4 * c + 3];
            for (int i = 0; i < PIXELS; i++)
                logits[c] += (double)fake_weights.w[4 * c + i / 64] * run.pixels[b * PIXELS + i] / 64;
            sum += exp(logits[c]);
            assert_float_equal(run.logits[b * FAKE_CLASSES + c], logits[c], 1e-5);
        }
        losses += log(sum) - logits[b % FAKE_CLASSES];
    }
    assert_float_equal(run.loss, losses / BATCH, 1e-5);
    assert_string_equal(cnxrt_context_error(context), "");
    close_model(model, context);
}

/* One thread, several, more than chunks: the same bits. */
static void test_threads_agree(void **state)
{
    static const int64_t counts[] = {1, 2, 3, 7, 40};
    float expected[BATCH * FAKE_CLASSES];
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        cnxrt_options options = {.struct_size = sizeof options, .n_threads = counts[i]};
        cnxrt_model *model;
        cnxrt_context *context;
        Run run;
        make_run(&run);
        open_model(&options, &model, &context);
        for (int again = 0; again < 20; again++)
            assert_int_equal(cnxrt_run(context, run.inputs, BATCH, run.outputs), CNXRT_OK);
        if (i == 0)
            memcpy(expected, run.logits, sizeof expected);
        assert_memory_equal(expected, run.logits, sizeof expected);
        close_model(model, context);
    }
}

typedef struct Share {
    void (*body)(void *, int64_t);
    void *argument;
    int64_t i;
} Share;

/* Threads that are taken off their processors leave the run, and the answers stay. */
static void test_stalls(void **state)
{
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = 4};
    cnxrt_model *model;
    cnxrt_context *context;
    Run run, stalled;
    (void)state;
    make_run(&run);
    make_run(&stalled);
    open_model(&options, &model, &context);
    assert_int_equal(cnxrt_run(context, run.inputs, BATCH, run.outputs), CNXRT_OK);
    fake_stall_us = 3000;
    for (int i = 0; i < BATCH; i++)
        atomic_store(&fake_shares[i], 0);
    assert_int_equal(cnxrt_run(context, stalled.inputs, BATCH, stalled.outputs), CNXRT_OK);
    fake_stall_us = 0;
    assert_int_equal(fake_shares[0], 4);
    assert_int_equal(fake_shares[BATCH - 1], 1);
    assert_memory_equal(stalled.logits, run.logits, sizeof run.logits);
    assert_memory_equal(&stalled.loss, &run.loss, sizeof run.loss);
    close_model(model, context);
}

static void *run_share(void *share)
{
    Share *s = share;
    s->body(s->argument, s->i);
    return NULL;
}

/* An embedder's parallel_for: new threads each time, and it counts its calls. */
static void own_threads(void *user, int64_t n, void (*body)(void *, int64_t), void *argument)
{
    pthread_t threads[8];
    Share shares[8];
    ++*(int *)user;
    for (int64_t i = 0; i < n; i++) {
        shares[i] = (Share){body, argument, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_share, &shares[i]), 0);
    }
    for (int64_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void test_parallel_for(void **state)
{
    int calls = 0;
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = 3, .parallel_for = own_threads, .parallel_user = &calls};
    cnxrt_model *model;
    cnxrt_context *context;
    Run run, plain;
    (void)state;
    make_run(&run);
    open_model(&options, &model, &context);
    assert_int_equal(cnxrt_run(context, run.inputs, BATCH, run.outputs), CNXRT_OK);
    close_model(model, context);
    assert_int_equal(calls, 2 + 2 * BATCH); /* begin, end, and two phases an image */
    make_run(&plain);
    open_model(NULL, &model, &context);
    assert_int_equal(cnxrt_run(context, plain.inputs, BATCH, plain.outputs), CNXRT_OK);
    close_model(model, context);
    assert_memory_equal(run.logits, plain.logits, sizeof run.logits);
}

/* ── Misuse ──────────────────────────────────────────────────────────────────────────────────────────── */

static void test_options(void **state)
{
    cnxrt_model *model;
    (void)state;
    assert_int_equal(cnxrt_create(NULL, NULL), CNXRT_ERROR_ARGUMENT);
    cnxrt_options options = {.struct_size = 0};
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_ERROR_ARGUMENT);
    assert_null(model);
    options = (cnxrt_options){.struct_size = sizeof options, .n_threads = -1};
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_ERROR_ARGUMENT);
    options.n_threads = CNXRT_MAX_THREADS + 1;
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_ERROR_ARGUMENT);
    options = (cnxrt_options){.struct_size = sizeof options, .weights_path = "/nonexistent/weights"};
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_ERROR_FILE);
    options.struct_size = offsetof(cnxrt_options, weights_path); /* an older caller: later fields are not read */
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_OK);
    cnxrt_destroy(model);
    cnxrt_destroy(NULL);
    cnxrt_context_destroy(NULL);
}

static void test_buffers(void **state)
{
    cnxrt_model *model;
    cnxrt_context *context;
    Run run;
    (void)state;
    make_run(&run);
    open_model(NULL, &model, &context);
    assert_int_equal(cnxrt_run(NULL, run.inputs, 1, run.outputs), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run(context, NULL, 1, run.outputs), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run(context, run.inputs, 1, NULL), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run(context, run.inputs, 0, run.outputs), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run(context, run.inputs, INT64_MAX, run.outputs), CNXRT_ERROR_ARGUMENT);
    const void *none[2] = {run.pixels, NULL};
    assert_int_equal(cnxrt_run(context, none, 1, run.outputs), CNXRT_ERROR_ARGUMENT);
    assert_non_null(strstr(cnxrt_context_error(context), "labels"));
    const void *odd[2] = {(char *)run.pixels + 1, run.labels};
    assert_int_equal(cnxrt_run(context, odd, 1, run.outputs), CNXRT_ERROR_ALIGNMENT);
    void *same[2] = {run.pixels, &run.loss};
    assert_int_equal(cnxrt_run(context, run.inputs, 1, same), CNXRT_ERROR_OVERLAP);
    void *tail[2] = {run.logits, run.logits + 3}; /* the last logit of the first image */
    assert_int_equal(cnxrt_run(context, run.inputs, 1, tail), CNXRT_ERROR_OVERLAP);
    void *behind[2] = {run.logits, run.logits + 4};
    assert_int_equal(cnxrt_run(context, run.inputs, 1, behind), CNXRT_OK);
    assert_int_equal(cnxrt_run(context, run.inputs, 2, behind), CNXRT_ERROR_OVERLAP);
    close_model(model, context);
}

static void test_workspace(void **state)
{
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = 2};
    cnxrt_model *model;
    cnxrt_context *context;
    Run run;
    (void)state;
    make_run(&run);
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_OK);
    size_t bytes = cnxrt_workspace_bytes(model);
    uint8_t *workspace = aligned_alloc(CNXRT_WORKSPACE_ALIGNMENT, bytes + CNXRT_WORKSPACE_ALIGNMENT);
    assert_int_equal(cnxrt_context_create(model, NULL, 0, NULL), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_context_create(NULL, NULL, 0, &context), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_context_create(model, workspace, bytes - 1, &context), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_context_create(model, workspace + 8, bytes, &context), CNXRT_ERROR_ALIGNMENT);
    assert_null(context);
    assert_int_equal(cnxrt_context_create(model, workspace, bytes, &context), CNXRT_OK);
    assert_int_equal(cnxrt_run(context, run.inputs, BATCH, run.outputs), CNXRT_OK);
    void *inside[2] = {workspace, &run.loss};
    assert_int_equal(cnxrt_run(context, run.inputs, 1, inside), CNXRT_ERROR_OVERLAP);
    close_model(model, context);
    free(workspace);
}

/* ── One context, two threads ────────────────────────────────────────────────────────────────────────── */

typedef struct Fight {
    cnxrt_context *context;
    atomic_int ok, busy, other;
} Fight;

static void *fight(void *argument)
{
    Fight *f = argument;
    Run *run = malloc(sizeof *run);
    make_run(run);
    for (int i = 0; i < 300; i++) {
        cnxrt_status status = cnxrt_run(f->context, run->inputs, BATCH, run->outputs);
        atomic_fetch_add(status == CNXRT_OK ? &f->ok : status == CNXRT_ERROR_BUSY ? &f->busy : &f->other, 1);
    }
    free(run);
    return NULL;
}

static void test_shared_context(void **state)
{
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = 2};
    cnxrt_model *model;
    Fight f = {0};
    pthread_t threads[3];
    (void)state;
    open_model(&options, &model, &f.context);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fight, &f), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(f.other, 0);
    assert_true(f.ok >= 1);
    assert_int_equal(f.ok + f.busy, 900);
    close_model(model, f.context);
}

/* ── Classify ────────────────────────────────────────────────────────────────────────────────────────── */

static void test_classify(void **state)
{
    static const char picture[] = TEST_SOURCE_DIR "/tests/goldens/images/png_rgb_bicubic/input.png";
    cnxrt_model *model;
    cnxrt_context *context;
    cnxrt_prediction best[8];
    int64_t n;
    (void)state;
    open_model(NULL, &model, &context);
    assert_int_equal(cnxrt_classify_file(context, picture, 8, best, &n), CNXRT_OK);
    assert_int_equal(n, FAKE_CLASSES);
    float sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += best[i].score;
        assert_true(i == 0 || best[i].score <= best[i - 1].score);
        assert_string_equal(best[i].label, fake_labels[best[i].index]);
    }
    assert_float_equal(sum, 1, 1e-6);
    int64_t first = best[0].index;
    assert_int_equal(cnxrt_classify_file(context, picture, 1, best, &n), CNXRT_OK);
    assert_true(n == 1 && best[0].index == first);
    assert_int_equal(cnxrt_classify_file(context, picture, 0, best, &n), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_classify_file(context, NULL, 1, best, &n), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_classify_file(context, "/nonexistent", 1, best, &n), CNXRT_ERROR_FILE);
    assert_int_equal(cnxrt_classify_file(context, "/", 1, best, &n), CNXRT_ERROR_FILE);
    assert_int_equal(cnxrt_classify_memory(context, "", 0, 1, best, &n), CNXRT_ERROR_IMAGE);
    assert_non_null(strstr(cnxrt_context_error(context), "empty"));
    close_model(model, context);
}

/* A child of fork has none of the context's threads: it is told, and may make contexts of its own. */
static void test_fork(void **state)
{
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = 3};
    cnxrt_model *model;
    cnxrt_context *context, *own;
    Run run;
    int status;
    (void)state;
    make_run(&run);
    open_model(&options, &model, &context);
    assert_int_equal(cnxrt_run(context, run.inputs, BATCH, run.outputs), CNXRT_OK);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        bool ok = cnxrt_run(context, run.inputs, BATCH, run.outputs) == CNXRT_ERROR_FORK &&
                  strstr(cnxrt_context_error(context), "fork") && cnxrt_context_create(model, NULL, 0, &own) == CNXRT_OK &&
                  cnxrt_run(own, run.inputs, BATCH, run.outputs) == CNXRT_OK;
        cnxrt_context_destroy(own);
        close_model(model, context); /* waits for nobody */
        _exit(!ok);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(cnxrt_run(context, run.inputs, BATCH, run.outputs), CNXRT_OK);
    close_model(model, context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),       cmocka_unit_test(test_threads_agree),  cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_parallel_for), cmocka_unit_test(test_options),        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_workspace),    cmocka_unit_test(test_shared_context), cmocka_unit_test(test_classify),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
