/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files as bytes: regular files are mapped, pipes are read.
 *
 * A mapped file that another process cuts short raises SIGBUS when its lost pages are touched. The first mapping
 * installs a handler that names the file on standard error and ends the process with exit code 4; a SIGBUS
 * anywhere else takes its default course. */
#ifndef CNXC_FRONTEND_INPUT_FILE_H
#define CNXC_FRONTEND_INPUT_FILE_H

#include "ir/base/diag.h"

/* length bytes of the open file, read-only, for the arena's life; "" if length is 0, NULL with errno set if it
 * cannot be mapped. */
const char *file_map(int fd, const char *path, int64_t length, Arena *arena);

/* What else is to be done before the process ends so; it may do only what a signal handler may. */
void file_on_loss(void (*action)(void));

/* Everything that is left in fd. NULL with errno set; EFBIG: more than limit bytes. */
const char *file_read(int fd, int64_t limit, int64_t *length, Arena *arena);

#endif
