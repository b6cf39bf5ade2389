/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sources: a model's text or bytes, from a file, a pipe or standard input. */
#include "compiler/frontend/input/source.h"
#include "compiler/frontend/input/file.h"
#include "ir/base/reads.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t LONGEST_PIPE = INT64_C(2) << 30; /* a regular file may be longer: it is mapped */

static const char *fetch(int fd, const char *path, int64_t *length, Arena *arena, Diag *diag)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        diag_resource(diag, NO_SPAN, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    if (S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode) || (S_ISCHR(status.st_mode) && fd != STDIN_FILENO)) {
        diag_error(diag, NO_SPAN, "%s is a %s, expected a file", path, S_ISDIR(status.st_mode) ? "directory" : "device");
        return NULL;
    }
    *length = status.st_size;
    const char *text = S_ISREG(status.st_mode) && fd != STDIN_FILENO ? file_map(fd, path, *length, arena)
                                                                     : file_read(fd, LONGEST_PIPE, length, arena);
    if (!text && errno == EFBIG)
        diag_error(diag, NO_SPAN, "%s is longer than 2 GiB, which only a regular file may be", path);
    else if (!text)
        diag_resource(diag, NO_SPAN, "cannot read %s: %s", path, strerror(errno));
    return text;
}

const Source *source_open(const char *path, Arena *arena, Diag *diag)
{
    bool standard_input = strcmp(path, "-") == 0;
    Source *source = NEW(arena, Source);
    source->path = standard_input ? "<stdin>" : arena_strdup(arena, path);
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        diag_resource(diag, NO_SPAN, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    if (!standard_input)
        reads_note(source->path);
    source->text = fetch(fd, source->path, &source->length, arena, diag);
    if (!standard_input)
        close(fd);
    return source->text ? source : NULL;
}

int64_t source_mark(const Source *source) { return source->length >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; }

int64_t source_first(const Source *source)
{
    int64_t at = source_mark(source);
    while (at < source->length && isspace((unsigned char)source->text[at]))
        at++;
    return at;
}
