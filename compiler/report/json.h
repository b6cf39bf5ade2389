/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Answers as JSON. */
#ifndef CNXC_REPORT_JSON_H
#define CNXC_REPORT_JSON_H

#include "ir/base/diag.h"

#include <jansson.h>

/* What the program arguments[0] says as JSON; NULL after a diagnostic. */
json_t *json_answer(const char *const *arguments, Arena *arena, Diag *diag);

void json_write(const json_t *answer, size_t layout, FILE *out); /* layout: jansson's flags; keys in the order they were set */

/* To standard output, and lets go of it; numbers that are not whole have so many digits. */
void json_print(json_t *answer, int digits);

json_t *json_text(const char *text); /* U+FFFD for what is not UTF-8 */
json_t *json_finite(double number); /* null where it is not: JSON has no infinity */

#endif
