/* Weights in files: external data of ONNX models, and the files that checkpoints consist of.
 *
 * A model must not be able to name any file of the machine. So a location is relative, without "..", and where
 * it leads, all links followed, lies in the model's directory. One link out is well known and allowed: a
 * Hugging Face hub cache keeps DIR/snapshots/REVISION/model.safetensors → DIR/blobs/HASH.
 *
 *   ["location": "w.bin", "offset": "64", "length": "12"]   →   tensor->data = the mapping's bytes 64 … 75 */
#include "compiler/frontend/input/external.h"
#include "compiler/frontend/input/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that were opened, so that each is mapped, or missed, once: a compilation may name one file a thousand times. */
typedef struct OpenFile {
    struct OpenFile *next;
    const Arena *arena; /* the compilation it belongs to */
    ExternalFile file;    /* data NULL: it cannot be read, which has been said */
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

/* path with all links followed lies where it may. */
static bool check_place(const char *path, const char *dir, Span span, Diag *diag)
{
    char *real_path = realpath(path, NULL), *real_dir = real_path ? realpath(*dir ? dir : ".", NULL) : NULL;
    bool found = real_path && real_dir;
    bool inside = found && (lies_in(real_path, real_dir) || is_hub_blob(real_path, real_dir));
    if (!found)
        diag_resource(diag, span, "cannot open external data %s: %s", path, strerror(errno));
    else if (!inside)
        diag_error(diag, span, "external data %s is a link to %s, outside the model's directory", path, real_path);
    free(real_path);
    free(real_dir);
    return inside;
}

static bool map_file(ExternalFile *file, Span span, Arena *arena, Diag *diag)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for its writer */
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        diag_resource(diag, span, "cannot open external data %s: %s", file->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        diag_error(diag, span, "external data %s is not a regular file", file->path);
    } else {
        file->length = status.st_size;
        file->data = (const uint8_t *)file_map(fd, file->path, file->length, arena);
        if (!file->data)
            diag_resource(diag, span, "cannot map external data %s: %s", file->path, strerror(errno));
    }
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
    return check_place(path, dir, span, diag) && map_file(&f->file, span, arena, diag) ? &f->file : NULL;
}

bool external_is_open(const char *path, const Arena *arena)
{
    struct stat asked, open;
    bool found = false;
    if (stat(path, &asked) != 0)
        return false;
    for (const OpenFile *f = open_files; f && !found; f = f->next)
        found = f->arena == arena && stat(f->file.path, &open) == 0 && open.st_dev == asked.st_dev && open.st_ino == asked.st_ino;
    return found;
}

/* Elements may be read through pointers of their type: an unaligned place is copied. */
void external_place(Tensor *tensor, const ExternalFile *file, int64_t offset, int64_t length, Arena *arena)
{
    const uint8_t *data = file->data + offset;
    int64_t size = dtype_size(tensor->dtype);
    if (length && size > 1 && (uintptr_t)data % (uintptr_t)(size > 8 ? 8 : size))
        data = memcpy(arena_alloc(arena, (size_t)length), data, (size_t)length);
    tensor->is_mapped = data == file->data + offset;
    tensor->data = data;
    tensor->location = file->path;
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

bool external_read(Tensor *tensor, const char *dir, const char *location, int64_t offset, int64_t length, Span span, Arena *arena,
                   Diag *diag)
{
    if (dtype_size(tensor->dtype) == 0) {
        diag_error(diag, span, "%s elements cannot be external data", dtype_name(tensor->dtype));
        return false;
    }
    const ExternalFile *file = external_open(dir, location, span, arena, diag);
    if (!file || !check_range(tensor, file, offset, &length, span, arena, diag))
        return false;
    external_place(tensor, file, offset, length, arena);
    return true;
}
