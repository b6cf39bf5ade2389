/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Context: the workspace of one run at a time, and the run itself.
 *
 * A run is a list of phases, executed by all threads in step. Each thread owns a frame (its scratch and its own
 * pointers to the tensors), so that moving on to the next image needs no exchange:
 *
 *   every thread:  begin phases | image 0: phases | image 1: phases | … | end phases      barrier after each phase
 *   a phase:       thread t does chunks [t n / T, (t + 1) n / T)
 *
 * Where the schedule says so, a batch of at least as many images as threads is shared out: each thread runs whole images,
 * alone and in its own arena, with no barrier but one; images left over, fewer than threads, run as above.
 *
 *   thread 0: image 0, 1, 2, 3 | barrier | image 8: its share of each phase
 *   thread 1: image 4, 5, 6, 7 | barrier | image 8: its share of each phase
 *
 * Where other processes take the processor of one of them so often that the others mostly stand still, half of the threads leave the
 * run and the rest share out what is left of it.
 *
 * With the caller's parallel_for each phase, or all that threads do alone, is one call of it instead. */
#include "runtime/internal.h"
#include "runtime/pages.h"
#include "runtime/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ── Errors, one user at a time ──────────────────────────────────────────────────────────────────────── */

cnxrt_status context_begin(cnxrt_context *context)
{
    if (!context)
        return CNXRT_ERROR_ARGUMENT;
    if (atomic_flag_test_and_set_explicit(&context->busy, memory_order_acquire))
        return CNXRT_ERROR_BUSY;
    context->error[0] = 0;
    return CNXRT_OK;
}

cnxrt_status context_end(cnxrt_context *context, cnxrt_status status)
{
    context_use(context, context->home);
    atomic_flag_clear_explicit(&context->busy, memory_order_release);
    return status;
}

cnxrt_status context_fail(cnxrt_context *context, cnxrt_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(context->error, sizeof context->error, format, args);
    va_end(args);
    return status;
}

const char *cnxrt_context_error(const cnxrt_context *context) { return context ? context->error : ""; }

/* ── Sizes ───────────────────────────────────────────────────────────────────────────────────────────── */

static bool batched(const CnxrtTensor *tensor) { return tensor->rank > 0 && tensor->dims[0] == -1; }

int64_t tensor_bytes(const CnxrtTensor *tensor, int64_t batch)
{
    int64_t bytes;
    if (!batched(tensor))
        return tensor->item_bytes;
    return __builtin_mul_overflow(tensor->item_bytes, batch, &bytes) ? -1 : bytes;
}

static int64_t round_up(int64_t bytes)
{
    return (bytes + CNXRT_WORKSPACE_ALIGNMENT - 1) / CNXRT_WORKSPACE_ALIGNMENT * CNXRT_WORKSPACE_ALIGNMENT;
}

static int64_t arena_count(const cnxrt_model *model) { return model->variant->by_image ? model->n_threads : 1; }

/* Enough for any of the sizes. */
size_t cnxrt_workspace_bytes(const cnxrt_model *model)
{
    int64_t most = 0;
    for (int64_t i = 0; model && i < (model->compiled->n_sizes ? model->compiled->n_sizes : 1); i++) {
        const cnxrt_model *of = &model->first[i];
        int64_t bytes =
            arena_count(of) * round_up(of->variant->arena_bytes) + of->n_threads * round_up(of->variant->scratch_bytes);
        most = bytes > most ? bytes : most;
    }
    return (size_t)most;
}

/* ── Create, destroy ─────────────────────────────────────────────────────────────────────────────────── */

/* What a thread of a run keeps to itself. */
typedef struct Member {
    _Alignas(64) int64_t n; /* threads of the phase at hand; it takes part if it is one of the first n */
    int64_t met;            /* barriers so far */
} Member;

static void make_frames(cnxrt_context *context)
{
    const CnxrtVariant *variant = context->model->variant;
    int64_t n = model_tensor_count(context->model->compiled);
    uint8_t *scratch = context->workspace + arena_count(context->model) * round_up(variant->arena_bytes);
    for (int64_t t = 0; t < context->model->n_threads; t++)
        context->frames[t] = (CnxrtFrame){
            .weights = context->model->weights.data,
            .arena = context->workspace,
            .scratch = scratch + t * round_up(variant->scratch_bytes),
            .tensors = context->tensors + t * n,
        };
}

