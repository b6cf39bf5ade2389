/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Diagnostics: find the line, print it, underline the span. Tabs are kept so that carets stay under.
 * Names, paths and lines come from elsewhere: none of their control characters reaches a terminal (escape.c). */
#include "ir/base/diag.h"
#include "ir/base/escape.h"
#include "ir/base/terminal.h"

#include <stdlib.h>
#include <string.h>

typedef struct Place {
    int64_t line, column;           /* from 1; the column counts bytes */
    const char *line_text;
    int64_t line_length;
} Place;

enum { LONGEST_LINE = 160 }; /* a longer line is not shown: minified models have megabytes on one */

static Place find_place(Span span)
{
    const char *text = span.source->text, *end = text + span.source->length;
    const char *at = span.begin <= span.source->length ? text + span.begin : end;
    Place place = {1, 1, text, 0};
    for (const char *p = text; p < at; p++)
        if (*p == '\n') {
            place.line++;
            place.line_text = p + 1;
        }
    place.column = at - place.line_text + 1;
    const char *newline = memchr(place.line_text, '\n', (size_t)(end - place.line_text));
    place.line_length = (newline ? newline : end) - place.line_text;
    return place;
}

static const char *paint(const Diag *diag, const char *code) { return diag->color ? code : ""; }

/* Prints part of a line as it is in the file, control characters escaped, or blanks as wide; out NULL: nothing. Its columns. */
static int64_t show_part(FILE *out, const char *text, int64_t length, bool blank)
{
    char piece[ESCAPE_ROOM];
    int64_t columns = 0;
    for (int n; (n = escape_next(text, length, piece)); text += n, length -= n) {
        if (*text == '\t' || *text == '\\')
            memcpy(piece, (char[]){*text, 0}, 2);
        int width = *piece == '\\' ? (int)strlen(piece) : 1;
        columns += width;
        if (out && blank && *piece != '\t')
            fprintf(out, "%*s", width, "");
        else if (out)
            fputs(piece, out);
    }
    return columns;
}

static void show_line(const Diag *diag, Span span, Place place)
{
    if (place.line_length > LONGEST_LINE)
        return;
    fputs("   ", diag->out);
    show_part(diag->out, place.line_text, place.line_length, false);
    fputs("\n   ", diag->out);
    show_part(diag->out, place.line_text, place.column - 1, true);
    int64_t width = span.end - span.begin, room = place.line_length - place.column + 1;
    int64_t columns = show_part(NULL, place.line_text + place.column - 1, width < room ? width : room, true);
    fprintf(diag->out, "%s^", paint(diag, "\033[1;32m"));
    for (int64_t i = 1; i < columns; i++)
        fputc('~', diag->out);
    fprintf(diag->out, "%s\n", paint(diag, "\033[0m"));
}

static void report_json(const Diag *diag, const char *severity, Span span, const char *message)
{
    fprintf(diag->out, "{\"severity\": \"%s\", ", severity);
    if (span.source) {
        fputs("\"path\": ", diag->out);
        put_json_string(diag->out, span.source->path);
        if (span.source->binary) {
            fprintf(diag->out, ", \"byte\": %lld, ", (long long)span.begin);
        } else {
            Place place = find_place(span);
            fprintf(diag->out, ", \"line\": %lld, \"column\": %lld, ", (long long)place.line, (long long)place.column);
        }
    }
    fputs("\"message\": ", diag->out);
    put_json_string(diag->out, message);
    fputs("}\n", diag->out);
}

static void report_text(const Diag *diag, const char *severity, const char *color, Span span, const char *message)
{
    Place place = {0};
    bool text = span.source && !span.source->binary && span.source->text;
    fputs(paint(diag, "\033[1m"), diag->out);
    put_escaped(diag->out, span.source ? span.source->path : "cnxc");
    if (text) {
        place = find_place(span);
        fprintf(diag->out, ":%lld:%lld", (long long)place.line, (long long)place.column);
    }
    fprintf(diag->out, ": %s%s:%s ", paint(diag, color), severity, paint(diag, "\033[0m"));
    if (span.source && span.source->binary)
        fprintf(diag->out, "at byte %lld: ", (long long)span.begin);
    put_escaped(diag->out, message);
    fputc('\n', diag->out);
    if (text)
        show_line(diag, span, place);
}

