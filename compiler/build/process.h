/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Running other programs: the compiled model, mostly. */
#ifndef CNXC_BUILD_PROCESS_H
#define CNXC_BUILD_PROCESS_H

#include "ir/base/diag.h"
#include "ir/base/str.h"

/* Runs arguments (NULL-terminated; arguments[0] is a path) and waits. output, if not NULL, receives its standard
 * output, NUL-terminated. Returns its exit code, or -1 after a diagnostic (it could not run, or a signal ended it). */
int process_run(const char *const *arguments, StrBuf *output, Diag *diag);

/* Becomes the program at path, which sees arguments[0] as its name; returns only after a diagnostic. */
void process_become(const char *path, const char *const *arguments, Diag *diag);

#endif
