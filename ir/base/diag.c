/* Diagnostics: find the line, print it, underline the span. Tabs are kept so that carets stay under. */
#include "ir/base/diag.h"

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

static void show_line(const Diag *diag, Span span, Place place)
{
    if (place.line_length > LONGEST_LINE)
        return;
    fputs("   ", diag->out);
    for (int64_t i = 0; i < place.line_length; i++) {
        unsigned char c = (unsigned char)place.line_text[i];
        fputc(c < 32 && c != '\t' ? '?' : c, diag->out);
    }
    fputs("\n   ", diag->out);
    for (int64_t i = 0; i < place.column - 1; i++)
        fputc(place.line_text[i] == '\t' ? '\t' : ' ', diag->out);
    int64_t width = span.end - span.begin, room = place.line_length - place.column + 1;
    fputs(paint(diag, "\033[1;32m"), diag->out);
    fputc('^', diag->out);
    for (int64_t i = 1; i < width && i < room; i++)
        fputc('~', diag->out);
    fprintf(diag->out, "%s\n", paint(diag, "\033[0m"));
}

static void put_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 32 || c == 127)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
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
    if (text) {
        place = find_place(span);
        fprintf(diag->out, "%s:%lld:%lld: ", span.source->path, (long long)place.line, (long long)place.column);
    } else {
        fprintf(diag->out, "%s: ", span.source ? span.source->path : "cnxc");
    }
    fprintf(diag->out, "%s%s:%s ", paint(diag, color), severity, paint(diag, "\033[0m"));
    if (span.source && span.source->binary)
        fprintf(diag->out, "at byte %lld: ", (long long)span.begin);
    fprintf(diag->out, "%s\n", message);
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
    if (to.json)
        report_json(&to, severity, span, message);
    else
        report_text(&to, severity, color, span, message);
    arena_free(scratch);
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
    WITH_ARGS(report(diag, "warning", "\033[1;35m", span, format, args));
}

void diag_note(Diag *diag, Span span, const char *format, ...)
{
    WITH_ARGS(report(diag, "note", "\033[1;36m", span, format, args));
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

_Noreturn void diag_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "cnxc: internal error: %s:%d: %s\ncnxc: this is a bug of cnxc, please report it\n", file, line, what);
    exit(EXIT_BUG);
}
