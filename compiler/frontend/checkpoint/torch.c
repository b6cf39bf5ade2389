/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files of torch.save: where the storages lie, and which of the pickle's tensors are the model's.
 *
 *   ZIP:     NAME/data.pkl, NAME/data/0, NAME/data/1 …
 *   legacy:  pickles of a magic number, a version and the machine; the pickle; a pickled list of keys; for each key
 *            the number of elements in 8 bytes, then the elements
 *
 * The model's dict may be a member of another: {"model": {…}, "optimizer": …, "epoch": 299}. */
#define _GNU_SOURCE /* memmem */
#include "compiler/frontend/checkpoint/index.h"
#include "compiler/frontend/checkpoint/pickle.h"
#include "compiler/frontend/checkpoint/zip.h"
#include "compiler/frontend/input/foreign.h"

#include <inttypes.h>
#include <string.h>

typedef struct Reader {
    const ExternalFile *file;
    Source *source;
    Pickle pickle;
    TensorIndex *index;
    Arena *arena;
    Diag *diag;
} Reader;

static bool fails(Reader *r, int64_t byte, const char *what)
{
    diag_error(r->diag, (Span){r->source, byte, byte + 1}, "%s", what);
    return false;
}

/* ── Which tensors ── */

static const PickleValue *member(const PickleValue *dict, const char *key)
{
    const PickleValue *found = NULL; /* the last one counts, as in Python */
    for (int64_t i = 0; i + 1 < dict->items.len; i += 2)
        if (dict->items.at[i]->kind == PICKLE_STRING && strcmp(dict->items.at[i]->text, key) == 0)
            found = dict->items.at[i + 1];
    return found;
}

static bool holds_tensors(const PickleValue *dict)
{
    for (int64_t i = 1; i < dict->items.len; i += 2)
        if (dict->items.at[i]->kind == PICKLE_TENSOR)
            return true;
    return false;
}

enum { MOST_WRAPPINGS = 4 };

static const PickleValue *unwrap(const PickleValue *value)
{
    static const char *const keys[] = {"model",  "state_dict", "model_state_dict", "model_state",
                                       "module", "model_ema",  "state_dict_ema"};
    for (int depth = 0; depth < MOST_WRAPPINGS && value && value->kind == PICKLE_DICT; depth++) {
        const PickleValue *inner = NULL;
        for (int64_t i = 0; i < countof(keys) && !(inner && inner->kind == PICKLE_DICT); i++)
            inner = member(value, keys[i]);
        if (!inner || inner->kind != PICKLE_DICT) /* else tensors beside it are a trainer's, such as the best loss */
            return holds_tensors(value) ? value : NULL;
        value = inner;
    }
    return NULL;
}

static bool add_tensor(Reader *r, const char *name, const PickleTensor *from)
{
    int64_t size = dtype_size(from->storage->dtype), first = from->count ? from->first : 0; /* of none: anywhere */
    Tensor tensor = {.dtype = from->storage->dtype, .rank = from->rank, .count = from->count, .length = from->count * size};
    memcpy(tensor.dims, from->dims, sizeof from->dims);
    tensor.offset = from->storage->begin + first * size;
    StoredTensor *stored = stored_tensor_new(r->arena, name, &tensor, r->file);
    memcpy(stored->strides, from->strides, sizeof from->strides);
    return tensor_index_add(r->index, stored) ||
           fails(r, 0, arena_printf(r->arena, "the pickle holds two tensors named %s", name));
}

static bool add_tensors(Reader *r, const PickleValue *root)
{
    const PickleValue *dict = unwrap(root);
    if (!dict)
        return fails(r, 0, "the pickle holds no dict of tensors, neither outermost nor under model, state_dict …");
    for (int64_t i = 0; i + 1 < dict->items.len; i += 2) {
        const PickleValue *key = dict->items.at[i], *value = dict->items.at[i + 1];
        if (key->kind == PICKLE_STRING && value->kind == PICKLE_TENSOR && !add_tensor(r, key->text, value->tensor))
            return false;
    }
    return true;
}

