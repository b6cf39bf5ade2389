/* The checkpoint of a folder against what the config needs.
 *
 * Problem: names carry the architecture's prefix or not, whichever class saved them, or are somebody else's; and when
 * a checkpoint does not fit the config, the user wants all differences at once. Idea: the builder asks for what it
 * needs by Hugging Face's bare names, checkpoint.c finds it; report what did not match at the end.
 *
 *   take("layernorm.weight", [768])  →  tensor "convnext.layernorm.weight", in place in the mapped file
 *
 *   model.safetensors: error: tensor convnext.layernorm.weight is missing; the nearest is convnext.layernorm.wieght */
#include "compiler/frontend/checkpoint/checkpoint.h"
#include "compiler/frontend/convnext/convnext.h"

#include <stdlib.h>
#include <string.h>

typedef struct Entry {
    const char *name;
    int64_t index;          /* in entries */
    Tensor *tensor;
    bool used;
} Entry;

typedef struct Wanted {     /* and not found */
    const char *name;       /* with the prefix that files of this kind have */
    const char *shape;
} Wanted;

struct HfWeights {
    Arena *arena;
    Diag *diag;
    const char *file;       /* named in messages: model.safetensors or the index */
    const char *prefix;     /* "convnext." or "convnextv2." */
    Checkpoint *checkpoint; /* NULL: there is none, only location */
    VEC(Entry *) entries;   /* the checkpoint's tensors, in file order */
    StrMap by_name;         /* → Entry */
    VEC(Wanted) missing;
    VEC(const char *) ignored;
    const char *location;   /* no checkpoint: where one would lie, and tensors are made on demand; else NULL */
    bool misshaped;
};

static HfWeights *new_weights(bool v2, const char *file, Arena *arena, Diag *diag)
{
    HfWeights *weights = NEW(arena, HfWeights);
    *weights = (HfWeights){.arena = arena, .diag = diag, .file = file, .prefix = v2 ? "convnextv2." : "convnext."};
    weights->by_name.arena = arena;
    return weights;
}

static Entry *add_entry(HfWeights *weights, const char *name, Tensor *tensor)
{
    Entry *entry = NEW(weights->arena, Entry);
    *entry = (Entry){name, weights->entries.len, tensor, false};
    vec_push(weights->arena, &weights->entries, entry);
    strmap_put(&weights->by_name, name, entry);
    return entry;
}

HfWeights *hf_weights_open(const char *dir, bool v2, Arena *arena, Diag *diag)
{
    Checkpoint *checkpoint = checkpoint_open(dir, v2, arena, diag);
    if (!checkpoint)
        return NULL;
    HfWeights *weights = new_weights(v2, checkpoint->file, arena, diag);
    weights->checkpoint = checkpoint;
    for (int64_t i = 0; i < checkpoint->tensors.tensors.len; i++)
        add_entry(weights, checkpoint->tensors.tensors.at[i]->name, &checkpoint->tensors.tensors.at[i]->tensor);
    return weights;
}

HfWeights *hf_weights_declare(const char *text_dir, bool v2, Arena *arena, Diag *diag)
{
    HfWeights *weights = new_weights(v2, "model.safetensors", arena, diag);
    weights->location = arena_printf(arena, "%s/%s", text_dir, weights->file);
    return weights;
}

/* As files of this kind call it. Only the classifier stands outside Hugging Face's prefix. */
static const char *full_name(const HfWeights *weights, const char *name)
{
    if (weights->checkpoint)
        return checkpoint_file_name(weights->checkpoint, name, true);
    return str_starts_with(name, "classifier.") ? name : arena_printf(weights->arena, "%s%s", weights->prefix, name);
}

static Entry *find(const HfWeights *weights, const char *name)
{
    if (!weights->checkpoint)
        return strmap_get(&weights->by_name, full_name(weights, name));
    int64_t index = checkpoint_find(weights->checkpoint, name);
    return index < 0 ? NULL : weights->entries.at[index];
}

bool hf_weights_has(const HfWeights *weights, const char *name)
{
    return weights->location ? !str_starts_with(name, "hidden_states_norms.") : find(weights, name) != NULL;
}

bool hf_weights_of_tensorflow(const HfWeights *weights)
{
    return weights->checkpoint && checkpoint_of_tensorflow(weights->checkpoint);
}

