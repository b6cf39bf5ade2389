/* HDF5 files of Keras: TensorFlow's checkpoints.
 *
 *   /convnext/tf_conv_next_model/convnext/encoder/stages.0/layers.0/dwconv/kernel:0, 4 × 7 × 7 … floats
 *   →  tensor convnext.encoder.stages.0.layers.0.dwconv.kernel, in place in the mapped file
 *
 * Problem: the format is large, files come from strangers, and libhdf5 is known to crash on broken ones. Idea: a
 * child process opens the file and only tells where the datasets lie; if it crashes or hangs, the file is broken
 * and nothing else happened. What it tells is checked against the file's size, and the data is mapped like that of
 * any checkpoint. Keras writes plain contiguous datasets; others (chunks, compression, files elsewhere) are named. */
#include "compiler/frontend/checkpoint/index.h"

#include <inttypes.h>
#include <string.h>

#ifdef CNXC_HDF5
#include <hdf5.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONGEST_PATH = 1024, MOST_DATASETS = 100000, MOST_SECONDS = 20 };

/* What the child tells of a dataset. */
typedef struct Record {
    int64_t dtype;           /* DT_UNDEFINED: none of ours */
    int64_t contiguous;      /* 0: its data is not in one piece */
    int64_t rank, dims[MAX_RANK]; /* rank above MAX_RANK: too high */
    int64_t offset, bytes;   /* in the file */
    char path[LONGEST_PATH];
} Record;

/* ── In the child ── */

/* float16 has no name in this version of the library: its bits are described. */
static bool is_half(hid_t type)
{
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    return H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == 2 && H5Tget_order(type) == H5T_ORDER_LE &&
           H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) >= 0 && sign == 15 &&
           exponent == 10 && exponent_bits == 5 && mantissa == 0 && mantissa_bits == 10;
}

static DType dtype_of(hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    return H5Tequal(type, H5T_IEEE_F32LE) > 0   ? DT_FLOAT
           : H5Tequal(type, H5T_IEEE_F64LE) > 0 ? DT_DOUBLE
           : H5Tequal(type, H5T_STD_I64LE) > 0  ? DT_INT64
           : H5Tequal(type, H5T_STD_I32LE) > 0  ? DT_INT32
           : is_half(type)                      ? DT_FLOAT16
                                                : DT_UNDEFINED;
}

static void describe(hid_t dataset, Record *record)
{
    hsize_t dims[H5S_MAX_RANK];
    hid_t list = H5Dget_create_plist(dataset);
    record->dtype = dtype_of(dataset);
    record->rank = H5Sget_simple_extent_dims(H5Dget_space(dataset), dims, NULL);
    for (int64_t i = 0; i < record->rank && i < MAX_RANK; i++)
        record->dims[i] = (int64_t)dims[i];
    haddr_t offset = H5Dget_offset(dataset);
    record->contiguous = H5Pget_layout(list) == H5D_CONTIGUOUS && H5Pget_external_count(list) == 0 &&
                         H5Pget_nfilters(list) == 0 && offset != HADDR_UNDEF;
    record->offset = (int64_t)offset;
    record->bytes = (int64_t)H5Dget_storage_size(dataset);
}

static herr_t tell(hid_t root, const char *path, const H5O_info_t *info, void *data)
{
    static int64_t told;
    const int *pipe_end = data;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    Record record = {0};
    hid_t dataset = H5Dopen2(root, path, H5P_DEFAULT);
    if (dataset < 0 || strlen(path) >= sizeof record.path || ++told > MOST_DATASETS)
        return -1;
    describe(dataset, &record);
    strcpy(record.path, path);
    H5Dclose(dataset);
    return write(*pipe_end, &record, sizeof record) == (ssize_t)sizeof record ? 0 : -1;
}

/* Never returns: 0 if all datasets were told. Runs with signals and limits of its own, and says nothing. */
static _Noreturn void run_child(const char *path, int pipe_end)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const struct rlimit no_core = {0, 0};
    for (int64_t i = 0; i < (int64_t)(sizeof crashes / sizeof *crashes); i++)
        signal(crashes[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_CORE, &no_core);
    close(STDERR_FILENO);
    alarm(MOST_SECONDS);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    herr_t told = file < 0 ? -1 : H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, tell, &pipe_end);
    _exit(told < 0 ? 1 : 0);
}

/* ── In the compiler ── */

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

static bool check_record(Reader *r, const Record *record, const Tensor *tensor)
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

static bool add_record(Reader *r, const Record *record)
{
    int64_t rank = record->rank < 0 ? 0 : record->rank > MAX_RANK ? MAX_RANK + 1 : record->rank;
    Shape shape = shape_of(rank > MAX_RANK ? 0 : (int)rank, record->dims);
    Tensor tensor = {.dtype = (DType)record->dtype, .rank = (int)rank, .count = shape_count(&shape)};
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
static bool next_record(int pipe_end, Record *record)
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

static bool collect(Reader *r, int pipe_end)
{
    Record record;
    bool ok = true;
    while (next_record(pipe_end, &record))
        ok = ok && add_record(r, &record);
    return ok;
}

bool h5_read(const ExternalFile *file, TensorIndex *index, Diag *diag)
{
    Source source = {file->path, (const char *)file->data, file->length, true};
    Reader r = {file, index, index->arena, diag};
    int ends[2], status = 0;
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child < 0) {
        diag_resource(diag, NO_SPAN, "cannot start a process to read %s", file->path);
        return false;
    }
    if (child == 0) {
        close(ends[0]);
        run_child(file->path, ends[1]);
    }
    close(ends[1]);
    bool ok = collect(&r, ends[0]);
    close(ends[0]);
    waitpid(child, &status, 0);
    if (ok && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        diag_error(diag, (Span){&source, 0, 0}, "broken HDF5 file: libhdf5 cannot read all of it");
        return false;
    }
    return ok;
}

#else

bool h5_read(const ExternalFile *file, TensorIndex *index, Diag *diag)
{
    (void)index;
    diag_unsupported(diag, NO_SPAN, "%s is an HDF5 file; this cnxc was built without libhdf5", file->path);
    return false;
}

#endif
