/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Text for people and as JSON, without characters that a terminal obeys. The runtime is compiled with this file, too. */
#ifndef CNXC_IR_BASE_ESCAPE_H
#define CNXC_IR_BASE_ESCAPE_H

#include <stdint.h>
#include <stdio.h>

enum { ESCAPE_ROOM = 13 }; /* of the longest piece, with NUL */

/* The next character of text, or its escape, in piece; bytes that it stands for, 0: none of the `left` are left. */
int escape_next(const char *text, int64_t left, char piece[ESCAPE_ROOM]);

void put_escaped(FILE *out, const char *text);
void put_json_string(FILE *out, const char *text); /* in quotes; what is not UTF-8 as U+FFFD */
void put_json_text(FILE *out, const char *json);   /* what a writer of JSON wrote, which escapes C0 only */

#endif
