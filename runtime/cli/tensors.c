/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tensors: .npy files in, .npy files out, by the graph's names.
 *
 *   --input pixel_values=x.npy --output logits=y.npy      or pictures in the place of the pixel input
 *
 * A model that leaves its loss to the type of the labels has inputs labels and labels.multi_label, outputs loss and
 * loss.multi_label. Here, as in transformers, the file decides: floats given as labels are labels.multi_label, and loss
 * then is loss.multi_label. */
#include "runtime/cli/cli.h"
#include "ir/base/words.h"
#include "runtime/file.h"
#include "runtime/internal.h"
#include "runtime/pages.h"
#include "ir/base/npy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char labels_of_floats[] = "labels.multi_label", loss_of_floats[] = "loss.multi_label";

static const NamedFile *find_file(const NamedFile *files, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    return NULL;
}

static int64_t find_tensor(const CnxrtTensor *tensors, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(tensors[i].name, name) == 0)
            return i;
    return -1;
}

int64_t cli_find_output(const char *name)
{
    int64_t n = compiled_model.n_inputs, i = find_tensor(compiled_model.tensors + n, compiled_model.n_outputs, name);
    return i < 0 ? i : n + i;
}

bool cli_is_loss(const char *output) { return strcmp(output, "loss") == 0 || strcmp(output, loss_of_floats) == 0; }

/* All given names must be the model's. */
static bool check_names(Cli *cli, const NamedFile *files, int64_t n_files, const CnxrtTensor *tensors, int64_t n,
                        const char *kind)
{
    for (int64_t i = 0; i < n_files; i++) {
        if (find_tensor(tensors, n, files[i].name) >= 0)
            continue;
        const char **names = calloc((size_t)n + 1, sizeof *names);
        for (int64_t j = 0; names && j < n; j++)
            names[j] = tensors[j].name;
        const char *near = names ? nearest_name(files[i].name, names, n) : NULL;
        free(names);
        return cli_error(cli, CLI_USAGE, NULL, "the model has no %s '%s'; did you mean '%s'?", kind, files[i].name,
                         near ? near
                         : n  ? tensors[0].name
                              : "");
    }
    return true;
}

/* ── Reading ─────────────────────────────────────────────────────────────────────────────────────────── */

static void print_dims(char *text, size_t size, const int64_t *dims, int64_t rank)
{
    size_t n = 0;
    text[0] = 0;
    for (int64_t i = 0; i < rank && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, dims[i] < 0 ? "%sN" : "%s%lld", i ? "x" : "", (long long)dims[i]);
}

/* Dimensions of 1 at the end do not count: labels (N,1) and (N) are the same, as they are to transformers. */
static bool check_shape(Cli *cli, const char *file, const NpyArray *array, const CnxrtTensor *tensor)
{
    int64_t rank = array->rank;
    while (rank > tensor->rank && array->dims[rank - 1] == 1)
        rank--;
    bool same = rank == tensor->rank;
    for (int64_t i = 0; same && i < rank; i++)
        same = array->dims[i] == tensor->dims[i] || (tensor->dims[i] < 0 && array->dims[i] > 0);
    if (same)
        return true;
    char got[256], expected[256];
    print_dims(got, sizeof got, array->dims, array->rank);
    print_dims(expected, sizeof expected, tensor->dims, tensor->rank);
    return cli_error(cli, CLI_INPUT, file, "its shape is %s, '%s' takes %s", got, tensor->name, expected);
}

static bool is_labels(const CnxrtTensor *tensor) { return strcmp(tensor->name, "labels") == 0; }

/* Class numbers may come as int64, int32 or whole float32; multi-label targets as int64 or float32. */
static bool convert_element(const uint8_t *from, int64_t from_type, uint8_t *to, int64_t to_type)
{
    double value;
    if (from_type == 1) {
        float f;
        memcpy(&f, from, sizeof f);
        value = f;
    } else {
        int64_t i = 0;
        int32_t i32;
        if (from_type == 7)
            memcpy(&i, from, sizeof i);
        else
            memcpy(&i32, from, sizeof i32), i = i32;
        value = (double)i;
    }
    if (to_type == 1) {
        float f = (float)value;
        memcpy(to, &f, sizeof f);
        return true;
    }
    int64_t i = fabs(value) < 1e15 ? (int64_t)value : 0;
    memcpy(to, &i, sizeof i);
    return (double)i == value;
}