void context_use(cnxrt_context *context, const cnxrt_model *model)
{
    if (context->model == model)
        return;
    context->model = model;
    context->pace = (Pace){.trouble = context->pace.trouble}; /* its times are of the other size */
    make_frames(context);
}

static bool allocate(cnxrt_context *context)
{
    size_t n = (size_t)model_tensor_count(context->model->compiled), threads = (size_t)context->model->n_threads;
    context->frames = calloc(threads, sizeof *context->frames);
    context->tensors = calloc(n * threads + 1, sizeof *context->tensors);
    context->bases = calloc(n + 1, sizeof *context->bases);
    context->members = aligned_alloc(_Alignof(Member), threads * sizeof *context->members);
    context->own = calloc(n + 1, sizeof *context->own);
    context->own_bytes = calloc(n + 1, sizeof *context->own_bytes);
    context->preparers = calloc(threads, sizeof *context->preparers);
    if (!context->workspace) {
        context->owned_workspace = pages_new(context->workspace_bytes);
        context->workspace = context->owned_workspace;
    }
    return context->frames && context->tensors && context->bases && context->members && context->own && context->own_bytes &&
           context->preparers && context->workspace;
}

static cnxrt_status check_workspace(const cnxrt_model *model, const void *workspace, size_t bytes)
{
    size_t needed = workspace ? cnxrt_workspace_bytes(model) : 0;
    if (workspace && (uintptr_t)workspace % CNXRT_WORKSPACE_ALIGNMENT)
        return create_fail(CNXRT_ERROR_ALIGNMENT, "the workspace is not aligned to %d bytes", CNXRT_WORKSPACE_ALIGNMENT);
    if (bytes < needed || (!workspace && bytes))
        return create_fail(CNXRT_ERROR_ARGUMENT, "the workspace has %zu bytes%s, expected %zu", bytes,
                           workspace ? "" : " at NULL", needed);
    return CNXRT_OK;
}

cnxrt_status cnxrt_context_create(const cnxrt_model *model, void *workspace, size_t workspace_bytes, cnxrt_context **out)
{
    if (out)
        *out = NULL;
    if (!out || !model)
        return create_fail(CNXRT_ERROR_ARGUMENT, "the model, or where the context goes, is NULL");
    cnxrt_status status = check_workspace(model, workspace, workspace_bytes);
    if (status != CNXRT_OK)
        return status;
    cnxrt_context *context = calloc(1, sizeof *context);
    if (!context)
        return CNXRT_ERROR_MEMORY;
    context->model = context->home = model;
    context->workspace = workspace;
    context->workspace_bytes = cnxrt_workspace_bytes(model);
    atomic_flag_clear(&context->busy);
    if (!allocate(context))
        status = CNXRT_ERROR_MEMORY;
    else if (model->n_threads > 1 && !model->parallel_for && !(context->pool = pool_new(model->n_threads)))
        status = create_fail(CNXRT_ERROR_THREADS, "%lld threads could not be started: %s", (long long)model->n_threads - 1,
                             strerror(errno));
    if (status != CNXRT_OK) {
        cnxrt_context_destroy(context);
        return status;
    }
    make_frames(context);
    *out = context;
    return CNXRT_OK;
}

void cnxrt_context_destroy(cnxrt_context *context)
{
    if (!context)
        return;
    pool_free(context->pool);
    free(context->owned_workspace);
    free(context->frames);
    free(context->tensors);
    free(context->bases);
    free(context->members);
    for (int64_t i = 0; context->own && i < model_tensor_count(context->model->compiled); i++)
        free(context->own[i]);
    free(context->own);
    free(context->own_bytes);
    for (int64_t i = 0; context->preparers && i < context->model->n_threads; i++) {
        room_free(&context->preparers[i].copy);
        room_free(&context->preparers[i].work);
    }
    free(context->preparers);
    room_free(&context->mask);
    free(context);
}

/* ── Buffers given to a run ──────────────────────────────────────────────────────────────────────────── */

static bool overlap(const uint8_t *a, int64_t a_bytes, const uint8_t *b, int64_t b_bytes)
{
    return a_bytes > 0 && b_bytes > 0 && (uintptr_t)a < (uintptr_t)b + (uint64_t)b_bytes &&
           (uintptr_t)b < (uintptr_t)a + (uint64_t)a_bytes;
}