int64_t hf_weights_rows(const HfWeights *weights, const char *name)
{
    const Entry *entry = find(weights, name);
    return entry && entry->tensor->rank == 2 ? entry->tensor->dims[0] : 0;
}

static Entry *declare(HfWeights *weights, const char *name, int rank, const int64_t *dims)
{
    Shape shape = shape_of(rank, dims);
    Tensor *tensor = NEW(weights->arena, Tensor);
    *tensor = (Tensor){.dtype = DT_FLOAT, .rank = rank, .count = shape_count(&shape), .location = weights->location};
    memcpy(tensor->dims, dims, (size_t)rank * sizeof *dims);
    tensor->length = tensor->count * dtype_size(DT_FLOAT);
    return add_entry(weights, full_name(weights, name), tensor);
}

static bool is_float(const Tensor *tensor)
{
    return tensor->dtype == DT_FLOAT || tensor->dtype == DT_FLOAT16 || tensor->dtype == DT_BFLOAT16 || tensor->dtype == DT_DOUBLE;
}

/* The entry's tensor with its data; NULL after a diagnostic. */
static Tensor *load(HfWeights *weights, const Entry *entry, int rank, const int64_t *dims)
{
    Shape want = shape_of(rank, dims), have = shape_of(entry->tensor->rank, entry->tensor->dims);
    Tensor *tensor = !weights->checkpoint      ? entry->tensor
                     : is_float(entry->tensor) ? checkpoint_tensor(weights->checkpoint, entry->index, rank, dims)
                                               : NULL;
    if (tensor)
        return tensor;
    if (is_float(entry->tensor))
        diag_error(weights->diag, NO_SPAN, "%s: tensor %s has shape %s, config.json needs %s", weights->file, entry->name,
                   shape_text(weights->arena, &have), shape_text(weights->arena, &want));
    else
        diag_unsupported(weights->diag, NO_SPAN, "%s: tensor %s is of type %s, expected a float type", weights->file, entry->name,
                         dtype_name(entry->tensor->dtype));
    weights->misshaped = true;
    return NULL;
}

Tensor *hf_weights_take(HfWeights *weights, const char *name, int rank, const int64_t *dims, const char **used_name)
{
    Entry *entry = find(weights, name);
    if (!entry && weights->location)
        entry = declare(weights, name, rank, dims);
    if (!entry) {
        Shape shape = shape_of(rank, dims);
        vec_push(weights->arena, &weights->missing, (Wanted){full_name(weights, name), shape_text(weights->arena, &shape)});
        return NULL;
    }
    *used_name = entry->name;
    entry->used = true;
    return load(weights, entry, rank, dims);
}

void hf_weights_ignore(HfWeights *weights, const char *start) { vec_push(weights->arena, &weights->ignored, start); }

static bool is_ignored(const HfWeights *weights, const char *name)
{
    name = checkpoint_bare_name(weights->checkpoint, name);
    for (int64_t i = 0; i < weights->ignored.len; i++)
        if (str_starts_with(name, weights->ignored.at[i]) ||
            (*weights->ignored.at[i] == '.' && str_ends_with(name, weights->ignored.at[i])))
            return true;
    return false;
}

/* What the file holds and nothing asked for: candidates for a misspelt name. */
static int64_t unused_names(const HfWeights *weights, const char **names)
{
    int64_t n = 0;
    for (int64_t i = 0; i < weights->entries.len; i++)
        if (!weights->entries.at[i]->used && !is_ignored(weights, weights->entries.at[i]->name))
            names[n++] = weights->entries.at[i]->name;
    return n;
}

enum { MOST_SUGGESTIONS = 20 }; /* another model's checkpoint misses everything: near names would take long */

static void report_missing(HfWeights *weights, const char *const *unused, int64_t n_unused)
{
    for (int64_t i = 0; i < weights->missing.len; i++) {
        const Wanted *wanted = &weights->missing.at[i];
        const char *near = i < MOST_SUGGESTIONS ? nearest_name(wanted->name, unused, n_unused) : NULL;
        const Entry *entry = near ? strmap_get(&weights->by_name, near) : NULL;
        if (!entry) {
            diag_error(weights->diag, NO_SPAN, "%s: tensor %s %s is missing", weights->file, wanted->name, wanted->shape);
            continue;
        }
        Shape shape = shape_of(entry->tensor->rank, entry->tensor->dims);
        diag_error(weights->diag, NO_SPAN, "%s: tensor %s %s is missing; the nearest that nothing uses is %s %s", weights->file,
                   wanted->name, wanted->shape, near, shape_text(weights->arena, &shape));
    }
}