static void report(Diag *diag, const char *severity, const char *color, Span span, const char *format, va_list args)
{
    Arena *scratch = arena_new();
    const char *message = arena_vprintf(scratch, format, args);
    Diag to = *diag;
    if (!to.out)
        to.out = stderr;
    terminal_clear();
    if (to.json)
        report_json(&to, severity, span, message);
    else
        report_text(&to, severity, color, span, message);
    arena_free(scratch);
}

/* Whether it was said before, at the same place; notes it. */
static bool was_said(Diag *diag, Span span, const char *format, va_list args)
{
    Arena *scratch = arena_new();
    uint64_t hash = 14695981039346656037u ^ (uint64_t)span.begin; /* FNV-1a */
    for (const char *c = arena_vprintf(scratch, format, args); *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    arena_free(scratch);
    for (int64_t i = 0; i < diag->n_said; i++)
        if (diag->said[i] == hash)
            return true;
    if (diag->n_said < (int64_t)(sizeof diag->said / sizeof *diag->said))
        diag->said[diag->n_said++] = hash;
    return false;
}

static void report_news(Diag *diag, const char *severity, const char *color, Span span, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    if (!diag->once || !was_said(diag, span, format, again))
        report(diag, severity, color, span, format, args);
    va_end(again);
}

static void report_error(Diag *diag, ExitCode code, Span span, const char *format, va_list args)
{
    if (diag->n_errors++ == 0)
        diag->exit_code = code;
    if (diag->n_errors <= (diag->error_limit ? diag->error_limit : 20))
        report(diag, "error", "\033[1;31m", span, format, args);
}

#define WITH_ARGS(call)         \
    do {                        \
        va_list args;           \
        va_start(args, format); \
        call;                   \
        va_end(args);           \
    } while (0)

void diag_error(Diag *diag, Span span, const char *format, ...) { WITH_ARGS(report_error(diag, EXIT_INPUT, span, format, args)); }

void diag_unsupported(Diag *diag, Span span, const char *format, ...)
{
    WITH_ARGS(report_error(diag, EXIT_UNSUPPORTED, span, format, args));
}

void diag_resource(Diag *diag, Span span, const char *format, ...)
{
    WITH_ARGS(report_error(diag, EXIT_RESOURCE, span, format, args));
}

void diag_warning(Diag *diag, Span span, const char *format, ...)
{
    diag->n_warnings++;
    WITH_ARGS(report_news(diag, "warning", "\033[1;35m", span, format, args));
}

void diag_note(Diag *diag, Span span, const char *format, ...)
{
    WITH_ARGS(report_news(diag, "note", "\033[1;36m", span, format, args));
}

bool diag_failed(const Diag *diag) { return diag->n_errors > 0; }

const char *span_place(Arena *arena, Span span)
{
    if (!span.source)
        return "an unknown place";
    if (span.source->binary)
        return arena_printf(arena, "%s at byte %lld", span.source->path, (long long)span.begin);
    Place place = find_place(span);
    return arena_printf(arena, "%s:%lld:%lld", span.source->path, (long long)place.line, (long long)place.column);
}

bool span_position(Span span, int64_t *line, int64_t *column)
{
    if (!span.source || span.source->binary || !span.source->text)
        return false;
    Place place = find_place(span);
    *line = place.line;
    *column = place.column;
    return true;
}

_Noreturn void diag_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "cnxc: internal error: %s:%d: %s\ncnxc: this is a bug of cnxc, please report it\n", file, line, what);
    exit(EXIT_BUG);
}