/* ── Where they lie ── */

/* Elements first to first + count of a storage that has there of them at byte. */
static bool place(Reader *r, PickleStorage *storage, int64_t byte, int64_t there)
{
    if (storage->view > there || storage->count > there - storage->view) {
        diag_error(r->diag, (Span){r->source, byte, byte + 1},
                   "the pickle says that storage %s has %" PRId64 " elements, the file has %" PRId64, storage->key,
                   storage->count, there - (storage->view > there ? there : storage->view));
        return false;
    }
    storage->begin = byte + storage->view * dtype_size(storage->dtype);
    return true;
}

static bool place_entries(Reader *r, const Zip *zip, const char *folder)
{
    for (int64_t i = 0; i < r->pickle.storages.len; i++) {
        PickleStorage *storage = r->pickle.storages.at[i];
        const ZipEntry *entry = strmap_get(&zip->by_name, arena_printf(r->arena, "%s/data/%s", folder, storage->key));
        if (!entry)
            return fails(r, 0, arena_printf(r->arena, "the ZIP archive has no %s/data/%s", folder, storage->key));
        if (!place(r, storage, entry->offset, entry->length / dtype_size(storage->dtype)))
            return false;
    }
    return true;
}

/* An archive's directory stands at its end; torch.save's is short enough for this to see all of it. */
static bool names_entry(const Source *source, const char *name)
{
    size_t n = source->length < 1 << 20 ? (size_t)source->length : 1 << 20;
    return memmem(source->text, n, name, strlen(name)) || memmem(source->text + source->length - n, n, name, strlen(name));
}

static bool names_pickle(const Source *source) { return names_entry(source, "/data.pkl"); }

static const ZipEntry *find_pickle(const Zip *zip)
{
    for (int64_t i = 0; i < zip->entries.len; i++)
        if (str_ends_with(zip->entries.at[i]->name, "/data.pkl"))
            return zip->entries.at[i];
    return NULL;
}

static bool check_byte_order(Reader *r, const Zip *zip, const char *folder)
{
    const ZipEntry *entry = strmap_get(&zip->by_name, arena_printf(r->arena, "%s/byteorder", folder));
    if (!entry || (entry->length == 6 && memcmp(r->file->data + entry->offset, "little", 6) == 0))
        return true;
    diag_unsupported(r->diag, (Span){r->source, entry->offset, entry->offset + 1}, "only little-endian data is supported");
    return false;
}

static bool read_zip(Reader *r)
{
    if (!names_pickle(r->source))
        return foreign_refuse(r->source, "one that torch.save wrote", r->diag);
    if (names_entry(r->source, "/constants.pkl"))
        return fails(r, 0, "this is a TorchScript program, expected a state dict: torch.save(model.state_dict(), FILE)");
    if (names_entry(r->source, "/archive_format"))
        return fails(r, 0, "this is a program of torch.export, expected a state dict: torch.save(model.state_dict(), FILE)");
    const Zip *zip = zip_open(r->file, r->source, r->arena, r->diag);
    const ZipEntry *entry = zip ? find_pickle(zip) : NULL;
    if (!entry)
        return zip && fails(r, 0, "the ZIP archive has no data.pkl, so it is none of torch.save's");
    const char *folder = arena_strndup(r->arena, entry->name, strlen(entry->name) - strlen("/data.pkl"));
    r->pickle.at = entry->offset;
    r->pickle.end = entry->offset + entry->length;
    const PickleValue *root = check_byte_order(r, zip, folder) ? pickle_read(&r->pickle) : NULL;
    return root && place_entries(r, zip, folder) && add_tensors(r, root);
}

