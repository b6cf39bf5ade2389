/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pipeline: decoding, preparing and computing side by side, answers in order, in bounded memory.
 *
 *   thread 0    take 0 │ read, decode, prepare, run          │ done │ take 2 …
 *   thread 1    take 1 │ read, decode, prepare, run │ done │ take 3 …
 *   slots       0 …… 1 …… 2 …… 3          who finishes the oldest writes it, and those after it that are done
 *
 * Each thread answers whole pictures in a context of its own, and waits for nobody while it does: on N processors that is N
 * programs on one each, with one copy of the weights. A picture taken has a slot for its answer; with all slots full nobody
 * takes another, so that one large picture holds the others up for no more than SLOTS_A_THREAD of them. Where there are
 * fewer pictures than threads, each has its part of the threads, which run its phases together. */
#include "runtime/cli/pipeline.h"
#include "ir/base/terminal.h"
#include "runtime/classify.h"
#include "runtime/cli/lines.h"
#include "runtime/cli/masks.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/rows.h"
#include "runtime/cli/signals.h"
#include "runtime/cli/source.h"
#include "runtime/pages.h"
#include "runtime/segment.h"
#include "runtime/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_K = 5, SLOTS_A_THREAD = 4, ERROR_BYTES = 320 };

/* A picture on its way, and its answer. */
typedef struct Slot {
    char *path;                     /* malloc'ed while it is on its way; NULL: out of memory */
    int exit_code;                  /* CLI_OK, or error says why there is no answer */
    char error[ERROR_BYTES];
    cnxrt_prediction *best;         /* room for k */
    int64_t n;                      /* of these */
    uint8_t **rows;                 /* one for each of the pipeline's */
    Png mask, overlay;              /* where they are asked for */
    bool done;
} Slot;

typedef struct Pipeline {
    Cli *cli;
    bool follows;                   /* each picture may pick the size that runs */
    bool runs, answers;             /* the model runs; a line for each picture is wanted */
    bool classifies, segments;      /* its labels are of pictures; of pixels */
    int64_t k, count;               /* labels of a picture; pictures, -1: nobody knows yet */
    Lines lines;
    Progress progress;
    Rows *rows;                     /* of outputs, and of pixels */
    int64_t n_rows, n_slots, n_workers;
    Slot *slots;

    pthread_mutex_t source_lock;    /* one takes at a time, and may wait for standard input */
    Source source;
    int64_t taken;

    pthread_mutex_t lock;           /* one writes at a time */
    pthread_cond_t room;            /* a slot has become free */
    int64_t written;
    bool stopped;                   /* nothing more is taken or written */
} Pipeline;

typedef struct Worker {
    Pipeline *pipeline;
    cnxrt_context *context;         /* the first worker's is cli's */
    uint8_t **own, **tensors;       /* a buffer for each input and output; where they are for the picture at hand */
    float *scores;                  /* of each class, or its area */
    int64_t *counts;                /* of pixels, for areas */
    Image image;                    /* the picture at hand, */
    const cnxrt_model *model;       /* of its size */
    Room mask;
    pthread_t thread;
} Worker;

/* ── Taking ──────────────────────────────────────────────────────────────────────────────────────────── */

static void slot_fail(Slot *slot, int exit_code, const char *what, const char *why)
{
    slot->exit_code = exit_code;
    snprintf(slot->error, sizeof slot->error, "%s%s", what, why);
}

static bool wait_for_room(Pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->taken - p->written == p->n_slots && !p->stopped)
        pthread_cond_wait(&p->room, &p->lock);
    bool go_on = !p->stopped;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

/* The next picture's slot; NULL: that was all. */
static Slot *take(Pipeline *p, bool *standard)
{
    Slot *slot = NULL;
    Found found;
    pthread_mutex_lock(&p->source_lock);
    if (wait_for_room(p) && source_next(&p->source, &found)) {
        slot = &p->slots[p->taken % p->n_slots];
        p->taken++;
        slot->exit_code = CLI_OK;
        slot->n = 0;
        slot->path = strdup(found.path);
        *standard = found.standard;
        if (found.error)
            slot_fail(slot, CLI_RESOURCE, "cannot read: ", strerror(found.error));
        else if (!slot->path)
            slot_fail(slot, CLI_RESOURCE, "out of memory", "");
    }
    pthread_mutex_unlock(&p->source_lock);
    return slot;
}