static void report_extra(HfWeights *weights, const char *const *unused, int64_t n_unused)
{
    if (n_unused == 0)
        return;
    StrBuf sb = {.arena = weights->arena};
    for (int64_t i = 0; i < n_unused && i < 8; i++)
        sb_printf(&sb, "%s%s", i ? ", " : "", unused[i]);
    if (n_unused > 8)
        sb_printf(&sb, " and %lld more", (long long)n_unused - 8);
    diag_warning(weights->diag, NO_SPAN, "%s: config.json has no place for %lld of the tensors: %s", weights->file,
                 (long long)n_unused, sb.text);
}

/* An exponent of all ones is Inf or NaN; counted without branches, at memory speed. */
static bool has_non_finite(const Tensor *tensor)
{
    uint64_t bad = 0;
    if (tensor->dtype == DT_FLOAT) {
        const uint32_t *bits = tensor->data;
        for (int64_t i = 0; i < tensor->count; i++)
            bad += (bits[i] & 0x7f800000u) == 0x7f800000u;
    } else if (tensor->dtype == DT_DOUBLE) {
        const uint64_t *bits = tensor->data;
        for (int64_t i = 0; i < tensor->count; i++)
            bad += (bits[i] & 0x7ff0000000000000u) == 0x7ff0000000000000u;
    } else {
        const uint16_t *bits = tensor->data;
        uint16_t mask = tensor->dtype == DT_FLOAT16 ? 0x7c00 : 0x7f80;
        for (int64_t i = 0; i < tensor->count; i++)
            bad += (bits[i] & mask) == mask;
    }
    return bad > 0;
}

static void warn_non_finite(HfWeights *weights)
{
    for (int64_t i = 0; i < weights->entries.len; i++) {
        const Entry *entry = weights->entries.at[i];
        if (entry->used && entry->tensor->data && has_non_finite(entry->tensor))
            diag_warning(weights->diag, NO_SPAN, "%s: tensor %s holds NaN or infinity", weights->file, entry->name);
    }
}

static int by_entry_name(const void *a, const void *b) { return strcmp((*(Entry *const *)a)->name, (*(Entry *const *)b)->name); }

/* safetensors' own writer sorts by name (all types being equal), starts the header with {"__metadata__":…},
 * writes no spaces, and pads the header with spaces to a multiple of 8. */
static void place_declared(HfWeights *weights)
{
    StrBuf header = {.arena = weights->arena};
    int64_t at = 0, n = weights->entries.len;
    qsort(weights->entries.at, (size_t)n, sizeof *weights->entries.at, by_entry_name);
    sb_put(&header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int64_t i = 0; i < n; i++) {
        Tensor *tensor = weights->entries.at[i]->tensor;
        sb_printf(&header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[", weights->entries.at[i]->name);
        for (int d = 0; d < tensor->rank; d++)
            sb_printf(&header, "%s%lld", d ? "," : "", (long long)tensor->dims[d]);
        sb_printf(&header, "],\"data_offsets\":[%lld,%lld]}", (long long)at, (long long)(at + tensor->length));
        tensor->offset = at;
        at += tensor->length;
    }
    int64_t start = 8 + (header.len + 1 + 7) / 8 * 8; /* the length, the header and its closing brace */
    for (int64_t i = 0; i < n; i++)
        weights->entries.at[i]->tensor->offset += start;
}

bool hf_weights_finish(HfWeights *weights)
{
    if (weights->location) {
        place_declared(weights);
        return true;
    }
    const char **unused = NEW_ARRAY(weights->arena, const char *, weights->entries.len);
    int64_t n_unused = unused_names(weights, unused);
    report_missing(weights, unused, n_unused);
    report_extra(weights, unused, n_unused);
    if (weights->missing.len || weights->misshaped)
        return false;
    warn_non_finite(weights);
    return true;
}
