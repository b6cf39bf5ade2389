/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a measurement was made on, and of what. */
#ifndef CNXC_REPORT_MACHINE_H
#define CNXC_REPORT_MACHINE_H

#include "ir/base/arena.h"
#include "ir/base/diag.h"

#include <jansson.h>
#include <stdbool.h>

json_t *machine_json(void); /* the caller's */

/* What so many threads do together at best, measured: multiply-adds of each precision and reading memory, in 1e9 a second; null where
 * it can't be measured, or the CPU has no instruction of its own for it. The caller's. */
json_t *machine_peaks(int64_t threads);

/* Is it something to run rather than a model: an executable, or a script that starts one? False, too, after a diagnostic. */
bool machine_is_program(const char *path, Diag *diag);

/* What a compiled program says of itself (--info --json), with its "hashes" added. NULL after a diagnostic: it can't be run, or
 * is no program that cnxc has made. The caller's. */
json_t *machine_program(const char *program, Arena *arena, Diag *diag);

#endif