/* ── Answering ───────────────────────────────────────────────────────────────────────────────────────── */

static void point_tensors(Worker *worker, const Slot *slot)
{
    const Pipeline *p = worker->pipeline;
    memcpy(worker->tensors, worker->own, (size_t)model_tensor_count(&compiled_model) * sizeof *worker->own);
    for (int64_t i = 0; i < p->n_rows; i++)
        worker->tensors[p->rows[i].tensor_index] = slot->rows[i];
}

static cnxrt_status compute(Worker *worker, const FileBytes *bytes)
{
    uint8_t **tensors = worker->tensors;
    cnxrt_status status = picture_decode(worker->context, bytes->data, bytes->size, &worker->image);
    if (status == CNXRT_OK)
        status = image_to_pixels(worker->context, &worker->image, worker->pipeline->follows,
                                 (float *)tensors[compiled_model.pixel_input]);
    worker->model = worker->context->model;
    if (!worker->pipeline->segments)
        image_free(&worker->image);
    if (status != CNXRT_OK || !worker->pipeline->runs)
        return status;
    void *const *outputs = (void *const *)(tensors + compiled_model.n_inputs);
    return cnxrt_run(worker->context, (const void *const *)tensors, 1, outputs);
}

static void classify(Worker *worker, Slot *slot)
{
    const cnxrt_model *model = worker->context->model;
    const uint8_t *logits = worker->tensors[compiled_model.n_inputs + compiled_model.logits_output];
    memcpy(worker->scores, logits, (size_t)model->n_classes * sizeof *worker->scores); /* logits may be a row */
    scores_from_logits(compiled_model.scores, worker->scores, model->n_classes);
    slot->n = best_predictions(model, worker->scores, worker->pipeline->k, slot->best);
}

/* Labels by their area, those alone that are there. */
static bool segment(Worker *worker, Slot *slot)
{
    const Cli *cli = worker->pipeline->cli;
    const cnxrt_model *model = worker->model;
    const Image *image = &worker->image;
    int64_t n = model->n_classes, pixels = image->width * image->height;
    int32_t *labels = segment_labels(model->compiled, worker->tensors, image->height, image->width, &worker->mask);
    if (!labels)
        return false;
    mask_areas(labels, pixels, worker->counts, worker->scores, n);
    slot->n = best_predictions(model, worker->scores, worker->pipeline->k, slot->best);
    while (slot->n && slot->best[slot->n - 1].score <= 0)
        slot->n--;
    if (cli->mask)
        slot->mask = mask_encode(labels, image->width, image->height, n);
    if (cli->overlay)
        slot->overlay = mask_overlay(labels, image);
    return (!cli->mask || slot->mask.bytes) && (!cli->overlay || slot->overlay.bytes);
}

static void answer(Worker *worker, Slot *slot, bool standard)
{
    FileBytes bytes;
    if (slot->exit_code)
        return;
    int error = cli_read_picture(slot->path, standard, &bytes);
    if (error) {
        slot_fail(slot, CLI_RESOURCE, "cannot read: ", strerror(error));
        return;
    }
    point_tensors(worker, slot);
    cnxrt_status status = compute(worker, &bytes);
    free(bytes.data);
    const char *details = cnxrt_context_error(worker->context);
    if (status != CNXRT_OK)
        slot_fail(slot, cli_exit_code(status), *details ? details : cnxrt_status_text(status), "");
    else if (worker->pipeline->classifies)
        classify(worker, slot);
    else if (worker->pipeline->segments && !segment(worker, slot))
        slot_fail(slot, CLI_RESOURCE, "out of memory", "");
    image_free(&worker->image);
}

