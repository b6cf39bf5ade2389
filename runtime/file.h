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

/* 0 or an errno value: EISDIR for a folder, EINVAL for a device, EFBIG beyond limit bytes, ENOMEM … */
int file_read(const char *path, size_t limit, FileBytes *bytes);
int file_read_fd(int fd, size_t limit, FileBytes *bytes); /* to the end; fd may be a pipe */

#endif
