/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Words of command lines and help: names of options, the nearest name, lines of a width. The runtime is compiled with this file,
 * too. */
#ifndef CNXC_IR_BASE_WORDS_H
#define CNXC_IR_BASE_WORDS_H

#include <stdint.h>
#include <stdio.h>

/* The candidate nearest to word (Damerau-Levenshtein at most a third of its length), or NULL. */
const char *nearest_name(const char *word, const char *const *candidates, int64_t count);

/* "thread" of one, "threads" of none and of many; word is a literal. */
#define COUNTED(n, word) ((n) == 1 ? word : word "s")

/* The name of an option, behind its one dash or two. */
const char *without_dashes(const char *word);

/* text and a newline; every line after the first is indented, and breaks before width. */
void print_wrapped(FILE *out, const char *text, int indent, int width);

/* An entry of a list: its form, and help from column `indent` on, below the form where there is no room beside it. */
void print_entry(FILE *out, const char *form, const char *help, int indent, int width);

/* A command and, behind three blanks or more, what it does: below it where both don't fit. */
void print_example(FILE *out, const char *line, int width);

#endif