/* ── Writing ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool write_rows(Pipeline *p, const Slot *slot, const char *path)
{
    for (int64_t i = 0; i < p->n_rows; i++)
        if (!rows_put(p->cli, &p->rows[i], path, slot->exit_code ? NULL : slot->rows[i]))
            return false;
    return true;
}

static bool write_png(Cli *cli, const char *path, const Png *image)
{
    return !path || output_write_bytes(cli, path, image->bytes, image->size);
}

/* Both or none. */
static bool write_masks(const Pipeline *p, const Slot *slot)
{
    return slot->exit_code ||
           (write_png(p->cli, p->cli->mask, &slot->mask) && write_png(p->cli, p->cli->overlay, &slot->overlay));
}

static bool write_answer(Pipeline *p, const Slot *slot)
{
    const char *path = slot->path ? slot->path : "";
    if (p->runs && !cli_weights_are_good(p->cli))
        return false;
    if (slot->exit_code || p->answers)
        terminal_clear();
    if (p->answers)
        lines_put(&p->lines, path, slot->best, slot->n, slot->exit_code ? slot->error : NULL);
    if (slot->exit_code)
        cli_error(p->cli, slot->exit_code, slot->path, "%s", slot->error);
    bool ok = !(slot->exit_code && p->cli->strict) && write_rows(p, slot, path) && write_masks(p, slot);
    return fflush(stdout) == 0 && ok;
}

/* In order: from the oldest on, those that are done. */
static void finish(Pipeline *p, Slot *slot)
{
    pthread_mutex_lock(&p->lock);
    slot->done = true;
    for (Slot *oldest; oldest = &p->slots[p->written % p->n_slots], oldest->done;) {
        p->stopped = p->stopped || !write_answer(p, oldest);
        free(oldest->path);
        free(oldest->mask.bytes);
        free(oldest->overlay.bytes);
        oldest->path = NULL;
        oldest->mask = oldest->overlay = (Png){0};
        oldest->done = false;
        p->written++;
        progress_show(&p->progress, p->written);
        pthread_cond_broadcast(&p->room);
    }
    pthread_mutex_unlock(&p->lock);
}

/* ── Workers ─────────────────────────────────────────────────────────────────────────────────────────── */

static void *work(void *argument)
{
    Worker *worker = argument;
    bool standard;
    for (Slot *slot; (slot = take(worker->pipeline, &standard));) {
        answer(worker, slot, standard);
        finish(worker->pipeline, slot);
    }
    return NULL;
}

static bool is_row(const Pipeline *p, int64_t tensor)
{
    for (int64_t i = 0; i < p->n_rows; i++)
        if (p->rows[i].tensor_index == tensor)
            return true;
    return false;
}

/* The context is given to a worker who has none, and stays the worker's. */
static bool worker_open(Worker *worker, Pipeline *p)
{
    int64_t n = model_tensor_count(&compiled_model), classes = p->cli->model->n_classes;
    worker->pipeline = p;
    worker->own = calloc((size_t)n, sizeof *worker->own);
    worker->tensors = calloc((size_t)n, sizeof *worker->tensors);
    worker->scores = calloc((size_t)classes + 1, sizeof *worker->scores);
    worker->counts = calloc((size_t)classes + 1, sizeof *worker->counts);
    bool ok = worker->own && worker->tensors && worker->scores && worker->counts;
    for (int64_t i = 0; ok && i < n; i++) {
        int64_t bytes = is_row(p, i) ? 0 : size_bytes(p->cli->model, i, 1);
        worker->own[i] = pages_new((size_t)bytes);
        ok = worker->own[i];
        if (ok && i < compiled_model.n_inputs)
            memset(worker->own[i], 0, (size_t)bytes);
    }
    if (!ok || (!worker->context && cnxrt_context_create(p->cli->model, NULL, 0, &worker->context) != CNXRT_OK))
        return false;
    worker->context->chosen = p->cli->context->chosen;
    return true;
}

static void worker_close(Worker *worker)
{
    for (int64_t i = 0; worker->own && i < model_tensor_count(&compiled_model); i++)
        free(worker->own[i]);
    free(worker->own);
    free(worker->tensors);
    free(worker->scores);
    free(worker->counts);
    room_free(&worker->mask);
    if (worker->context != worker->pipeline->cli->context)
        cnxrt_context_destroy(worker->context);
}

