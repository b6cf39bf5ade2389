/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Asking compiled programs: a process for some pictures at a time, as a user would call it.
 *
 *   program -k 5 --json -- a.png b.png …              labels, best first; of a picture that can't be read there are none
 *   program --output logits=y.npy -- a.png b.png …    what the labels come from, a row each
 *
 * Paths go to programs as they are; answers come in their order, and are told by that: of a path that is not UTF-8 JSON has no word. */
#include "compiler/report/answers.h"
#include "compiler/build/process.h"
#include "ir/npy.h"
#include "ir/base/progress.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES_A_RUN = 250 }; /* far below the system's limit on arguments */

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

static StrList command(const Answers *answers, Arena *arena)
{
    StrList words = {0};
    vec_push(arena, &words, answers->program);
    if (answers->threads) {
        vec_push(arena, &words, "--threads");
        vec_push(arena, &words, arena_printf(arena, "%lld", (long long)answers->threads));
    }
    return words;
}

/* ── Labels ──────────────────────────────────────────────────────────────────────────────────────────── */

static void take_answer(Answers *a, const Album *album, int64_t picture, const json_t *answer)
{
    a->unreadable += json_object_get(answer, "error") != NULL;
    size_t rank;
    json_t *prediction;
    const char *right = album->labels[album->pictures.at[picture].class];
    json_array_foreach (json_object_get(answer, "predictions"), rank, prediction) {
        const char *label = json_string_value(json_object_get(prediction, "label"));
        if (label && rank == 0)
            a->best[picture] = album_label(album, label);
        if (label && strcmp(label, right) == 0) {
            a->top1 += rank == 0;
            a->top5 += rank < 5;
            return;
        }
    }
}

static bool ask(Answers *a, const Album *album, int64_t begin, int64_t end, Arena *arena)
{
    StrList words = command(a, arena);
    StrBuf text = {.arena = arena};
    static const char *const more[] = {"-k", "5", "--json", "--"};
    for (int64_t i = 0; i < countof(more); i++)
        vec_push(arena, &words, more[i]);
    for (int64_t i = begin; i < end; i++)
        vec_push(arena, &words, album->pictures.at[i].path);
    vec_push(arena, &words, NULL);
    int code = process_run(words.at, &text, album->diag);
    json_t *answers = code >= 0 && text.text ? json_loads(text.text, 0, NULL) : NULL;
    size_t index;
    json_t *answer;
    if (json_array_size(answers) == (size_t)(end - begin))
        json_array_foreach (answers, index, answer)
            take_answer(a, album, begin + (int64_t)index, answer);
    else if (code >= 0)
        diag_resource(album->diag, NO_SPAN, "the compiled program answered %zu of %lld %s; its exit code is %d",
                      json_array_size(answers), (long long)(end - begin), COUNTED(end - begin, "picture"), code);
    json_decref(answers);
    return !diag_failed(album->diag);
}

bool answers_ask(Answers *answers, const Album *album)
{
    int64_t count = album->pictures.len;
    bool ok = true;
    answers->best = NEW_ARRAY(album->arena, int64_t, count);
    for (int64_t i = 0; i < count; i++)
        answers->best[i] = -1;
    for (int64_t i = 0; ok && i < count; i += PICTURES_A_RUN) {
        Arena *scratch = arena_new();
        progress_show((double)i / (double)count, "%lld of %lld pictures", (long long)i, (long long)count);
        ok = ask(answers, album, i, at_most(count, i + PICTURES_A_RUN), scratch);
        arena_free(scratch);
    }
    return ok;
}

/* ── Outputs ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Comparing {
    const Album *album;
    const char *output, *dir;
    Arena *scratch;       /* of the pictures at hand */
    StrList paths;
    OutputErrors *errors;
} Comparing;

/* NULL after a diagnostic. */
static const Tensor *output_of(Comparing *c, const Answers *answers)
{
    Arena *arena = c->scratch;
    StrList words = command(answers, arena);
    StrBuf labels = {.arena = arena};
    const char *path = arena_printf(arena, "%s/output.npy", c->dir);
    vec_push(arena, &words, "--output");
    vec_push(arena, &words, arena_printf(arena, "%s=%s", c->output, path));
    vec_push(arena, &words, "--");
    for (int64_t i = 0; i < c->paths.len; i++)
        vec_push(arena, &words, c->paths.at[i]);
    vec_push(arena, &words, NULL);
    int code = process_run(words.at, &labels, c->album->diag);
    const Tensor *tensor = code == 0 ? tensor_read_npy(path, arena) : NULL;
    if (tensor && tensor->rank == 2 && tensor->dims[0] == c->paths.len)
        return tensor;
    if (code >= 0)
        diag_resource(c->album->diag, NO_SPAN, "the compiled program gave no '%s'; its exit code is %d", c->output, code);
    return NULL;
}

