/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files: read one whole, whatever it turns out to be. */
#ifndef CNXRT_FILE_H
#define CNXRT_FILE_H

#include <stddef.h>
#include <stdint.h>

typedef struct FileBytes {
    uint8_t *data; /* malloc'ed; the reader frees it */
    size_t size;
} FileBytes;

/* How many bytes there may be, by what the file begins with: all of it, or FILE_HEAD_BYTES. 0: these are enough to refuse it, and
 * no more is read. */
typedef size_t FileLimit(const uint8_t *head, size_t n, void *user);
enum { FILE_HEAD_BYTES = 1 << 17 };

/* 0 or an errno value: EISDIR for a folder, EINVAL for a device, EFBIG beyond the limit (NULL: none), ENOMEM … */
int file_read(const char *path, FileLimit *limit, void *user, FileBytes *bytes);
int file_read_fd(int fd, FileLimit *limit, void *user, FileBytes *bytes); /* to the end; fd may be a pipe */

#endif
