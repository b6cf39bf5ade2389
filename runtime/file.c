/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files: read one whole, but for those whose beginning is enough to refuse them, however long they are. The size that a file
 * states is only a hint: it may grow, shrink or be a pipe's 0. */
#include "runtime/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads until the room is full or the file at its end. */
static int fill(int fd, size_t room, FileBytes *bytes, bool *ended)
{
    uint8_t *data = realloc(bytes->data, room);
    if (!data)
        return ENOMEM;
    bytes->data = data;
    while (bytes->size < room) {
        ssize_t n = read(fd, bytes->data + bytes->size, room - bytes->size);
        *ended = n == 0;
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        bytes->size += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* sized: bytes in a regular file, 0 of others. */
static int read_all(int fd, size_t sized, FileLimit *limit, void *user, FileBytes *bytes)
{
    bool ended;
    size_t room = sized && sized < FILE_HEAD_BYTES ? sized + 1 : FILE_HEAD_BYTES;
    int error = fill(fd, room, bytes, &ended);
    size_t most = limit && !error ? limit(bytes->data, bytes->size, user) : SIZE_MAX / 2;
    if (error || ended || most == 0)
        return error;
    if (sized > most)
        return EFBIG;
    while (!error && !ended && bytes->size <= most) {
        room = sized >= room ? sized + 1 : room * 2;
        error = fill(fd, room <= most ? room : most + 1, bytes, &ended); /* one more, to see whether the file goes on */
    }
    return error || ended ? error : EFBIG;
}

int file_read_fd(int fd, FileLimit *limit, void *user, FileBytes *bytes)
{
    struct stat info;
    *bytes = (FileBytes){0};
    if (fstat(fd, &info) != 0)
        return errno;
    if (S_ISDIR(info.st_mode))
        return EISDIR;
    int error = read_all(fd, S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : 0, limit, user, bytes);
    if (error) {
        free(bytes->data);
        *bytes = (FileBytes){0};
    }
    return error;
}

int file_read(const char *path, FileLimit *limit, void *user, FileBytes *bytes)
{
    struct stat info;
    *bytes = (FileBytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno;
    int error = fstat(fd, &info) == 0 && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) ? EINVAL : 0;
    if (!error)
        error = file_read_fd(fd, limit, user, bytes);
    close(fd);
    return error;
}