/* The first worker is the caller. Of the others there are as many as can be had. */
static bool run_workers(Pipeline *p)
{
    Worker *workers = calloc((size_t)p->n_workers, sizeof *workers);
    int64_t n = 0;
    if (!workers)
        return false;
    workers->context = p->cli->context;
    bool ok = worker_open(workers, p);
    while (ok && n + 1 < p->n_workers && worker_open(&workers[n + 1], p) &&
           pthread_create(&workers[n + 1].thread, NULL, work, &workers[n + 1]) == 0)
        n++;
    if (ok)
        work(workers);
    for (int64_t i = 1; i <= n; i++)
        pthread_join(workers[i].thread, NULL);
    for (int64_t i = 0; i < p->n_workers && workers[i].pipeline; i++)
        worker_close(&workers[i]);
    free(workers);
    return ok;
}

/* ── All ─────────────────────────────────────────────────────────────────────────────────────────────── */

bool pipeline_fits(const Cli *cli)
{
    bool fits = cli->n_inputs == 0;
    if (compiled_model.pixel_input < 0)
        return true; /* it says why there are no pictures */
    for (int64_t i = 0; fits && i < compiled_model.n_inputs; i++)
        fits = i == compiled_model.pixel_input || input_is_labels(compiled_model.tensors[i].name);
    for (int64_t i = 0; fits && i < cli->n_outputs; i++) {
        int64_t tensor = cli_find_output(cli->outputs[i].name);
        fits = tensor >= 0 && rows_fit(&compiled_model, tensor) &&
               (compiled_model.n_inputs == 1 || !cli_is_loss(cli->outputs[i].name));
    }
    return fits;
}

/* Rows that have another shape in each size are all of one, the first picture's. */
static void choose_size(Pipeline *p)
{
    Cli *cli = p->cli;
    bool fixed = cli->image_size || cli->dump_pixels;
    for (int64_t i = 0; i < cli->n_outputs; i++)
        fixed |= size_changes(&compiled_model, cli_find_output(cli->outputs[i].name));
    p->follows = !fixed;
    if (fixed)
        cli_follow_picture(cli);
}

/* They are files of single pictures. */
static bool check_masks(const Pipeline *p)
{
    Cli *cli = p->cli;
    const char *option = cli->mask ? "-o" : "--overlay";
    if (!cli->mask && !cli->overlay)
        return true;
    if (!p->segments)
        return cli_error(cli, CLI_UNSUPPORTED, NULL, "this model does not label pixels; %s has nothing to write", option);
    return p->count == 1 ||
           cli_error(cli, CLI_USAGE, NULL, "%s writes the labels of one picture, which is to be named alone", option);
}

/* Each worker has a thread, or several where there are fewer pictures than threads. */
static bool open_model(Pipeline *p)
{
    Cli *cli = p->cli;
    int64_t threads = cli->n_threads ? cli->n_threads : cli_most_threads();
    p->n_workers = p->count > 0 && p->count < threads ? p->count : threads;
    p->n_slots = p->n_workers * SLOTS_A_THREAD;
    int64_t each = p->runs ? threads / p->n_workers : 1;
    if (!cli_open(cli, cli->n_threads ? each : cli_useful_threads(each)))
        return false;
    if (p->runs)
        cli_check_weights(cli);
    cnxrt_status status = check_takes_pictures(cli->context);
    if (status != CNXRT_OK)
        return cli_fail(cli, status, NULL);
    choose_size(p);
    p->classifies = p->runs && model_classifies(cli->model);
    p->segments = p->lines.areas = p->runs && compiled_model.mask_output >= 0;
    if (!check_masks(p))
        return false;
    if (p->runs && !p->classifies && !p->segments && cli->n_outputs == 0)
        return cli_error(cli, CLI_UNSUPPORTED, NULL, "this model does not classify; --output NAME=FILE.npy writes what it makes");
    return true;
}