/* All views of the storage that key names. */
static bool place_views(Reader *r, const char *key, int64_t *at)
{
    const PickleStorage *known = strmap_get(&r->pickle.by_key, key);
    uint64_t count;
    if (!known)
        return fails(r, *at, arena_printf(r->arena, "no tensor of the pickle says what storage %s consists of", key));
    if (r->file->length - *at < 8)
        return fails(r, *at, "the file ends before its storages do");
    memcpy(&count, r->file->data + *at, sizeof count);
    int64_t begin = *at + 8, size = dtype_size(known->dtype);
    if (count > (uint64_t)((r->file->length - begin) / size))
        return fails(r, *at, arena_printf(r->arena, "storage %s goes past the end of the file", key));
    *at = begin + (int64_t)count * size;
    for (int64_t i = 0; i < r->pickle.storages.len; i++)
        if (strcmp(r->pickle.storages.at[i]->key, key) == 0 && !place(r, r->pickle.storages.at[i], begin, (int64_t)count))
            return false;
    return true;
}

static bool place_in_order(Reader *r, const PickleValue *keys)
{
    if (keys->kind != PICKLE_LIST)
        return fails(r, r->pickle.begin, "expected a list of the storages' keys");
    int64_t at = r->pickle.at;
    for (int64_t i = 0; i < keys->items.len; i++) {
        const PickleValue *key = keys->items.at[i];
        if (key->kind != PICKLE_STRING)
            return fails(r, r->pickle.begin, "a storage's key is not a string");
        if (!place_views(r, key->text, &at))
            return false;
    }
    for (int64_t i = 0; i < r->pickle.storages.len; i++)
        if (r->pickle.storages.at[i]->begin < 0)
            return fails(r, r->pickle.begin,
                         arena_printf(r->arena, "the file does not hold storage %s", r->pickle.storages.at[i]->key));
    return true;
}

static bool check_machine(Reader *r, const PickleValue *machine)
{
    const PickleValue *little = machine->kind == PICKLE_DICT ? member(machine, "little_endian") : NULL;
    if (!little || little->kind != PICKLE_BOOL)
        return fails(r, r->pickle.begin, "expected a dict that tells the byte order");
    if (!little->integer)
        diag_unsupported(r->diag, (Span){r->source, r->pickle.begin, r->pickle.at}, "only little-endian data is supported");
    return little->integer;
}

static bool read_legacy(Reader *r)
{
    r->pickle.end = r->file->length;
    r->pickle.legacy = true;
    const PickleValue *machine = NULL;
    for (int i = 0; i < 3; i++) /* magic number, version, machine */
        if (!(machine = pickle_read(&r->pickle)))
            return false;
    if (!check_machine(r, machine))
        return false;
    const PickleValue *root = pickle_read(&r->pickle), *keys = root ? pickle_read(&r->pickle) : NULL;
    return keys && place_in_order(r, keys) && add_tensors(r, root);
}

/* The magic number is a 10-byte integer, behind a byte or two of protocol. */
static bool is_legacy(const Source *source)
{
    static const char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    size_t n = source->length < 32 ? (size_t)source->length : 32;
    return n && source->text[0] == '\x80' && memmem(source->text, n, magic, sizeof magic - 1);
}

bool torch_probe(const Source *source)
{
    return is_legacy(source) || (source->length >= 4 && memcmp(source->text, "PK\3\4", 4) == 0 && names_pickle(source));
}

bool torch_read(const ExternalFile *file, TensorIndex *index, Diag *diag)
{
    Arena *arena = index->arena;
    Reader r = {.file = file, .source = NEW(arena, Source), .index = index, .arena = arena, .diag = diag};
    *r.source = (Source){file->path, (const char *)file->data, file->length, true};
    r.pickle = (Pickle){.data = file->data, .source = r.source, .arena = arena, .diag = diag};
    r.pickle.by_key.arena = arena;
    if (file->length >= 4 && memcmp(file->data, "PK", 2) == 0)
        return read_zip(&r);
    if (is_legacy(r.source))
        return read_legacy(&r);
    return fails(&r, 0, "a pickle, but not one that torch.save wrote: its magic number is missing");
}
