/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Answers as JSON. */
#ifndef CNXC_REPORT_JSON_H
#define CNXC_REPORT_JSON_H

#include "ir/base/diag.h"

#include <jansson.h>

/* What is relied on of JSON that may come from anywhere: a key that is there, and of a type. */
typedef enum JsonNeed { NEED_OBJECT, NEED_LIST, NEED_TEXT, NEED_NUMBER } JsonNeed;

typedef struct JsonRule {
    const char *list; /* of each item of a list at the top; NULL: of the top itself */
    const char *key;  /* NULL: the item itself */
    JsonNeed need;
} JsonRule;

/* Whether `root`, which is of the file at path, keeps n rules; false after a diagnostic: "'path' is no <what>: …". */
bool json_keeps(const json_t *root, const JsonRule *rules, int64_t n, const char *path, const char *what, Diag *diag);

/* The same of what a program answers. */
bool json_is_of_program(const json_t *root, const JsonRule *rules, int64_t n, const char *program, Diag *diag);

/* What the program arguments[0] says as JSON; NULL after a diagnostic. */
json_t *json_answer(const char *const *arguments, Arena *arena, Diag *diag);

void json_write(const json_t *answer, size_t layout, FILE *out); /* layout: jansson's flags; keys in the order they were set */

/* To standard output, and lets go of it; numbers that are not whole have so many digits. */
void json_print(json_t *answer, int digits);

json_t *json_text(const char *text); /* U+FFFD for what is not UTF-8 */
json_t *json_finite(double number); /* null where it is not: JSON has no infinity */

#endif