static bool convertible(int64_t from, int64_t to) { return (to == 1 || to == 7) && (from == 1 || from == 6 || from == 7); }

static uint8_t *converted_labels(Cli *cli, const char *file, const NpyArray *array, int64_t dtype)
{
    size_t from = dtype_bytes(array->dtype), to = dtype_bytes(dtype), n = array->bytes / from;
    uint8_t *labels = malloc(n * to + 1);
    for (size_t i = 0; labels && i < n; i++)
        if (!convert_element(array->data + i * from, array->dtype, labels + i * to, dtype)) {
            free(labels);
            cli_error(cli, CLI_INPUT, file, "element %zu is not a whole number, as labels must be", i);
            return NULL;
        }
    if (!labels)
        cli_error(cli, CLI_RESOURCE, file, "out of memory");
    return labels;
}

/* The data alone, at the start of its own allocation (and so aligned); frees the file's bytes. */
static uint8_t *take_data(Cli *cli, const char *file, FileBytes *bytes, const NpyArray *array, const CnxrtTensor *tensor)
{
    uint8_t *data = NULL;
    if (array->dtype == tensor->dtype) {
        memmove(bytes->data, array->data, array->bytes);
        return bytes->data;
    }
    if (is_labels(tensor) && convertible(array->dtype, tensor->dtype))
        data = converted_labels(cli, file, array, tensor->dtype);
    else
        cli_error(cli, CLI_INPUT, file, "its type is %s, '%s' takes %s", npy_type_name(array->dtype), tensor->name,
                  npy_type_name(tensor->dtype));
    free(bytes->data);
    return data;
}

static bool is_float(int64_t dtype) { return dtype == 1 || dtype == 10 || dtype == 11; }

/* Which input a file given as input i is for. */
static int64_t input_for(const CnxrtModel *compiled, int64_t i, const NpyArray *array)
{
    int64_t other = is_labels(&compiled->tensors[i]) && is_float(array->dtype)
                        ? find_tensor(compiled->tensors, compiled->n_inputs, labels_of_floats)
                        : -1;
    return other < 0 ? i : other;
}

static bool check_array(Cli *cli, const char *file, const NpyArray *array, int64_t i, Tensors *tensors)
{
    const CnxrtModel *compiled = cli->model->compiled;
    const CnxrtTensor *tensor = &compiled->tensors[i];
    if (tensors->buffers[i])
        return cli_error(cli, CLI_USAGE, file, "'%s' is given twice", tensor->name);
    if (i == compiled->size_input && array->rank == 4 && !cli_follow_size(cli, file, array->dims[2], array->dims[3]))
        return false;
    tensor = &cli->model->compiled->tensors[i];
    if (!check_shape(cli, file, array, tensor))
        return false;
    int64_t n = tensor->rank && tensor->dims[0] < 0 ? array->dims[0] : tensors->batch;
    if (tensors->batch && n != tensors->batch)
        return cli_error(cli, CLI_INPUT, file, "it has %lld %s, %s %lld", (long long)n, COUNTED(n, "item"),
                         cli->batch ? "--batch asks for" : "the inputs before it", (long long)tensors->batch);
    tensors->batch = n;
    return true;
}

/* An input's file while it is read. */
typedef struct InputFile {
    Cli *cli;
    const char *path;
    int64_t input, target; /* the input that it is given for, and that it is of */
    Tensors *tensors;
    bool refused;          /* by its header, and that is said */
} InputFile;

/* The header has to be right before room is made for what it promises. */
static size_t limit_tensor(const uint8_t *head, size_t n, void *user)
{
    InputFile *file = user;
    NpyArray array;
    const char *problem;
    file->refused = true;
    if (!npy_parse_header(head, n, &array, &problem)) {
        cli_error(file->cli, CLI_INPUT, file->path, "%s", problem);
        return 0;
    }
    file->target = input_for(file->cli->model->compiled, file->input, &array);
    if (!check_array(file->cli, file->path, &array, file->target, file->tensors))
        return 0;
    file->refused = false;
    return (size_t)(array.data - head) + array.bytes;
}

