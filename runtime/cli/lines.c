/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Lines: an answer in each of the four forms.
 *
 *   cat.jpg     tabby   0.820000                                                        a label a line, tabs between
 *   {"path": "cat.jpg", "predictions": [{"label": "tabby", "score": 0.82}]}             --jsonl; --json: a list of these
 *   cat.jpg,,tabby,0.820000                                                             --csv, below path,error,label_1,score_1
 *
 * Of labels of pixels the score is the area, beside it the colour that masks give it:
 *
 *   street.jpg  road    0.412000    #804080
 *   {"path": "street.jpg", "areas": [{"label": "road", "area": 0.412, "color": "#804080"}]}
 *
 * A picture without an answer has "error" in the place of "predictions", in CSV its column; without a form that has a place for
 * it, it is on standard error alone. A model without labels gives paths only. */
#include "runtime/cli/lines.h"
#include "runtime/cli/masks.h"

#include <string.h>

enum { COLOR_TEXT = 8 };

/* "#804080" */
static const char *color_text(int64_t class, char text[COLOR_TEXT])
{
    uint8_t rgb[3];
    mask_color(class, rgb);
    snprintf(text, COLOR_TEXT, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
    return text;
}

/* ── Text ────────────────────────────────────────────────────────────────────────────────────────────── */

static void put_text(const Lines *lines, const char *path, const cnxrt_prediction *best, int64_t n)
{
    char color[COLOR_TEXT];
    for (int64_t i = 0; i < n; i++) {
        put_escaped(stdout, path);
        putchar('\t');
        put_escaped(stdout, best[i].label);
        printf("\t%.6f%s%s\n", (double)best[i].score, lines->areas ? "\t" : "",
               lines->areas ? color_text(best[i].index, color) : "");
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

static void put_predictions(const Lines *lines, const cnxrt_prediction *best, int64_t n)
{
    char color[COLOR_TEXT];
    printf(", \"%s\": [", lines->areas ? "areas" : "predictions");
    for (int64_t i = 0; i < n; i++) {
        fputs(i ? ", {\"label\": " : "{\"label\": ", stdout);
        put_json_string(stdout, best[i].label);
        fputs(lines->areas ? ", \"area\": " : ", \"score\": ", stdout);
        put_score(best[i].score);
        if (lines->areas)
            printf(", \"color\": \"%s\"", color_text(best[i].index, color));
        putchar('}');
    }
    putchar(']');
}

static void put_object(const Lines *lines, const char *path, const cnxrt_prediction *best, int64_t n, const char *error)
{
    fputs("{\"path\": ", stdout);
    put_json_string(stdout, path);
    if (error) {
        fputs(", \"error\": ", stdout);
        put_json_string(stdout, error);
    } else if (n) {
        put_predictions(lines, best, n);
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

static void put_header(const Lines *lines)
{
    fputs("path,error", stdout);
    for (int64_t i = 1; i <= lines->k; i++)
        printf(",label_%lld,%s_%lld", (long long)i, lines->areas ? "area" : "score", (long long)i);
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
            put_header(lines);
        put_row(lines, path, best, n, error);
    } else if (cli->jsonl) {
        put_object(lines, path, best, n, error);
        putchar('\n');
    } else if (cli->json) {
        fputs(lines->begun ? ",\n " : "[", stdout);
        put_object(lines, path, best, n, error);
    } else {
        put_text(lines, path, best, n);
    }
    lines->begun = true;
}

void lines_end(Lines *lines)
{
    if (lines->cli->json)
        puts(lines->begun ? "]" : "[]");
}
