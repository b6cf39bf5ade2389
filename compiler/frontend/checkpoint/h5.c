/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* HDF5 files of Keras: TensorFlow's checkpoints.
 *
 *   /convnext/tf_conv_next_model/convnext/encoder/stages.0/layers.0/dwconv/kernel:0, 4 × 7 × 7 … floats
 *   →  tensor convnext.encoder.stages.0.layers.0.dwconv.kernel, in place in the mapped file
 *
 * Problem: the format is large, files come from strangers, and libhdf5 is known to crash on broken ones. Idea: a
 * child process loads a module with libhdf5, reads the mapped file and only tells where the datasets lie; if it crashes or
 * hangs, the file is broken and nothing else happened (h5_child.c). What it tells may be nonsense, too: it is checked against the file's size, and the
 * data is mapped like that of any checkpoint. Keras writes plain contiguous datasets; others (chunks, compression, files
 * elsewhere) are named. */
#include "compiler/frontend/checkpoint/h5.h"
#include "ir/base/installed.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_TOLD, CHILD_CANNOT_READ, CHILD_CANNOT_LOAD }; /* exit codes */
enum { MOST_DATASETS = 100000, MOST_SECONDS = 20 };

typedef struct Reader {
    const ExternalFile *file;
    TensorIndex *index;
    Arena *arena;
    Diag *diag;
} Reader;

/* "convnext/tf_conv_next_model/convnext/layernorm/beta:0" → "convnext.layernorm.beta": without layer and model. */
static const char *name_of(Reader *r, const char *path)
{
    const char *first = strchr(path, '/'), *second = first ? strchr(first + 1, '/') : NULL;
    char *name = arena_strdup(r->arena, second ? second + 1 : path);
    for (char *at = name; *at; at++)
        if (*at == '/')
            *at = '.';
    if (str_ends_with(name, ":0"))
        name[strlen(name) - 2] = 0;
    return name;
}

static bool check_record(Reader *r, const H5Record *record, const Tensor *tensor)
{
    if (!record->contiguous || tensor->rank > MAX_RANK) {
        diag_unsupported(r->diag, NO_SPAN, "%s: dataset %s %s is not supported", r->file->path, record->path,
                         record->contiguous ? "of such a rank" : "in chunks, compressed or stored elsewhere");
        return false;
    }
    if (tensor->count >= 0 && record->bytes >= 0 && record->offset >= 0 && record->offset <= r->file->length &&
        record->bytes <= r->file->length - record->offset && tensor->count <= INT64_MAX / 8 &&
        (tensor->dtype == DT_UNDEFINED || tensor->count * dtype_size(tensor->dtype) == record->bytes))
        return true;
    diag_error(r->diag, NO_SPAN, "%s: dataset %s has %" PRId64 " bytes at %" PRId64 ", not those of its shape in the file",
               r->file->path, record->path, record->bytes, record->offset);
    return false;
}

static bool add_record(Reader *r, const H5Record *record)
{
    int64_t rank = record->rank < 0 ? 0 : record->rank > MAX_RANK ? MAX_RANK + 1 : record->rank;
    Shape shape = shape_of(rank > MAX_RANK ? 0 : (int)rank, record->dims);
    DType dtype = dtype_size((DType)record->dtype) ? (DType)record->dtype : DT_UNDEFINED;
    Tensor tensor = {.dtype = dtype, .rank = (int)rank, .count = shape_count(&shape)};
    memcpy(tensor.dims, record->dims, sizeof record->dims);
    if (!check_record(r, record, &tensor))
        return false;
    tensor.offset = record->offset;
    tensor.length = record->bytes;
    StoredTensor *stored = stored_tensor_new(r->arena, name_of(r, record->path), &tensor, r->file);
    if (tensor_index_add(r->index, stored))
        return true;
    diag_error(r->diag, NO_SPAN, "%s: two datasets are named %s", r->file->path, stored->name);
    return false;
}

/* A whole record; false at the end. */
static bool next_record(int pipe_end, H5Record *record)
{
    size_t have = 0;
    while (have < sizeof *record) {
        ssize_t n = read(pipe_end, (char *)record + have, sizeof *record - have);
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    record->path[sizeof record->path - 1] = 0;
    return true;
}

bool h5_collect(const ExternalFile *file, int pipe_end, TensorIndex *index, Diag *diag)
{
    Reader r = {file, index, index->arena, diag};
    H5Record record;
    bool ok = true;
    for (int64_t n = 0; ok && next_record(pipe_end, &record); n++) {
        ok = n < MOST_DATASETS && add_record(&r, &record);
        if (n == MOST_DATASETS)
            diag_unsupported(diag, NO_SPAN, "%s has more than %d datasets", file->path, MOST_DATASETS);
    }
    return ok;
}

const char *h5_module(Arena *arena)
{
    const char *path = arena_printf(arena, "%s/cnxc-h5.so", installed_dir(arena));
    return access(path, R_OK) == 0 ? path : NULL;
}

static int tell(const char *module, const ExternalFile *file, int pipe_end)
{
    void *loaded = dlopen(module, RTLD_NOW), *found = loaded ? dlsym(loaded, "h5_tell") : NULL;
    H5Tell *h5_tell_there;
    if (!found)
        return CHILD_CANNOT_LOAD;
    memcpy(&h5_tell_there, &found, sizeof found); /* C has no conversion from data to functions */
    return h5_tell_there(file->data, file->length, pipe_end) ? CHILD_TOLD : CHILD_CANNOT_READ;
}

/* The child: with signals and limits of its own, and says nothing. */
static _Noreturn void run_child(const char *module, const ExternalFile *file, int pipe_end)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const struct rlimit no_core = {0, 0};
    for (int64_t i = 0; i < countof(crashes); i++)
        signal(crashes[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_CORE, &no_core);
    close(STDERR_FILENO);
    alarm(MOST_SECONDS);
    _exit(tell(module, file, pipe_end));
}

/* Sets the reading end of what the child writes; -1: no process can be started. */
static pid_t start_child(const char *module, const ExternalFile *file, int *pipe_end)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(module, file, ends[1]);
    }
    close(ends[1]);
    *pipe_end = ends[0];
    if (child < 0)
        close(ends[0]);
    return child;
}

/* What became of a child that ends with this status, after all that it told was right. */
static bool check_end(const ExternalFile *file, int status, Diag *diag)
{
    Source source = {file->path, (const char *)file->data, file->length, true};
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_TOLD)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_CANNOT_LOAD)
        diag_resource(diag, NO_SPAN,
                      "%s is an HDF5 file, and libhdf5 is not installed: install libhdf5-103-1 (Debian 12) or libhdf5-310 (13)",
                      file->path);
    else
        diag_error(diag, (Span){&source, 0, 0}, "broken HDF5 file: libhdf5 cannot read all of it");
    return false;
}

bool h5_read(const ExternalFile *file, TensorIndex *index, Diag *diag)
{
    const char *module = h5_module(index->arena);
    int pipe_end, status = 0;
    if (!module) {
        diag_unsupported(diag, NO_SPAN, "%s is an HDF5 file; this cnxc was built without libhdf5", file->path);
        return false;
    }
    pid_t child = start_child(module, file, &pipe_end);
    if (child < 0) {
        diag_resource(diag, NO_SPAN, "cannot start a process to read %s", file->path);
        return false;
    }
    bool ok = h5_collect(file, pipe_end, index, diag);
    close(pipe_end); /* a child with more to tell ends */
    waitpid(child, &status, 0);
    return ok && check_end(file, status, diag);
}
