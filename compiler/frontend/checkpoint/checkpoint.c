/* A folder's checkpoint: which file it is, of what kind, and its tensors by name.
 *
 * Problem: transformers looks for five names, timm and the original release have more, and a name does not tell the
 * kind. Idea: take the first name that exists, tell the kind by the first bytes, and read every kind into the same
 * list. Data is left in the mapped file; what lies there unaligned or transposed is copied when it is asked for. */
#include "compiler/frontend/checkpoint/checkpoint.h"
#include "compiler/frontend/input/json.h"
#include "compiler/frontend/input/source.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ── Single files ── */

static bool begins_with(const ExternalFile *file, const char *bytes, int64_t count)
{
    return file->length >= count && memcmp(file->data, bytes, (size_t)count) == 0;
}

static bool refuse(const ExternalFile *file, Diag *diag)
{
    Source source = {file->path, (const char *)file->data, file->length, true};
    const char *foreign = source_foreign(&source);
    diag_error(diag, (Span){&source, 0, 0}, "%s%s%s, expected a checkpoint of PyTorch, safetensors or HDF5",
               file->length ? "this is " : "the file is empty", file->length && foreign ? foreign : "",
               file->length && !foreign ? "of an unknown kind" : "");
    return false;
}

static bool read_file(const char *dir, const char *location, Span span, TensorIndex *index, Diag *diag)
{
    const ExternalFile *file = external_open(dir, location, span, index->arena, diag);
    if (!file)
        return false;
    if (str_ends_with(location, ".safetensors"))
        return safetensors_read(file, index, diag);
    if (begins_with(file, "PK\3\4", 4) || begins_with(file, "\x80", 1))
        return torch_read(file, index, diag);
    if (begins_with(file, "\x89HDF\r\n\x1a\n", 8))
        return h5_read(file, index, diag);
    return file->length > 8 && file->data[8] == '{' ? safetensors_read(file, index, diag) : refuse(file, diag);
}

/* ── Shards ── */

/* The tensors of a shard, read once; NULL after a diagnostic. */
static TensorIndex *open_shard(Checkpoint *checkpoint, const char *dir, const char *location, Span span, StrMap *shards)
{
    TensorIndex *shard = strmap_get(shards, location);
    if (shard)
        return shard;
    shard = NEW(shards->arena, TensorIndex);
    *shard = tensor_index_new(shards->arena);
    if (!read_file(dir, location, span, shard, checkpoint->diag))
        return NULL;
    strmap_put(shards, location, shard);
    return shard;
}

/* One tensor of the index: from the shard it names. */
static bool add_sharded(Checkpoint *checkpoint, const char *dir, const JsonFile *index, StrMap *shards, const char *name,
                        const json_t *file)
{
    if (!json_is_string(file))
        return key_wrong_type(index, "weight_map", file, "names of files");
    const char *location = json_string_value(file);
    const TensorIndex *shard = open_shard(checkpoint, dir, location, key_span(index, "weight_map"), shards);
    StoredTensor *found = shard ? tensor_index_find(shard, name) : NULL;
    if (shard && !found)
        key_error(index, "weight_map", "says that %s holds %s, but it does not", location, name);
    return found && tensor_index_add(&checkpoint->index, found);
}

static bool read_sharded(Checkpoint *checkpoint, const char *dir)
{
    Arena *arena = checkpoint->index.arena;
    JsonFile *index = json_file_open(dir, checkpoint->file, arena, checkpoint->diag);
    json_t *map = index ? key_get(index, "weight_map") : NULL, *file;
    StrMap shards = {.arena = arena};
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

Checkpoint *checkpoint_open(const char *dir, Arena *arena, Diag *diag)
{
    Checkpoint *checkpoint = NEW(arena, Checkpoint);
    *checkpoint = (Checkpoint){choose_file(dir, arena, diag), tensor_index_new(arena), diag};
    if (!checkpoint->file)
        return NULL;
    bool ok = str_ends_with(checkpoint->file, ".index.json")
                  ? read_sharded(checkpoint, dir)
                  : read_file(dir, checkpoint->file, NO_SPAN, &checkpoint->index, diag);
    return ok ? checkpoint : NULL;
}