static cnxrt_status check_buffer(cnxrt_context *context, int64_t i, int64_t batch)
{
    const CnxrtTensor *tensor = &context->model->compiled->tensors[i];
    const uint8_t *buffer = context->bases[i];
    int64_t bytes = tensor_bytes(tensor, batch);
    size_t alignment = dtype_bytes(tensor->dtype);
    if (!buffer)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "the buffer of '%s' is NULL", tensor->name);
    if (bytes < 0 || (uint64_t)bytes > UINTPTR_MAX - (uintptr_t)buffer)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "'%s' with batch %lld exceeds the address space", tensor->name,
                            (long long)batch);
    if (alignment && (uintptr_t)buffer % alignment)
        return context_fail(context, CNXRT_ERROR_ALIGNMENT, "the buffer of '%s' is not aligned to %zu bytes", tensor->name,
                            alignment);
    return CNXRT_OK;
}

static cnxrt_status check_output(cnxrt_context *context, int64_t i, int64_t batch)
{
    const CnxrtTensor *tensors = context->model->compiled->tensors;
    int64_t bytes = tensor_bytes(&tensors[i], batch);
    for (int64_t j = 0; j < i; j++)
        if (overlap(context->bases[i], bytes, context->bases[j], tensor_bytes(&tensors[j], batch)))
            return context_fail(context, CNXRT_ERROR_OVERLAP, "the buffers of '%s' and '%s' overlap", tensors[j].name,
                                tensors[i].name);
    return CNXRT_OK;
}

static cnxrt_status check_buffers(cnxrt_context *context, int64_t batch)
{
    const CnxrtModel *compiled = context->model->compiled;
    for (int64_t i = 0; i < model_tensor_count(compiled); i++) {
        cnxrt_status status = check_buffer(context, i, batch);
        if (status == CNXRT_OK && i >= compiled->n_inputs)
            status = check_output(context, i, batch);
        if (status != CNXRT_OK)
            return status;
        if (overlap(context->bases[i], tensor_bytes(&compiled->tensors[i], batch), context->workspace,
                    (int64_t)context->workspace_bytes))
            return context_fail(context, CNXRT_ERROR_OVERLAP, "the buffer of '%s' overlaps the workspace",
                                compiled->tensors[i].name);
    }
    return CNXRT_OK;
}

/* ── Running ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct PhaseJob { /* for parallel_for */
    cnxrt_context *context;
    const CnxrtPhase *phase;
} PhaseJob;

static void run_chunks(const cnxrt_context *context, const CnxrtPhase *phase, int64_t thread)
{
    int64_t threads = context->members[thread].n;
    int64_t share = phase->n_chunks / threads, rest = phase->n_chunks % threads;
    int64_t begin = thread * share + (thread < rest ? thread : rest);
    int64_t end = begin + share + (thread < rest);
    if (begin < end)
        phase->run(&context->frames[thread], begin, end);
}

static void run_chunks_body(void *argument, int64_t thread)
{
    const PhaseJob *job = argument;
    if (thread >= 0 && thread < job->context->n_active)
        run_chunks(job->context, job->phase, thread);
}

static void point_at(cnxrt_context *context, int64_t thread, int64_t image, int64_t offset)
{
    const CnxrtModel *compiled = context->model->compiled;
    int64_t n = model_tensor_count(compiled);
    uint8_t **tensors = context->tensors + thread * n;
    for (int64_t i = 0; i < n; i++) {
        const CnxrtTensor *tensor = &compiled->tensors[i];
        tensors[i] = context->bases[i] + (batched(tensor) ? offset * tensor->item_bytes : 0);
    }
    context->frames[thread].image = image;
}

int64_t context_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool takes_part(const cnxrt_context *context, int64_t thread) { return thread < context->members[thread].n; }

/* Half as many once thread 0 has stood still, waiting for one whose processor was taken, for two fifths of the time, and for long
 * enough. */
static int64_t choose_next(cnxrt_context *context, int64_t n, int64_t now)
{
    if (5 * context->stalled_ns < 2 * (now - context->since_ns) || context->stalled_ns <= context->least_stall_ns)
        return n;
    context->since_ns = now;
    context->stalled_ns = 0;
    return n / 2;
}

/* The end of a phase: all that take part wait for each other. Thread 0 says before it how many go on after it, in one of two
 * places by turns, since the others read the last one when they wake. Who leaves may read it later still, but then less. */
