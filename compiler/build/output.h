/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Outputs: whole or not at all, and nothing left behind.
 *
 * Every file of a compilation is made in one hidden folder beside its place and renamed at the end; the folder
 * goes away on success, failure, Ctrl-C and even a failed allocation, and with the next output there after a kill. */
#ifndef CNXC_BUILD_OUTPUT_H
#define CNXC_BUILD_OUTPUT_H

#include "compiler/build/build.h"

void output_guard(void);   /* installs the signal handlers and the exit handler; call once */
void output_cleanup(void); /* removes the temporary folder, if there is one */

/* Makes the temporary folder beside path (or in TMPDIR if path is a device or NULL). NULL after a diagnostic. */
const char *output_temp_dir(const char *path, Arena *arena, Diag *diag);

bool output_is_stream(const char *path); /* a device, a pipe or standard output, which is written to and not replaced */

/* Moves a finished file to its place: renamed, or copied if the place is a device or a pipe. False after a
 * diagnostic. */
bool output_commit(const char *from, const char *to, Diag *diag);

/* May path be written? Refuses folders, and the same file as one of the inputs. False after a diagnostic. */
bool output_check(const char *path, const char *input, Diag *diag);
/* Likewise for a model: none of its files, and once it is loaded none that was read for it. */
bool output_check_parts(const char *path, const BuildOptions *options, Arena *arena, Diag *diag);

/* Whether both would be the same file, be it there or not. */
bool output_same_place(const char *a, const char *b, Arena *arena);

#endif
