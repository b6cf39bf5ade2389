/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Weights in files: external data of ONNX models, and the files that checkpoints consist of.
 *
 * A model must not be able to name any file of the machine. So a location is relative, without "..", and what it
 * leads to, all links followed, lies in the model's directory, even if somebody changes the links meanwhile. One link
 * out is well known and allowed: a Hugging Face hub cache keeps DIR/snapshots/REVISION/model.safetensors → DIR/blobs/HASH.
 *
 *   ["location": "w.bin", "offset": "64", "length": "12"]   →   tensor->data = the mapping's bytes 64 … 75 */
#define _GNU_SOURCE /* O_PATH */
#include "compiler/frontend/input/external.h"
#include "compiler/frontend/input/file.h"
#include "ir/base/reads.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that were opened, so that each is mapped, or missed, once: a compilation may name one file a thousand times. */
typedef struct OpenFile {
    struct OpenFile *next;
    const Arena *arena; /* the compilation it belongs to */
    ExternalFile file;    /* data NULL: it cannot be read, which has been said */
    dev_t device;
    ino_t number;         /* on the device */
} OpenFile;
static OpenFile *open_files;

static void forget(void *object)
{
    for (OpenFile **f = &open_files; *f; f = &(*f)->next)
        if (*f == object) {
            *f = (*f)->next;
            return;
        }
}

static bool has_parent_step(const char *path)
{
    for (const char *step = path; step; step = strchr(step, '/')) {
        step += *step == '/';
        if (strncmp(step, "..", 2) == 0 && (step[2] == '/' || step[2] == 0))
            return true;
    }
    return false;
}

static bool check_location(const char *location, Span span, Diag *diag)
{
    if (!*location)
        diag_error(diag, span, "external data has an empty location, expected a path relative to the model");
    else if (*location == '/')
        diag_error(diag, span, "external data must be named relative to the model, found the absolute path \"%s\"", location);
    else if (has_parent_step(location))
        diag_error(diag, span, "external data must lie in the model's directory, found \"%s\"", location);
    else
        return true;
    return false;
}

static bool lies_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    n -= n && dir[n - 1] == '/'; /* the root */
    return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* dir is HUB/snapshots/REVISION and path is in HUB/blobs. */
static bool is_hub_blob(const char *path, char *dir)
{
    char *revision = strrchr(dir, '/');
    if (!revision || revision == dir)
        return false;
    *revision = 0;
    if (!str_ends_with(dir, "/snapshots"))
        return false;
    dir[strlen(dir) - strlen("snapshots")] = 0; /* "HUB/" */
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && str_starts_with(path + n, "blobs/");
}

/* Where an open file lies, in the kernel's words, whatever becomes of the names that led to it. False with errno set. */
static bool find_place(int fd, char place[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, place, PATH_MAX - 1);
    place[n > 0 ? n : 0] = 0;
    return n > 0;
}

static const char *reason(void) { return errno == ENOENT ? "/proc is not mounted" : strerror(errno); }

/* The open file is a regular one that lies where it may. */
static bool check_place(int fd, int dir, const char *path, Span span, Diag *diag)
{
    char place[PATH_MAX], home[PATH_MAX];
    struct stat status;
    if (!find_place(fd, place) || !find_place(dir, home) || fstat(fd, &status) != 0)
        diag_resource(diag, span, "cannot tell where external data %s lies: %s", path, reason());
    else if (!lies_in(place, home) && !is_hub_blob(place, home))
        diag_error(diag, span, "external data %s is a link to %s, outside the model's directory", path, place);
    else if (!S_ISREG(status.st_mode))
        diag_error(diag, span, "external data %s is not a regular file", path);
    else
        return true;
    return false;
}