static void meet(cnxrt_context *context, int64_t thread)
{
    enum { STALL_NS = 300000 }; /* less is work that did not divide evenly */
    Member *member = &context->members[thread];
    atomic_llong *next = &context->n_next[member->met++ % 2];
    int64_t before = 0;
    if (member->n == 1)
        return;
    if (thread == 0) {
        before = context_clock();
        atomic_store_explicit(next, choose_next(context, member->n, before), memory_order_relaxed);
    }
    pool_barrier(context->pool, member->n);
    int64_t waited = thread == 0 ? context_clock() - before : 0;
    if (waited > STALL_NS)
        context->stalled_ns += waited;
    member->n = atomic_load_explicit(next, memory_order_relaxed);
}

static Stretch *stretch_new(const cnxrt_context *context, int64_t index, int64_t thread)
{
    RecordedThread *recorded = &context->record->threads[thread];
    if (recorded->n == context->record->room)
        return NULL;
    Stretch *stretch = &recorded->at[recorded->n++];
    *stretch = (Stretch){.phase = index, .image = context->frames[thread].image, .start = context_clock()};
    return stretch;
}

/* What a thread notes of a phase; NULL where the run is not recorded. */
static Stretch *stretch_begin(const cnxrt_context *context, int64_t index, int64_t thread)
{
    return context->record ? stretch_new(context, index, thread) : NULL;
}

static void stretch_worked(Stretch *stretch)
{
    if (stretch)
        stretch->worked = stretch->end = context_clock();
}

static void stretch_end(Stretch *stretch)
{
    if (stretch)
        stretch->end = context_clock();
}

static void run_phase(cnxrt_context *context, int64_t index, int64_t thread)
{
    const cnxrt_model *model = context->model;
    const CnxrtPhase *phase = &model->variant->phases[index];
    Stretch *stretch = stretch_begin(context, index, thread);
    if (model->parallel_for) {
        PhaseJob job = {context, phase};
        model->parallel_for(model->parallel_user, model->n_threads, run_chunks_body, &job);
        stretch_worked(stretch);
        return;
    }
    run_chunks(context, phase, thread);
    stretch_worked(stretch);
    meet(context, thread);
    stretch_end(stretch);
}

/* Moves the frames that this thread is responsible for: its own, or all of them where phases go to parallel_for. */
static void move_to(cnxrt_context *context, int64_t thread, int64_t image, int64_t offset)
{
    if (!context->model->parallel_for) {
        point_at(context, thread, image, offset);
        return;
    }
    for (int64_t t = 0; t < context->model->n_threads; t++)
        point_at(context, t, image, offset);
}

/* ── Whole images ────────────────────────────────────────────────────────────────────────────────────── */

static void run_phase_alone(cnxrt_context *context, int64_t index, int64_t thread)
{
    const CnxrtPhase *phase = &context->model->variant->phases[index];
    Stretch *stretch = stretch_begin(context, index, thread);
    if (phase->n_chunks)
        phase->run(&context->frames[thread], 0, phase->n_chunks);
    stretch_worked(stretch);
}

/* The thread's share of the images that are shared out. */
static void run_alone(void *argument, int64_t thread)
{
    cnxrt_context *context = argument;
    const CnxrtVariant *variant = context->model->variant;
    int64_t share = context->n_alone / context->n_active;
    if (thread < 0 || thread >= context->n_active)
        return;
    context->frames[thread].arena = context->workspace + thread * round_up(variant->arena_bytes);
    for (int64_t image = thread * share; image < (thread + 1) * share; image++) {
        point_at(context, thread, image, image);
        for (int64_t p = 0; p < variant->n_image; p++)
            run_phase_alone(context, p, thread);
    }
    context->frames[thread].arena = context->workspace;
}

/* All threads, once they are done, go on with what is left. */
static void run_shared_out(cnxrt_context *context, int64_t thread)
{
    const cnxrt_model *model = context->model;
    if (model->parallel_for) {
        model->parallel_for(model->parallel_user, model->n_threads, run_alone, context);
        return;
    }
    run_alone(context, thread);
    meet(context, thread);
}

/* ── A run ───────────────────────────────────────────────────────────────────────────────────────────── */

