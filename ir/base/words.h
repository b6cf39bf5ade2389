/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Words of command lines and help: names of options, the nearest name, lines of a width. The runtime is compiled with this file,
 * too. */
#ifndef CNXC_IR_BASE_WORDS_H
#define CNXC_IR_BASE_WORDS_H

#include <stdint.h>
#include <stdio.h>

/* The candidate nearest to word (Damerau-Levenshtein at most a third of its length), or NULL. */
const char *nearest_name(const char *word, const char *const *candidates, int64_t count);

/* The name of an option, behind its one dash or two. */
const char *without_dashes(const char *word);

/* text and a newline; every line after the first is indented, and breaks before width. */
void print_wrapped(FILE *out, const char *text, int indent, int width);

#endif
