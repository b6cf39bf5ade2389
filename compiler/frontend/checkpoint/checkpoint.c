/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A checkpoint, a folder's or alone: which file it is, of what kind, and its tensors by name.
 *
 * Problem: transformers looks for five names, timm and the original release have more, and a name does not tell the
 * kind. Idea: take the first name that exists, tell the kind by the first bytes, and read every kind into the same
 * list. Data is left in the mapped file; what lies there unaligned or transposed is copied when it is asked for. */
#include "compiler/frontend/checkpoint/checkpoint.h"
#include "compiler/frontend/checkpoint/folder.h"
#include "compiler/frontend/checkpoint/safetensors.h"
#include "compiler/frontend/input/foreign.h"
#include "compiler/frontend/input/json.h"
#include "ir/base/path.h"

#include <string.h>

/* ── Single files ── */

static bool begins_with(const Source *source, const char *bytes, int64_t count)
{
    return source->length >= count && memcmp(source->text, bytes, (size_t)count) == 0;
}

static bool is_h5(const Source *source) { return begins_with(source, "\x89HDF\r\n\x1a\n", 8); }

/* A file whose bytes are source's. safetensors first: it begins with a length, which may look like anything. */
static bool read_bytes(const ExternalFile *file, const Source *source, TensorIndex *index, Diag *diag)
{
    if (safetensors_probe(source))
        return safetensors_read(file, index, diag);
    if (begins_with(source, "PK\3\4", 4) || begins_with(source, "\x80", 1))
        return torch_read(file, index, diag);
    if (is_h5(source))
        return h5_read(file, index, diag);
    return foreign_refuse(source, "a checkpoint of PyTorch, safetensors or HDF5", diag);
}

static bool read_file(const char *dir, const char *location, Span span, TensorIndex *index, Diag *diag)
{
    const ExternalFile *file = external_open(dir, location, span, index->arena, diag);
    if (!file)
        return false;
    Source source = {file->path, (const char *)file->data, file->length, true};
    if (str_ends_with(location, ".safetensors") && source.length && !foreign_kind(&source)) /* or what is left of one */
        return safetensors_read(file, index, diag);
    return read_bytes(file, &source, index, diag);
}

bool checkpoint_probe(const Source *source) { return safetensors_probe(source) || torch_probe(source) || is_h5(source); }

/* Standard input has no place that a printed graph could name. */
Checkpoint *checkpoint_read(const Source *source, Arena *arena, Diag *diag)
{
    bool named = strcmp(source->path, "<stdin>") != 0;
    ExternalFile *file = NEW(arena, ExternalFile);
    *file =
        (ExternalFile){source->path, named ? path_base(source->path) : NULL, (const uint8_t *)source->text, source->length, 1};
    Checkpoint *checkpoint = NEW(arena, Checkpoint);
    *checkpoint = (Checkpoint){path_base(source->path), tensor_index_new(arena), diag};
    return read_bytes(file, source, &checkpoint->index, diag) ? checkpoint : NULL;
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

/* The only file that could be one, whatever its name; NULL after a diagnostic. */
static const char *only_file(const char *dir, Arena *arena, Diag *diag)
{
    StrList names = folder_weights(dir, arena);
    if (names.len == 1)
        return names.at[0];
    if (names.len == 0)
        diag_resource(diag, NO_SPAN,
                      "%s has no weights%s, expected model.safetensors, pytorch_model.bin, tf_model.h5 or a .pth file", dir,
                      json_file_exists(dir, "flax_model.msgpack") ? " but Flax's, flax_model.msgpack" : "");
    else
        diag_error(diag, NO_SPAN, "%s has %s, %s%s: rename the one that is meant to pytorch_model.bin", dir, names.at[0],
                   names.at[1], names.len > 2 ? " …" : "");
    return NULL;
}

/* The first of the names that transformers knows; NULL. */
static const char *usual_file(const char *dir)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json", "tf_model.h5"};
    for (int64_t i = 0; i < countof(names); i++)
        if (json_file_exists(dir, names[i]))
            return names[i];
    return NULL;
}

bool checkpoint_lies_in(const char *dir) { return usual_file(dir); }

static const char *choose_file(const char *dir, Arena *arena, Diag *diag)
{
    const char *usual = usual_file(dir);
    return usual ? usual : only_file(dir, arena, diag);
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