static bool read_tensor(Cli *cli, const char *path, int64_t i, Tensors *tensors)
{
    FileBytes bytes;
    NpyArray array;
    const char *problem = "there are bytes after the data";
    InputFile file = {.cli = cli, .path = path, .input = i, .tensors = tensors};
    int error = strcmp(path, "-") == 0 ? file_read_fd(STDIN_FILENO, limit_tensor, &file, &bytes)
                                       : file_read(path, limit_tensor, &file, &bytes);
    if (error && error != EFBIG)
        return cli_error(cli, CLI_RESOURCE, path, "cannot read: %s", strerror(error));
    if (error || file.refused || !npy_parse(bytes.data, bytes.size, &array, &problem)) {
        free(bytes.data);
        return !file.refused ? cli_error(cli, CLI_INPUT, path, "%s", problem) : false;
    }
    tensors->float_labels |= file.target != i;
    tensors->buffers[file.target] = take_data(cli, path, &bytes, &array, &cli->model->compiled->tensors[file.target]);
    return tensors->buffers[file.target] != NULL;
}

/* ── All buffers of a run ────────────────────────────────────────────────────────────────────────────── */

/* Numbers in [-1, 1) that are the same everywhere; integers stay zero. */
static void make_up(uint8_t *buffer, const CnxrtTensor *tensor, int64_t bytes)
{
    uint32_t state = 2463534242u;
    memset(buffer, 0, (size_t)bytes);
    for (int64_t i = 0; tensor->dtype == 1 && i < bytes; i += (int64_t)sizeof(float)) {
        state ^= state << 13, state ^= state >> 17, state ^= state << 5; /* Marsaglia's xorshift */
        float value = (float)(state >> 8) * 0x1p-23f - 1.0f;
        memcpy(buffer + i, &value, sizeof value);
    }
}

/* Labels serve their loss alone; whoever does not ask for that loss need not give them. */
static bool may_be_missing(const Cli *cli, const Tensors *tensors, const CnxrtTensor *tensor)
{
    if (is_labels(tensor))
        return tensors->float_labels || !find_file(cli->outputs, cli->n_outputs, "loss");
    return strcmp(tensor->name, labels_of_floats) == 0 && !find_file(cli->outputs, cli->n_outputs, loss_of_floats);
}

static bool read_pictures(Cli *cli, int64_t i, Tensors *tensors)
{
    if (tensors->batch && tensors->batch != cli->n_pictures)
        return cli_error(cli, CLI_INPUT, NULL, "%lld %s, but the inputs have %lld %s", (long long)cli->n_pictures,
                         COUNTED(cli->n_pictures, "picture"), (long long)tensors->batch, COUNTED(tensors->batch, "item"));
    tensors->batch = cli->n_pictures;
    tensors->buffers[i] = (uint8_t *)cli_read_pixels(cli);
    return tensors->buffers[i] != NULL;
}

static bool read_input(Cli *cli, int64_t i, Tensors *tensors)
{
    const CnxrtModel *compiled = cli->model->compiled;
    const NamedFile *file = find_file(cli->inputs, cli->n_inputs, compiled->tensors[i].name);
    bool pictures = i == compiled->pixel_input && cli->n_pictures;
    if (file && pictures && !cli->dump_pixels)
        return cli_error(cli, CLI_USAGE, NULL, "'%s' is given twice, by --input and by pictures", compiled->tensors[i].name);
    if (file)
        return read_tensor(cli, file->file, i, tensors);
    return !pictures || read_pictures(cli, i, tensors);
}

/* That of the pictures' size first: the shapes of all others may depend on it. */
static bool read_inputs(Cli *cli, Tensors *tensors)
{
    const CnxrtModel *compiled = cli->model->compiled;
    int64_t first = compiled->n_sizes ? compiled->size_input : -1;
    bool ok = first < 0 || read_input(cli, first, tensors);
    for (int64_t i = 0; ok && i < compiled->n_inputs; i++)
        ok = i == first || read_input(cli, i, tensors);
    return ok;
}