static void run_thread(void *argument, int64_t thread)
{
    cnxrt_context *context = argument;
    const CnxrtVariant *variant = context->model->variant;
    int64_t batch = context->frames[thread].batch, images = context->model->compiled->batch_free ? batch : 1;
    int64_t image_phases = variant->n_begin + variant->n_image;
    if (context->n_alone)
        run_shared_out(context, thread);
    if (context->n_alone == images)
        return; /* nothing comes before or after what is shared out */
    move_to(context, thread, 0, 0);
    for (int64_t p = 0; p < variant->n_begin && takes_part(context, thread); p++)
        run_phase(context, p, thread);
    for (int64_t image = context->n_alone; image < images; image++) {
        move_to(context, thread, image, image);
        for (int64_t p = variant->n_begin; p < image_phases && takes_part(context, thread); p++)
            run_phase(context, p, thread);
    }
    move_to(context, thread, batch, 0);
    for (int64_t p = image_phases; p < image_phases + variant->n_end && takes_part(context, thread); p++)
        run_phase(context, p, thread);
}

/* On an idle machine the system's own work takes a processor less often than this; who shares one loses it more often. */
static const int64_t PREEMPTION_NS = 16000000;
static const double LEAST_STALL = 16; /* of a run */

/* On as many of the pool's threads as were chosen. */
static void run_on_pool(cnxrt_context *context, int64_t batch)
{
    int64_t start = context_clock();
    context->since_ns = start;
    context->stalled_ns = 0;
    context->least_stall_ns = (int64_t)(context->pace.ns[context->pace.level] * (double)batch / LEAST_STALL);
    long preempted = pool_run(context->pool, context->n_active, pace_is_busy(&context->pace), run_thread, context);
    int64_t ns = context_clock() - start;
    pace_note(&context->pace, (double)ns / (double)batch, preempted > ns / PREEMPTION_NS);
}

void context_each_thread(cnxrt_context *context, void (*job)(void *argument, int64_t thread), void *argument)
{
    const cnxrt_model *model = context->model;
    if (model->parallel_for)
        model->parallel_for(model->parallel_user, model->n_threads, job, argument);
    else if (context->pool)
        pool_run(context->pool, model->n_threads, pace_is_busy(&context->pace), job, argument);
    else
        job(argument, 0);
}

cnxrt_status context_check_surroundings(cnxrt_context *context)
{
    if (context->pool && !pool_is_here(context->pool))
        return context_fail(context, CNXRT_ERROR_FORK, "%s", cnxrt_status_text(CNXRT_ERROR_FORK));
    if (weights_changed(&context->model->weights))
        return context_fail(context, CNXRT_ERROR_WEIGHTS_DAMAGED, "the weights file was changed while it was in use");
    return CNXRT_OK;
}

cnxrt_status context_run(cnxrt_context *context, const void *const *inputs, int64_t batch, void *const *outputs)
{
    const cnxrt_model *model = context->model;
    const CnxrtModel *compiled = model->compiled;
    if ((!inputs && compiled->n_inputs) || (!outputs && compiled->n_outputs))
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "the list of inputs or of outputs is NULL");
    if (batch < 1 || (!compiled->batch_free && batch != 1))
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "batch is %lld, expected %s", (long long)batch,
                            compiled->batch_free ? "1 or more" : "1, since the model's batch is fixed");
    for (int64_t i = 0; i < compiled->n_inputs; i++)
        context->bases[i] = (uint8_t *)inputs[i]; /* never written: generated code only reads inputs */
    for (int64_t i = 0; i < compiled->n_outputs; i++)
        context->bases[compiled->n_inputs + i] = outputs[i];
    cnxrt_status status = context_check_surroundings(context);
    if (status == CNXRT_OK)
        status = check_buffers(context, batch);
    if (status != CNXRT_OK)
        return status;
    context->n_active = context->pool ? pace_choose(&context->pace, model->n_threads) : model->n_threads;
    for (int64_t t = 0; t < model->n_threads; t++) {
        context->frames[t].batch = batch;
        context->members[t] = (Member){.n = context->n_active};
    }
    context->n_alone = model->variant->by_image ? batch / context->n_active * context->n_active : 0;
    if (context->pool)
        run_on_pool(context, batch);
    else
        run_thread(context, 0);
    return CNXRT_OK;
}

cnxrt_status cnxrt_run(cnxrt_context *context, const void *const *inputs, int64_t batch, void *const *outputs)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, context_run(context, inputs, batch, outputs)) : status;
}
