/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Walk: the pictures in a folder and in the folders inside it. */
#ifndef CNXRT_CLI_WALK_H
#define CNXRT_CLI_WALK_H

typedef struct Walk Walk;

Walk *walk_new(const char *folder); /* NULL: out of memory */
void walk_free(Walk *walk);         /* NULL is allowed */

/* The next picture's path, by name within each folder, good until the next call; NULL: that was all. *error is 0, or why the
 * folder of this path can't be read. */
const char *walk_next(Walk *walk, int *error);

#endif
