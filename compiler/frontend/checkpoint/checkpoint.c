/* A folder's checkpoint: which file it is, of what kind, and its tensors by name.
 *
 * Problem: transformers looks for five names, timm and the original release have more, and a name does not tell the
 * kind. Idea: take the first name that exists, tell the kind by the first bytes, and read every kind into the same
 * list. Data is left in the mapped file; what lies there unaligned or transposed is copied when it is asked for. */
#include "compiler/frontend/checkpoint/checkpoint.h"
#include "compiler/frontend/checkpoint/safetensors.h"
#include "compiler/frontend/input/json.h"
#include "compiler/frontend/input/source.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ── Single files ── */

bool tensor_file_add(TensorFile *out, StoredTensor *tensor, Arena *arena)
{
    out->by_name.arena = arena;
    vec_push(arena, &out->tensors, tensor);
    return strmap_put(&out->by_name, tensor->name, tensor);
}

void strides_without_gaps(int rank, const int64_t *dims, int64_t *strides)
{
    int64_t step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = step;
        (void)__builtin_mul_overflow(step, dims[i], &step); /* wraps only if another dimension is 0 */
    }
}

static bool read_safetensors(const char *dir, const char *location, Span span, TensorFile *out, Arena *arena, Diag *diag)
{
    const SafeTensors *file = safetensors_open(dir, location, span, arena, diag);
    for (int64_t i = 0; file && i < file->tensors.len; i++) {
        StoredTensor *stored = NEW(arena, StoredTensor);
        stored->name = file->tensors.at[i].name;
        stored->tensor = file->tensors.at[i].tensor;
        stored->file = file->file;
        strides_without_gaps(stored->tensor.rank, stored->tensor.dims, stored->strides);
        tensor_file_add(out, stored, arena);
    }
    return file != NULL;
}

static bool begins_with(const WeightFile *file, const char *bytes, int64_t count)
{
    return file->length >= count && memcmp(file->data, bytes, (size_t)count) == 0;
}

static bool read_file(const char *dir, const char *location, Span span, TensorFile *out, Arena *arena, Diag *diag)
{
    if (str_ends_with(location, ".safetensors"))
        return read_safetensors(dir, location, span, out, arena, diag);
    const WeightFile *file = weights_open(dir, location, span, arena, diag);
    if (!file)
        return false;
    if (begins_with(file, "PK\3\4", 4) || begins_with(file, "\x80", 1))
        return torch_read(file, out, arena, diag);
    if (begins_with(file, "\x89HDF\r\n\x1a\n", 8))
        return h5_read(file, out, arena, diag);
    if (file->length > 8 && file->data[8] == '{')
        return read_safetensors(dir, location, span, out, arena, diag);
    Source source = {file->path, (const char *)file->data, file->length, true};
    const char *foreign = source_foreign(&source);
    diag_error(diag, (Span){&source, 0, 0}, "%s%s%s, expected a checkpoint of PyTorch, safetensors or HDF5",
               file->length ? "this is " : "the file is empty", file->length && foreign ? foreign : "",
               file->length && !foreign ? "of an unknown kind" : "");
    return false;
}

/* ── Shards ── */

/* One tensor of the index: from the shard it names, read once. */
static bool add_sharded(Checkpoint *checkpoint, const char *dir, const JsonFile *index, StrMap *shards, const char *name,
                        const json_t *file)
{
    if (!json_is_string(file))
        return key_wrong_type(index, "weight_map", file, "names of files");
    const char *location = json_string_value(file);
    TensorFile *shard = strmap_get(shards, location);
    Span span = key_span(index, "weight_map");
    if (!shard) {
        shard = NEW(checkpoint->arena, TensorFile);
        shard->by_name.arena = checkpoint->arena;
        if (!read_file(dir, location, span, shard, checkpoint->arena, checkpoint->diag))
            return false;
        strmap_put(shards, location, shard);
    }
    StoredTensor *found = strmap_get(&shard->by_name, name);
    if (!found)
        diag_error(checkpoint->diag, span, "weight_map says that %s holds %s, but it does not", location, name);
    return found && tensor_file_add(&checkpoint->tensors, found, checkpoint->arena);
}

static bool read_sharded(Checkpoint *checkpoint, const char *dir)
{
    JsonFile *index = json_file_open(dir, checkpoint->file, checkpoint->arena, checkpoint->diag);
    json_t *map = index ? key_get(index, "weight_map") : NULL, *file;
    StrMap shards = {.arena = checkpoint->arena};
    const char *name;
    if (!index)
        return false;
    if (!json_is_object(map))
        return key_wrong_type(index, "weight_map", map, "an object");
    json_object_foreach (map, name, file)
        if (!add_sharded(checkpoint, dir, index, &shards, name, file))
            return false;
    return true;
}

/* ── Which file ── */

static bool looks_like_weights(const char *name)
{
    return str_ends_with(name, ".pth") || str_ends_with(name, ".pt") || str_ends_with(name, ".safetensors") ||
           str_ends_with(name, ".bin") || str_ends_with(name, ".h5");
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The only file that could be one, whatever its name; NULL after a diagnostic. */
static const char *only_file(const char *dir, Arena *arena, Diag *diag)
{
    VEC(const char *) names = {0};
    DIR *stream = opendir(dir);
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        if (looks_like_weights(entry->d_name))
            vec_push(arena, &names, arena_strdup(arena, entry->d_name));
    if (stream)
        closedir(stream);
    if (names.len == 1)
        return names.at[0];
    if (names.len == 0) {
        diag_resource(diag, NO_SPAN,
                      "%s has no weights, expected model.safetensors, pytorch_model.bin, tf_model.h5 or a .pth file", dir);
        return NULL;
    }
    qsort(names.at, (size_t)names.len, sizeof *names.at, by_text);
    diag_error(diag, NO_SPAN, "%s has %s, %s%s: rename the one that is meant to pytorch_model.bin", dir, names.at[0], names.at[1],
               names.len > 2 ? " …" : "");
    return NULL;
}

static const char *choose_file(const char *dir, Arena *arena, Diag *diag)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json", "tf_model.h5"};
    for (int64_t i = 0; i < countof(names); i++)
        if (json_file_exists(dir, names[i]))
            return names[i];
    return only_file(dir, arena, diag);
}

