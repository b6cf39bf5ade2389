/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sources: what is read as a whole, from a file, a pipe or standard input. */
#ifndef CNXC_FRONTEND_INPUT_SOURCE_H
#define CNXC_FRONTEND_INPUT_SOURCE_H

#include "ir/base/diag.h"

/* Mapped read-only, or read if a pipe; "-" is standard input. NULL after a diagnostic. */
const Source *source_open(const char *path, Arena *arena, Diag *diag);

int64_t source_mark(const Source *source);  /* bytes of the mark that Windows puts in front of UTF-8 */
int64_t
source_first(const Source *source); /* where a text's first character behind mark and blanks stands; its end: it has none */

#endif
