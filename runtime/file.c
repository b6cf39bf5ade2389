/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files: read one whole. The size that a file states is only a hint: it may grow, shrink or be a pipe's 0. */
#include "runtime/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool grow(FileBytes *bytes, size_t *room, size_t limit)
{
    size_t bigger = *room < limit / 2 ? *room * 2 : limit + 1; /* one more, to see whether the file goes on */
    uint8_t *data = bigger > *room ? realloc(bytes->data, bigger) : NULL;
    if (!data)
        return false;
    bytes->data = data;
    *room = bigger;
    return true;
}

static int read_all(int fd, size_t room, size_t limit, FileBytes *bytes)
{
    if (!(bytes->data = malloc(room)))
        return ENOMEM;
    for (;;) {
        if (bytes->size > limit)
            return EFBIG;
        if (bytes->size == room && !grow(bytes, &room, limit))
            return ENOMEM;
        ssize_t n = read(fd, bytes->data + bytes->size, room - bytes->size);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        bytes->size += n > 0 ? (size_t)n : 0;
    }
}

int file_read_fd(int fd, size_t limit, FileBytes *bytes)
{
    struct stat info;
    *bytes = (FileBytes){0};
    if (fstat(fd, &info) != 0)
        return errno;
    if (S_ISDIR(info.st_mode))
        return EISDIR;
    bool sized = S_ISREG(info.st_mode) && info.st_size > 0;
    if (sized && (uint64_t)info.st_size > limit)
        return EFBIG;
    int error = read_all(fd, sized ? (size_t)info.st_size + 1 : 65536, limit, bytes);
    if (error) {
        free(bytes->data);
        *bytes = (FileBytes){0};
    }
    return error;
}

int file_read(const char *path, size_t limit, FileBytes *bytes)
{
    struct stat info;
    *bytes = (FileBytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno;
    int error = fstat(fd, &info) == 0 && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) ? EINVAL : 0;
    if (!error)
        error = file_read_fd(fd, limit, bytes);
    close(fd);
    return error;
}
