/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc eval: top-1 and top-5 accuracy over DIR/CLASS/PICTURE (report/album.c), and what a precision costs of it.
 *
 *   $ cnxc eval model/ pictures/
 *   top-1 99.00 %   top-5 100.00 %   1000 pictures
 *
 *   $ cnxc eval model/ pictures/ --precision=bf16 --against=f32
 *   bf16   top-1 98.90 %   top-5 100.00 %   1000 pictures
 *   f32    top-1 99.00 %   top-5 100.00 %
 *   the same answer to 99.90 % (999)   relative error of logits 0.0021 on average, 0.0083 at most */
#include "compiler/build/artifact.h"
#include "compiler/build/cache.h"
#include "compiler/build/output.h"
#include "compiler/driver/driver.h"
#include "compiler/report/answers.h"
#include "compiler/report/json.h"
#include "ir/base/progress.h"

#include <errno.h>
#include <string.h>

typedef struct Eval {
    Driver *driver;
    const Model *model;
    const char *precision;    /* as it was asked for */
    Album album;
    Answers answers, against; /* against: where --against is given */
    OutputErrors errors;      /* of the two, likewise */
    const char *dir;          /* of temporary files */
} Eval;

/* ── Programs ────────────────────────────────────────────────────────────────────────────────────────── */

/* The model's program of a precision. Sets e->model, unless it is set. */
static bool make_program(Eval *e, const char *precision, Answers *answers)
{
    Driver *driver = e->driver;
    Build build = options_build_in(driver, precision);
    answers->threads = driver->options.threads;
    answers->program = options_choose_cpus(driver, &build) ? cache_artifact(&build, ARTIFACT_EXE) : NULL;
    if (!e->model)
        e->model = build.model;
    return answers->program;
}

static bool read_album(Eval *e)
{
    const Options *o = &e->driver->options;
    e->album = (Album){.arena = e->driver->arena, .diag = &e->driver->diag};
    e->album.n_labels = prop_strings(e->model, "cnxc.labels", &e->album.labels);
    if (!e->album.n_labels) {
        diag_error(&e->driver->diag, NO_SPAN, "'%s' has no labels to evaluate; --labels=FILE names them", o->arguments.at[0]);
        return false;
    }
    if (!artifact_scores(e->model->graph)) {
        diag_unsupported(&e->driver->diag, NO_SPAN, "'%s' has no logits or probabilities of pictures to evaluate",
                         o->arguments.at[0]);
        return false;
    }
    return album_read(&e->album, o->arguments.at[1]);
}

/* ── Two programs ────────────────────────────────────────────────────────────────────────────────────── */

enum { PICTURES_IN_MEMORY = 64 }; /* at a time, as pixels */

/* A program that has answered with labels has the output that they come from. */
static bool compare(Eval *e)
{
    const Graph *graph = e->model->graph;
    int64_t batch = graph_batch_symbol(graph) ? PICTURES_IN_MEMORY : 1;
    return answers_ask(&e->against, &e->album) &&
           answers_compare(&e->answers, &e->against, &e->album, artifact_scores(graph)->name, batch, e->dir, &e->errors);
}

/* ── What is said ────────────────────────────────────────────────────────────────────────────────────── */

static double share(int64_t part, int64_t whole) { return whole ? (double)part / (double)whole : 0; }

static void print_accuracy(const Eval *e, const Answers *a)
{
    int64_t count = e->album.pictures.len;
    printf("top-1 %.2f %%   top-5 %.2f %%", 100 * share(a->top1, count), 100 * share(a->top5, count));
}

static void print_text(const Eval *e)
{
    const char *against = e->driver->options.against;
    if (against)
        printf("%-4s   ", e->precision);
    print_accuracy(e, &e->answers);
    printf("   %lld %s\n", (long long)e->album.pictures.len, COUNTED(e->album.pictures.len, "picture"));
    if (!against)
        return;
    printf("%-4s   ", against);
    print_accuracy(e, &e->against);
    printf("\nthe same answer to %.2f %% (%lld)   relative error of %s %.2g on average, %.2g at most\n",
           100 * share(e->errors.agreed, e->errors.compared), (long long)e->errors.agreed, artifact_scores(e->model->graph)->name,
           e->errors.mean, e->errors.largest);
}

static json_t *accuracy_json(const Eval *e, const Answers *a)
{
    int64_t count = e->album.pictures.len;
    return json_pack("{s:f, s:f, s:I, s:I, s:I, s:I}", "top1", share(a->top1, count), "top5", share(a->top5, count), "top1_right",
                     (json_int_t)a->top1, "top5_right", (json_int_t)a->top5, "pictures", (json_int_t)count, "unreadable",
                     (json_int_t)a->unreadable);
}

static void print_json(const Eval *e)
{
    const OutputErrors *errors = &e->errors;
    json_t *root = accuracy_json(e, &e->answers);
    if (e->driver->options.against) {
        json_t *against = accuracy_json(e, &e->against);
        json_object_set_new(against, "precision", json_string(e->driver->options.against));
        json_object_set_new(root, "precision", json_string(e->precision));
        json_object_set_new(root, "against", against);
        json_object_set_new(root, "agreement", json_real(share(errors->agreed, errors->compared)));
        json_object_set_new(root, "agreed", json_integer(errors->agreed));
        json_object_set_new(root, "mean_relative_error", json_finite(errors->mean));
        json_object_set_new(root, "max_relative_error", json_finite(errors->largest));
    }
    json_print(root, 9);
}

static bool write_confusion(const Eval *e)
{
    Driver *driver = e->driver;
    const char *path = driver->options.confusion, *made = arena_printf(driver->arena, "%s/confusion.csv", e->dir);
    if (answers_write_confusion(&e->answers, &e->album, made))
        return output_commit(made, path, &driver->diag);
    diag_resource(&driver->diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return false;
}

/* ── The command ─────────────────────────────────────────────────────────────────────────────────────── */

static bool evaluate(Eval *e)
{
    const Options *o = &e->driver->options;
    if (!read_album(e))
        return false;
    if ((o->against || o->confusion) && !(e->dir = output_temp_dir(o->confusion, e->driver->arena, &e->driver->diag)))
        return false;
    return (!o->confusion || options_spare_inputs(e->driver, o->confusion)) && /* pictures are known by now */
           answers_ask(&e->answers, &e->album) && (!o->against || compare(e)) && (!o->confusion || write_confusion(e));
}

ExitCode subcommand_eval(Driver *driver)
{
    const Options *o = &driver->options;
    Eval e = {.driver = driver, .precision = o->precision ? o->precision : "f32"};
    if (o->confusion && !options_spare_inputs(driver, o->confusion))
        return driver_exit_code(driver);
    progress_begin("eval");
    bool ok =
        make_program(&e, e.precision, &e.answers) && (!o->against || make_program(&e, o->against, &e.against)) && evaluate(&e);
    progress_end();
    if (!ok)
        return driver_exit_code(driver);
    (o->json ? print_json : print_text)(&e);
    if (e.answers.unreadable)
        diag_error(&driver->diag, NO_SPAN, "%lld of %lld %s could not be read and %s as wrong", (long long)e.answers.unreadable,
                   (long long)e.album.pictures.len, COUNTED(e.album.pictures.len, "picture"),
                   e.answers.unreadable == 1 ? "counts" : "count");
    return driver_exit_code(driver);
}