static void compare_row(OutputErrors *errors, const Tensor *got, const Tensor *expected, int64_t row)
{
    double difference = 0, magnitude = 0;
    for (int64_t i = row * got->dims[1]; i < (row + 1) * got->dims[1]; i++) {
        double e = tensor_get(expected, i), error = fabs(tensor_get(got, i) - e);
        difference = isnan(error) ? INFINITY : fmax(difference, error);
        magnitude = fmax(magnitude, fabs(e));
    }
    double relative = difference > 0 ? difference / magnitude : 0;
    errors->mean += relative; /* their sum, until all are known */
    errors->largest = fmax(errors->largest, relative);
    errors->compared++;
}

static bool compare(Comparing *c, const Answers *got, const Answers *expected)
{
    const Tensor *a = output_of(c, got), *b = a ? output_of(c, expected) : NULL;
    for (int64_t i = 0; b && i < c->paths.len; i++)
        compare_row(c->errors, a, b, i);
    return b;
}

/* From picture `at` on the paths of up to `batch` pictures that both programs could read. Returns the first that is left. */
static int64_t gather(Comparing *c, const Answers *got, const Answers *expected, int64_t at, int64_t batch)
{
    c->paths = (StrList){0};
    for (; at < c->album->pictures.len && c->paths.len < batch; at++) {
        if (got->best[at] < 0 || expected->best[at] < 0)
            continue;
        vec_push(c->scratch, &c->paths, c->album->pictures.at[at].path);
        c->errors->agreed += got->best[at] == expected->best[at];
    }
    return at;
}

bool answers_compare(const Answers *got, const Answers *expected, const Album *album, const char *output, int64_t batch,
                     const char *dir, OutputErrors *errors)
{
    bool ok = true;
    *errors = (OutputErrors){0};
    for (int64_t at = 0; ok && at < album->pictures.len;) {
        progress_show((double)at / (double)album->pictures.len, "outputs of %lld of %lld pictures", (long long)at,
                      (long long)album->pictures.len);
        Comparing c = {.album = album, .output = output, .dir = dir, .scratch = arena_new(), .errors = errors};
        at = gather(&c, got, expected, at, batch);
        ok = !c.paths.len || compare(&c, got, expected);
        arena_free(c.scratch);
    }
    if (errors->compared)
        errors->mean /= (double)errors->compared;
    return ok;
}

/* ── Confusion ───────────────────────────────────────────────────────────────────────────────────────── */

/* A field as RFC 4180 has it. */
static void put_field(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Behind a class's label how often each class was the answer; pictures lie sorted by class, but not classes by number. */
static void put_row(FILE *out, const Answers *answers, const Album *album, int64_t class, int64_t *counts)
{
    memset(counts, 0, (size_t)album->n_labels * sizeof *counts);
    for (int64_t i = 0; i < album->pictures.len; i++)
        if (album->pictures.at[i].class == class && answers->best[i] >= 0)
            counts[answers->best[i]]++;
    put_field(out, album->labels[class]);
    for (int64_t i = 0; i < album->n_labels; i++)
        fprintf(out, ",%lld", (long long)counts[i]);
    fputs("\r\n", out);
}

bool answers_write_confusion(const Answers *answers, const Album *album, const char *path)
{
    FILE *out = fopen(path, "we");
    int64_t *counts = NEW_ARRAY(album->arena, int64_t, album->n_labels);
    if (!out)
        return false;
    put_field(out, "label");
    for (int64_t i = 0; i < album->n_labels; i++) {
        fputc(',', out);
        put_field(out, album->labels[i]);
    }
    fputs("\r\n", out);
    for (int64_t i = 0; i < album->n_labels; i++)
        put_row(out, answers, album, i, counts);
    bool ok = !ferror(out);
    return fclose(out) == 0 && ok;
}