static bool allocate_rest(Cli *cli, enum TensorSource source, Tensors *tensors)
{
    const CnxrtModel *compiled = cli->model->compiled;
    for (int64_t i = 0; i < model_tensor_count(compiled); i++) {
        const CnxrtTensor *tensor = &compiled->tensors[i];
        if (tensors->buffers[i])
            continue;
        if (i < compiled->n_inputs && source == TENSORS_GIVEN && !may_be_missing(cli, tensors, tensor))
            return cli_error(cli, CLI_USAGE, NULL, "input '%s' is missing: --input %s=FILE.npy", tensor->name, tensor->name);
        int64_t bytes = tensor_bytes(tensor, tensors->batch);
        tensors->buffers[i] = bytes < 0 ? NULL : pages_new((size_t)bytes);
        if (!tensors->buffers[i])
            return cli_error(cli, CLI_RESOURCE, NULL, "out of memory for '%s'", tensor->name);
        if (i < compiled->n_inputs)
            make_up(tensors->buffers[i], tensor, bytes);
    }
    return true;
}

bool cli_make_tensors(Cli *cli, enum TensorSource source, Tensors *tensors)
{
    const CnxrtModel *compiled = cli->model->compiled;
    *tensors = (Tensors){calloc((size_t)model_tensor_count(compiled) + 1, sizeof *tensors->buffers), cli->batch, false};
    if (!tensors->buffers)
        return cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    if (cli->batch > 1 && !compiled->batch_free)
        return cli_error(cli, CLI_UNSUPPORTED, NULL, "--batch: the model's batch is fixed");
    if (!check_names(cli, cli->inputs, cli->n_inputs, compiled->tensors, compiled->n_inputs, "input") ||
        !check_names(cli, cli->outputs, cli->n_outputs, compiled->tensors + compiled->n_inputs, compiled->n_outputs, "output") ||
        !read_inputs(cli, tensors))
        return false;
    if (tensors->batch == 0 || !compiled->batch_free)
        tensors->batch = 1;
    return allocate_rest(cli, source, tensors);
}

void cli_free_tensors(Tensors *tensors)
{
    for (int64_t i = 0; tensors->buffers && i < model_tensor_count(&compiled_model); i++)
        free(tensors->buffers[i]);
    free(tensors->buffers);
}

/* ── Run ─────────────────────────────────────────────────────────────────────────────────────────────── */

static bool write_output(Cli *cli, const Tensors *tensors, const NamedFile *file)
{
    const CnxrtModel *compiled = cli->model->compiled;
    const char *name = tensors->float_labels && strcmp(file->name, "loss") == 0 ? loss_of_floats : file->name;
    int64_t i = compiled->n_inputs + find_tensor(compiled->tensors + compiled->n_inputs, compiled->n_outputs, name);
    const CnxrtTensor *tensor = &compiled->tensors[i];
    int64_t dims[NPY_MAX_RANK];
    if (tensor->rank > NPY_MAX_RANK)
        return cli_error(cli, CLI_UNSUPPORTED, file->file, "'%s' has more than %d dimensions", tensor->name, NPY_MAX_RANK);
    for (int64_t d = 0; d < tensor->rank; d++)
        dims[d] = tensor->dims[d] < 0 ? tensors->batch : tensor->dims[d];
    return output_write(cli, file->file, tensor->dtype, tensor->rank, dims, tensors->buffers[i],
                        (size_t)tensor_bytes(tensor, tensors->batch));
}

static bool run(Cli *cli, const Tensors *tensors)
{
    void *const *outputs = (void *const *)(tensors->buffers + cli->model->compiled->n_inputs);
    cnxrt_status status = cnxrt_run(cli->context, (const void *const *)tensors->buffers, tensors->batch, outputs);
    if (status != CNXRT_OK)
        return cli_fail(cli, status, NULL);
    bool ok = cli_weights_are_good(cli);
    for (int64_t i = 0; ok && i < cli->n_outputs; i++)
        ok = write_output(cli, tensors, &cli->outputs[i]);
    return ok && outputs_commit(cli);
}

bool cli_run_tensors(Cli *cli)
{
    if (cli->n_outputs == 0)
        return cli_error(cli, CLI_USAGE, NULL, "--input needs --output NAME=FILE.npy");
    Tensors tensors;
    bool ok = cli_make_tensors(cli, TENSORS_GIVEN, &tensors) && run(cli, &tensors);
    cli_free_tensors(&tensors);
    return ok;
}
