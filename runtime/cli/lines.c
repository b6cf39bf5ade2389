/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Lines: an answer in each of the four forms.
 *
 *   cat.jpg     tabby   0.820000                                                        a label a line, tabs between
 *   {"path": "cat.jpg", "predictions": [{"label": "tabby", "score": 0.82}]}             --jsonl; --json: a list of these
 *   cat.jpg,,tabby,0.820000                                                             --csv, below path,error,label_1,score_1
 *
 * A picture without an answer has "error" in the place of "predictions", in CSV its column; without a form that has a place for
 * it, it is on standard error alone. A model without labels gives paths only. */
#include "runtime/cli/lines.h"

#include <string.h>

/* ── Text ────────────────────────────────────────────────────────────────────────────────────────────── */

static void put_text(const char *path, const cnxrt_prediction *best, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        put_escaped(stdout, path);
        putchar('\t');
        put_escaped(stdout, best[i].label);
        printf("\t%.6f\n", (double)best[i].score);
    }
}

/* ── JSON ────────────────────────────────────────────────────────────────────────────────────────────── */

static void put_score(float score)
{
    if (score >= 0) /* JSON has no NaN */
        printf("%.7g", (double)score);
    else
        fputs("null", stdout);
}

static void put_predictions(const cnxrt_prediction *best, int64_t n)
{
    fputs(", \"predictions\": [", stdout);
    for (int64_t i = 0; i < n; i++) {
        fputs(i ? ", {\"label\": " : "{\"label\": ", stdout);
        put_json_string(stdout, best[i].label);
        fputs(", \"score\": ", stdout);
        put_score(best[i].score);
        putchar('}');
    }
    putchar(']');
}

static void put_object(const char *path, const cnxrt_prediction *best, int64_t n, const char *error)
{
    fputs("{\"path\": ", stdout);
    put_json_string(stdout, path);
    if (error) {
        fputs(", \"error\": ", stdout);
        put_json_string(stdout, error);
    } else if (n) {
        put_predictions(best, n);
    }
    putchar('}');
}

/* ── CSV (RFC 4180) ──────────────────────────────────────────────────────────────────────────────────── */

/* Escaped as in text, which leaves commas and quotes to be quoted. */
static void put_field(const char *text)
{
    char piece[ESCAPE_ROOM];
    bool quoted = strpbrk(text, ",\"");
    int64_t left = (int64_t)strlen(text);
    if (quoted)
        putchar('"');
    for (int n; (n = escape_next(text, left, piece)); text += n, left -= n) {
        if (*text == '"')
            putchar('"');
        fputs(piece, stdout);
    }
    if (quoted)
        putchar('"');
}

static void put_header(int64_t k)
{
    fputs("path,error", stdout);
    for (int64_t i = 1; i <= k; i++)
        printf(",label_%lld,score_%lld", (long long)i, (long long)i);
    putchar('\n');
}

static void put_row(const Lines *lines, const char *path, const cnxrt_prediction *best, int64_t n, const char *error)
{
    put_field(path);
    putchar(',');
    put_field(error ? error : "");
    for (int64_t i = 0; i < lines->k; i++) {
        putchar(',');
        put_field(i < n ? best[i].label : "");
        putchar(',');
        if (i < n)
            printf("%.6f", (double)best[i].score);
    }
    putchar('\n');
}

/* ── All ─────────────────────────────────────────────────────────────────────────────────────────────── */

void lines_put(Lines *lines, const char *path, const cnxrt_prediction *best, int64_t n, const char *error)
{
    const Cli *cli = lines->cli;
    if (cli->csv) {
        if (!lines->begun)
            put_header(lines->k);
        put_row(lines, path, best, n, error);
    } else if (cli->jsonl) {
        put_object(path, best, n, error);
        putchar('\n');
    } else if (cli->json) {
        fputs(lines->begun ? ",\n " : "[", stdout);
        put_object(path, best, n, error);
    } else {
        put_text(path, best, n);
    }
    lines->begun = true;
}

void lines_end(Lines *lines)
{
    if (lines->cli->json)
        puts(lines->begun ? "]" : "[]");
}