/* A name may lead elsewhere the next time: it is followed once, and what it led to is checked before it is opened for reading. */
static int open_checked(const char *dir_path, const char *location, const char *path, Span span, Diag *diag)
{
    char link[32];
    int dir = open(*dir_path ? dir_path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int place = dir < 0 ? -1 : openat(dir, location, O_PATH | O_CLOEXEC), fd = -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", place);
    if (place < 0 || (check_place(place, dir, path, span, diag) && (fd = open(link, O_RDONLY | O_CLOEXEC)) < 0))
        diag_resource(diag, span, "cannot open external data %s: %s", path, strerror(errno));
    if (place >= 0)
        close(place);
    if (dir >= 0)
        close(dir);
    return fd;
}

static bool map_file(OpenFile *f, int fd, Span span, Arena *arena, Diag *diag)
{
    ExternalFile *file = &f->file;
    struct stat status;
    if (fstat(fd, &status) == 0) {
        f->device = status.st_dev;
        f->number = status.st_ino;
        file->links = (int64_t)status.st_nlink;
        file->length = status.st_size;
        file->data = (const uint8_t *)file_map(fd, file->path, file->length, arena);
    }
    if (!file->data)
        diag_resource(diag, span, "cannot map external data %s: %s", file->path, strerror(errno));
    else
        reads_note(file->path);
    close(fd);
    return file->data != NULL;
}

static const char *join(Arena *arena, const char *dir, const char *location)
{
    if (!*dir || strcmp(dir, ".") == 0)
        return arena_strdup(arena, location);
    return arena_printf(arena, "%s%s%s", dir, str_ends_with(dir, "/") ? "" : "/", location);
}

const ExternalFile *external_open(const char *dir, const char *location, Span span, Arena *arena, Diag *diag)
{
    if (!check_location(location, span, diag))
        return NULL;
    const char *path = join(arena, dir, location);
    for (const OpenFile *f = open_files; f; f = f->next)
        if (f->arena == arena && strcmp(f->file.path, path) == 0)
            return f->file.data ? &f->file : NULL;
    OpenFile *f = NEW(arena, OpenFile);
    f->arena = arena;
    f->file = (ExternalFile){.path = path, .location = arena_strdup(arena, location)};
    f->next = open_files;
    open_files = f;
    arena_on_free(arena, forget, f);
    int fd = open_checked(dir, location, path, span, diag);
    return fd >= 0 && map_file(f, fd, span, arena, diag) ? &f->file : NULL;
}

bool external_is_open(const char *path, const Arena *arena)
{
    struct stat asked;
    bool found = false;
    if (stat(path, &asked) != 0)
        return false;
    for (const OpenFile *f = open_files; f && !found; f = f->next)
        found = f->arena == arena && f->file.data && f->device == asked.st_dev && f->number == asked.st_ino;
    return found;
}

/* Elements may be read through pointers of their type: an unaligned place is copied, and so are several in a byte. */
void external_place(Tensor *tensor, const ExternalFile *file, int64_t offset, int64_t length, Arena *arena)
{
    const uint8_t *data = file->data + offset;
    int64_t size = dtype_size(tensor->dtype);
    if (dtype_packed(tensor->dtype) > 1) {
        tensor_unpack(tensor, data, arena);
        return;
    }
    if (length && size > 1 && (uintptr_t)data % (uintptr_t)(size > 8 ? 8 : size))
        data = memcpy(arena_alloc(arena, (size_t)length), data, (size_t)length);
    tensor->is_mapped = file->location && data == file->data + offset;
    tensor->data = data;
    tensor->location = file->location ? file->path : NULL;
    tensor->offset = offset;
    tensor->length = length;
}

static bool check_range(const Tensor *tensor, const ExternalFile *file, int64_t offset, int64_t *length, Span span, Arena *arena,
                        Diag *diag)
{
    Type type = tensor_type(tensor);
    int64_t needed;
    if (__builtin_mul_overflow(tensor->count, dtype_size(tensor->dtype), &needed)) {
        diag_error(diag, span, "%s has more than 2^63 - 1 bytes", type_text(arena, &type));
        return false;
    }
    needed = tensor_file_bytes(tensor);
    if (*length < 0)
        *length = needed;
    if (*length != needed) {
        diag_error(diag, span, "%s needs %" PRId64 " bytes, but the length of its external data is %" PRId64,
                   type_text(arena, &type), needed, *length);
        return false;
    }
    if (offset < 0 || offset > file->length || *length > file->length - offset) {
        diag_error(diag, span,
                   "external data of %" PRId64 " bytes at offset %" PRId64 " goes past the end of %s, which has %" PRId64
                   " bytes",
                   *length, offset, file->path, file->length);
        return false;
    }
    return true;
}

/* A hard link has no place that tells where its file belongs: with several, one may be outside. ONNX's own checker refuses them. */
static bool check_links(const ExternalFile *file, Span span, Diag *diag)
{
    if (file->links > 1)
        diag_error(diag, span, "external data %s has %" PRId64 " hard links, expected a file with no other name; copy it",
                   file->path, file->links);
    return file->links <= 1;
}

bool external_read(Tensor *tensor, const char *dir, const char *location, int64_t offset, int64_t length, Span span, Arena *arena,
                   Diag *diag)
{
    if (dtype_size(tensor->dtype) == 0) {
        diag_error(diag, span, "%s elements cannot be external data", dtype_name(tensor->dtype));
        return false;
    }
    const ExternalFile *file = external_open(dir, location, span, arena, diag);
    if (!file || !check_links(file, span, diag) || !check_range(tensor, file, offset, &length, span, arena, diag))
        return false;
    external_place(tensor, file, offset, length, arena);
    return true;
}
