/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Diagnostics: errors, warnings and notes at a place in a source.
 *
 *   model.onnxtxt:14:9: error: Conv expects 2 to 3 inputs, got 1
 *      y = Conv(x)
 *          ^~~~
 *
 * Lower case, no full stop, expected and actual both named. Binary sources report a byte offset:
 *   model.onnx: error: at byte 312: varint is longer than 10 bytes
 * After an error, go on where that is safe, and end at the phase's end (diag_failed). */
#ifndef CNXC_IR_BASE_DIAG_H
#define CNXC_IR_BASE_DIAG_H

#include "ir/base/arena.h"

#include <stdbool.h>
#include <stdio.h>

/* The process's exit codes; an error carries the one it leads to. */
typedef enum ExitCode {
    EXIT_OK = 0,
    EXIT_INPUT = 1,       /* the input is wrong */
    EXIT_USAGE = 2,
    EXIT_UNSUPPORTED = 3, /* valid, but not supported */
    EXIT_RESOURCE = 4,    /* files, memory or another resource */
    EXIT_BUG = 70,        /* a bug of ours */
} ExitCode;

/* A text or binary input. Owned by the compilation's arena; text need not be NUL-terminated. */
typedef struct Source {
    const char *path; /* as the user wrote it */
    const char *text;
    int64_t length;
    bool binary; /* report byte offsets, show no line */
} Source;

/* A half-open range of bytes in a source; source NULL: no place is known. */
typedef struct Span {
    const Source *source;
    int64_t begin, end;
} Span;

typedef struct Diag {
    FILE *out;          /* standard error unless a test redirects it */
    bool json;          /* --diagnostics=json: one object a line */
    bool color;
    bool once;          /* warnings and notes are said once, however often a model is read */
    uint64_t said[32];  /* with once: hashes of what was said; no more than fit are remembered */
    int64_t n_said;
    int64_t n_errors, n_warnings;
    int64_t error_limit; /* after so many errors further ones are only counted; 0: 20 */
    ExitCode exit_code; /* of the first error */
} Diag;

#define NO_SPAN ((Span){0})

void diag_error(Diag *diag, Span span, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_unsupported(Diag *diag, Span span, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_resource(Diag *diag, Span span, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_warning(Diag *diag, Span span, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_note(Diag *diag, Span span, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool diag_failed(const Diag *diag); /* any error so far */

/* "path:line:column" of where a span begins (from 1), for messages that cite a second place. */
const char *span_place(Arena *arena, Span span);

/* The line and column of that place, from 1; false: the source has no lines, or there is none. */
bool span_position(Span span, int64_t *line, int64_t *column);

/* A compiler bug: prints where and ends with exit code 70. */
#define unreachable() diag_bug(__FILE__, __LINE__, "unreachable")
_Noreturn void diag_bug(const char *file, int line, const char *what);

#endif