Checkpoint *checkpoint_open(const char *dir, bool v2, Arena *arena, Diag *diag)
{
    Checkpoint *checkpoint = NEW(arena, Checkpoint);
    *checkpoint = (Checkpoint){.prefix = v2 ? "convnextv2." : "convnext.", .arena = arena, .diag = diag};
    checkpoint->tensors.by_name.arena = arena;
    checkpoint->file = choose_file(dir, arena, diag);
    if (!checkpoint->file)
        return NULL;
    bool ok = str_ends_with(checkpoint->file, ".index.json")
                  ? read_sharded(checkpoint, dir)
                  : read_file(dir, checkpoint->file, NO_SPAN, &checkpoint->tensors, arena, diag);
    if (!ok)
        return NULL;
    checkpoint_recognize(checkpoint);
    return checkpoint;
}

/* ── Tensors ── */

/* Legacy files of Hugging Face say gamma and beta, and LayerNorm in capitals. */
static const char *legacy_name(Arena *arena, const char *name)
{
    const char *dot = strrchr(name, '.'), *part = dot ? dot + 1 : "";
    const char *last = strcmp(part, "weight") == 0 ? "gamma" : strcmp(part, "bias") == 0 ? "beta" : NULL;
    if (!last)
        return name;
    int stem = (int)(dot - name);
    bool norm = stem >= 9 && memcmp(dot - 9, "layernorm", 9) == 0;
    return norm ? arena_printf(arena, "%.*sLayerNorm.%s", stem - 9, name, last)
                : arena_printf(arena, "%.*s.%s", stem, name, last);
}

static const StoredTensor *look_up(const Checkpoint *checkpoint, const char *bare)
{
    const StoredTensor *found = strmap_get(&checkpoint->tensors.by_name, checkpoint_file_name(checkpoint, bare, true));
    return found ? found : strmap_get(&checkpoint->tensors.by_name, checkpoint_file_name(checkpoint, bare, false));
}

int64_t checkpoint_find(const Checkpoint *checkpoint, const char *name)
{
    const StoredTensor *found = look_up(checkpoint, name);
    if (!found)
        found = look_up(checkpoint, legacy_name(checkpoint->arena, name));
    for (int64_t i = 0; found && i < checkpoint->tensors.tensors.len; i++)
        if (checkpoint->tensors.tensors.at[i] == found)
            return i;
    return -1;
}

/* dims without those of 1; their number. */
static int without_ones(int rank, const int64_t *dims, int64_t *rest)
{
    int n = 0;
    for (int i = 0; i < rank; i++)
        if (dims[i] != 1)
            rest[n++] = dims[i];
    return n;
}

static bool same_dims(int rank_a, const int64_t *a, int rank_b, const int64_t *b)
{
    return rank_a == rank_b && memcmp(a, b, (size_t)rank_a * sizeof *a) == 0;
}

static bool fits(const Checkpoint *checkpoint, const Tensor *tensor, int rank, const int64_t *dims)
{
    int64_t have[MAX_RANK], want[MAX_RANK];
    return same_dims(tensor->rank, tensor->dims, rank, dims) ||
           (checkpoint_drops_ones(checkpoint) &&
            same_dims(without_ones(tensor->rank, tensor->dims, have), have, without_ones(rank, dims, want), want));
}

static bool is_dense(const StoredTensor *stored)
{
    int64_t strides[MAX_RANK];
    strides_without_gaps(stored->tensor.rank, stored->tensor.dims, strides);
    for (int i = 0; i < stored->tensor.rank; i++)
        if (stored->tensor.dims[i] > 1 && stored->strides[i] != strides[i])
            return false;
    return true;
}

/* Elements in the order of the tensor's shape, from wherever strides say they lie. */
static void gather(StoredTensor *stored, Arena *arena)
{
    Tensor *tensor = &stored->tensor;
    int64_t size = dtype_size(tensor->dtype), index[MAX_RANK] = {0}, at = 0;
    const uint8_t *from = stored->file->data + tensor->offset;
    uint8_t *to = arena_alloc_array(arena, tensor->count, (size_t)size);
    for (int64_t n = 0; n < tensor->count; n++) {
        memcpy(to + n * size, from + at * size, (size_t)size);
        for (int i = tensor->rank - 1; i >= 0; i--) {
            at += stored->strides[i];
            if (++index[i] < tensor->dims[i])
                break;
            at -= stored->strides[i] * index[i];
            index[i] = 0;
        }
    }
    tensor->data = to;
}

Tensor *checkpoint_tensor(Checkpoint *checkpoint, int64_t index, int rank, const int64_t *dims)
{
    StoredTensor *stored = checkpoint->tensors.tensors.at[index];
    Tensor *tensor = &stored->tensor;
    if (!fits(checkpoint, tensor, rank, dims))
        return NULL;
    if (!tensor->data && is_dense(stored))
        weights_place(tensor, stored->file, tensor->offset, tensor->length, checkpoint->arena);
    else if (!tensor->data)
        gather(stored, checkpoint->arena);
    return same_dims(tensor->rank, tensor->dims, rank, dims) ? tensor : tensor_reshaped(checkpoint->arena, tensor, rank, dims);
}