static bool open_rows(Pipeline *p)
{
    Cli *cli = p->cli;
    bool ok = true, to_standard = false;
    int64_t n_outputs = p->runs ? cli->n_outputs : 0;
    p->rows = calloc((size_t)n_outputs + 1, sizeof *p->rows);
    if (!p->rows)
        return cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    for (int64_t i = 0; i < n_outputs; i++)
        p->rows[p->n_rows++] =
            (Rows){.path = cli->outputs[i].file, .tensor_index = cli_find_output(cli->outputs[i].name), .names = true};
    if (cli->dump_pixels)
        p->rows[p->n_rows++] = (Rows){.path = cli->dump_pixels, .tensor_index = compiled_model.pixel_input};
    for (int64_t i = 0; ok && i < p->n_rows; i++) {
        ok = rows_open(cli, &p->rows[i], p->count);
        to_standard |= output_is_standard(p->rows[i].path);
    }
    to_standard |= (cli->mask && output_is_standard(cli->mask)) || (cli->overlay && output_is_standard(cli->overlay));
    p->answers = p->runs && !to_standard && (p->classifies || p->segments || cli->jsonl || cli->json || cli->csv);
    return ok;
}

static bool open_slots(Pipeline *p)
{
    Cli *cli = p->cli;
    int64_t classes = p->classifies || p->segments ? cli->model->n_classes : 0;
    int64_t k = cli->k ? cli->k : p->segments ? classes : DEFAULT_K;
    p->k = p->lines.k = k < classes ? k : classes;
    p->slots = calloc((size_t)p->n_slots, sizeof *p->slots);
    bool ok = p->slots;
    for (int64_t i = 0; ok && i < p->n_slots; i++) {
        Slot *slot = &p->slots[i];
        slot->best = calloc((size_t)p->k + 1, sizeof *slot->best);
        slot->rows = calloc((size_t)p->n_rows + 1, sizeof *slot->rows);
        ok = slot->best && slot->rows;
        for (int64_t r = 0; ok && r < p->n_rows; r++)
            ok = (slot->rows[r] = malloc((size_t)p->rows[r].bytes + 1));
    }
    return ok || cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
}

static bool open_source(Pipeline *p)
{
    int error = source_open(&p->source, p->cli);
    return !error || cli_error(p->cli, CLI_RESOURCE, p->cli->files_from, "cannot read: %s", strerror(error));
}

static void close_all(Pipeline *p)
{
    source_close(&p->source);
    for (int64_t i = 0; i < p->n_rows; i++)
        rows_abandon(&p->rows[i]);
    free(p->rows);
    for (int64_t i = 0; p->slots && i < p->n_slots; i++) {
        for (int64_t r = 0; p->slots[i].rows && r < p->n_rows; r++)
            free(p->slots[i].rows[r]);
        free(p->slots[i].rows);
        free(p->slots[i].best);
    }
    free(p->slots);
}

/* What was written is whole: nothing stopped it but the end of the pictures or a signal. */
static bool conclude(Pipeline *p)
{
    bool ok = true;
    if (p->taken == 0 && !p->cli->files_from && !signals_asked())
        return cli_error(p->cli, CLI_INPUT, NULL, "no pictures in '%s'", p->cli->pictures[0]);
    for (int64_t i = 0; ok && i < p->n_rows; i++)
        ok = rows_close(p->cli, &p->rows[i]);
    return ok && outputs_commit(p->cli);
}

bool pipeline_run(Cli *cli, bool with_outputs)
{
    Pipeline p = {.cli = cli, .runs = with_outputs, .lines.cli = cli, .source.list = -1, .count = source_count(cli)};
    pthread_mutex_init(&p.source_lock, NULL);
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.room, NULL);
    bool ok = open_model(&p) && open_rows(&p) && open_slots(&p) && open_source(&p);
    if (ok) {
        signals_ask_first();
        progress_begin(&p.progress, cli, p.count);
        ok = run_workers(&p) || cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
        progress_end(&p.progress);
        if (p.answers && (p.lines.begun || !p.stopped))
            lines_end(&p.lines);
        ok = ok && !p.stopped && conclude(&p);
    }
    close_all(&p);
    return (ok && cli->exit_code == CLI_OK) || ferror(stdout); /* which the end reports */
}
