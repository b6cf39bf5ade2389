/* Sources: a model's text or bytes, from a file, a pipe or standard input. */
#include "compiler/frontend/input/source.h"
#include "compiler/frontend/input/file.h"
#include "ir/base/vec.h"

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
    source->text = fetch(fd, source->path, &source->length, arena, diag);
    if (!standard_input)
        close(fd);
    return source->text ? source : NULL;
}

/* Things that are often saved under the name of a model. */
const char *source_foreign(const Source *source)
{
    static const struct {
        const char *start, *what;
    } kinds[] = {
        {"version https://git-lfs", "a Git LFS pointer, not the file it stands for; run git lfs pull"},
        {"<!DOCTYPE", "an HTML page"},
        {"<!doctype", "an HTML page"},
        {"<html", "an HTML page"},
        {"<HTML", "an HTML page"},
        {"<?xml", "an XML file"},
        {"{", "a JSON file"},
        {"\x1f\x8b", "gzip-compressed; decompress it first"},
        {"PK\x03\x04", "a ZIP archive"},
        {"\x89HDF", "an HDF5 file"},
        {"\x7f"
         "ELF",
         "an executable"},
        {"\x89PNG", "a picture"},
        {"\xff\xd8\xff", "a picture"},
    };
    for (int64_t i = 0; i < countof(kinds); i++) {
        size_t n = strlen(kinds[i].start);
        if (source->length >= (int64_t)n && memcmp(source->text, kinds[i].start, n) == 0)
            return kinds[i].what;
    }
    return NULL;
}
