/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Which files a process has read: no output may take their place, and build systems run it again when one of them changes. Whoever
 * opens a file for its content notes it; any thread may. */
#ifndef CNXC_IR_BASE_READS_H
#define CNXC_IR_BASE_READS_H

#include "ir/base/arena.h"

#include <stdbool.h>

void reads_keep(void); /* from now on notes are kept, for the process's life */
void reads_note(const char *path); /* a file, or a folder whose names matter */

/* Whether path is one of them, by this or any other name. */
bool reads_hold(const char *path);

/* A rule as make and Ninja read it, "TARGET: FILE FILE", each file once, in the order of the first note. */
const char *reads_rule(const char *target, Arena *arena);

#endif
