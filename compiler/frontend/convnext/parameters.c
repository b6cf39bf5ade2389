/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A checkpoint against what the network needs, as the config says or its own shapes.
 *
 * Problem: names carry the architecture's prefix or not, whichever class saved them, or are somebody else's; and when
 * a checkpoint does not fit the config, the user wants all differences at once. Idea: the builder asks for what it
 * needs by Hugging Face's bare names, names.c finds it; report what did not match at the end.
 *
 *   take("layernorm.weight", [768])  →  tensor "convnext.layernorm.weight", in place in the mapped file
 *
 *   model.safetensors: error: tensor convnext.layernorm.weight is missing; the nearest is convnext.layernorm.wieght */
#include "compiler/frontend/convnext/parameters.h"
#include "compiler/frontend/checkpoint/checkpoint.h"

#include <stdlib.h>
#include <string.h>

typedef struct Wanted {     /* and not found */
    const char *name;       /* with the prefix that files of this kind have */
    const char *shape;
} Wanted;

struct Parameters {
    Arena *arena;
    Diag *diag;
    const char *file;       /* named in messages: model.safetensors or the index */
    const char *wanted_by;  /* who says which tensors there must be: "config.json" */
    const char *location;   /* no checkpoint: where one would lie, and tensors are made on demand; else NULL */
    TensorIndex index;      /* of the checkpoint, or of what was made */
    Names names;
    VEC(Wanted) missing;
    VEC(const char *) ignored;
    bool misshaped;
};

Parameters *parameters_open(const char *dir, const char *prefix, Arena *arena, Diag *diag)
{
    Checkpoint *checkpoint = checkpoint_open(dir, arena, diag);
    if (!checkpoint)
        return NULL;
    Parameters *parameters = NEW(arena, Parameters);
    *parameters = (Parameters){
        .arena = arena, .diag = diag, .file = checkpoint->file, .wanted_by = "config.json", .index = checkpoint->index};
    parameters->names = names_recognize(&parameters->index, prefix);
    return parameters;
}

static bool has_grn(const TensorIndex *index)
{
    for (int64_t i = 0; i < index->tensors.len; i++)
        if (strstr(index->tensors.at[i]->name, ".grn."))
            return true;
    return false;
}

/* Names of nobody's mean another network, or a part of one. */
static bool is_convnext(const Parameters *parameters, const Source *source)
{
    const TensorIndex *index = &parameters->index;
    if (parameters->names.recognized)
        return true;
    diag_error(
        parameters->diag, NO_SPAN,
        "%s holds %lld tensors, but not under a ConvNeXt's names, as Hugging Face, timm, torchvision or the original release "
        "give them%s%s; another network compiles as an ONNX export",
        source->path, (long long)index->tensors.len, index->tensors.len ? ": the first is " : "",
        index->tensors.len ? index->tensors.at[0]->name : "");
    return false;
}

Parameters *parameters_open_alone(const Source *source, Arena *arena, Diag *diag)
{
    Checkpoint *checkpoint = checkpoint_read(source, arena, diag);
    if (!checkpoint)
        return NULL;
    Parameters *parameters = NEW(arena, Parameters);
    *parameters = (Parameters){
        .arena = arena, .diag = diag, .file = checkpoint->file, .wanted_by = "the network", .index = checkpoint->index};
    Family family = has_grn(&parameters->index) ? FAMILY_CONVNEXTV2 : FAMILY_CONVNEXT;
    parameters->names = names_recognize(&parameters->index, hf_prefix(family));
    return is_convnext(parameters, source) ? parameters : NULL;
}

Parameters *parameters_declare(const char *text_dir, const char *prefix, Arena *arena, Diag *diag)
{
    Parameters *parameters = NEW(arena, Parameters);
    *parameters = (Parameters){.arena = arena,
                               .diag = diag,
                               .file = "model.safetensors",
                               .index = tensor_index_new(arena),
                               .names = names_plain(prefix, arena)};
    parameters->location = arena_printf(arena, "%s/%s", text_dir, parameters->file);
    return parameters;
}

static StoredTensor *find(const Parameters *parameters, const char *name)
{
    return names_find(&parameters->names, &parameters->index, name);
}

const Tensor *parameters_find(const Parameters *parameters, const char *name)
{
    const StoredTensor *stored = find(parameters, name);
    return stored ? &stored->tensor : NULL;
}

bool parameters_have(const Parameters *parameters, const char *name)
{
    return parameters->location ? !str_starts_with(name, "hidden_states_norms.") : find(parameters, name) != NULL;
}

const char *parameters_bare(const Parameters *parameters, const char *full_name)
{
    return names_bare(&parameters->names, full_name);
}

bool parameters_of_tensorflow(const Parameters *parameters) { return names_of_tensorflow(&parameters->names); }

bool parameters_of_torchvision(const Parameters *parameters) { return names_of_torchvision(&parameters->names); }

bool parameters_of_hugging_face(const Parameters *parameters) { return !names_drop_ones(&parameters->names); }

Family parameters_family(const Parameters *parameters)
{
    return names_of_dinov3(&parameters->names) ? FAMILY_DINOV3
           : has_grn(&parameters->index)       ? FAMILY_CONVNEXTV2
                                               : FAMILY_CONVNEXT;
}

int64_t parameters_rows(const Parameters *parameters, const char *name)
{
    const StoredTensor *stored = find(parameters, name);
    return stored && stored->tensor.rank == 2 ? stored->tensor.dims[0] : 0;
}

static StoredTensor *declare(Parameters *parameters, const char *name, int rank, const int64_t *dims)
{
    Shape shape = shape_of(rank, dims);
    Tensor tensor = {.dtype = DT_FLOAT, .rank = rank, .count = shape_count(&shape), .location = parameters->location};
    memcpy(tensor.dims, dims, (size_t)rank * sizeof *dims);
    tensor.length = tensor.count * dtype_size(DT_FLOAT);
    StoredTensor *stored = stored_tensor_new(parameters->arena, names_in_file(&parameters->names, name), &tensor, NULL);
    tensor_index_add(&parameters->index, stored);
    return stored;
}

static bool is_float(const Tensor *tensor)
{
    return tensor->dtype == DT_FLOAT || tensor->dtype == DT_FLOAT16 || tensor->dtype == DT_BFLOAT16 || tensor->dtype == DT_DOUBLE;
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

static bool fits(const Parameters *parameters, const Tensor *tensor, int rank, const int64_t *dims)
{
    int64_t have[MAX_RANK], want[MAX_RANK];
    return same_dims(tensor->rank, tensor->dims, rank, dims) ||
           (names_drop_ones(&parameters->names) &&
            same_dims(without_ones(tensor->rank, tensor->dims, have), have, without_ones(rank, dims, want), want));
}

static bool check_shape(Parameters *parameters, const StoredTensor *stored, int rank, const int64_t *dims)
{
    const Tensor *tensor = &stored->tensor;
    Shape want = shape_of(rank, dims), have = shape_of(tensor->rank, tensor->dims);
    if (!is_float(tensor))
        diag_unsupported(parameters->diag, NO_SPAN, "%s: tensor %s is of type %s, expected a float type", parameters->file,
                         stored->name, dtype_name(tensor->dtype));
    else if (!fits(parameters, tensor, rank, dims))
        diag_error(parameters->diag, NO_SPAN, "%s: tensor %s has shape %s, %s needs %s", parameters->file, stored->name,
                   shape_text(parameters->arena, &have), parameters->wanted_by, shape_text(parameters->arena, &want));
    else
        return true;
    parameters->misshaped = true;
    return false;
}

Tensor *parameters_take(Parameters *parameters, const char *name, int rank, const int64_t *dims, const char **full_name)
{
    StoredTensor *stored = find(parameters, name);
    if (!stored && parameters->location)
        stored = declare(parameters, name, rank, dims);
    if (!stored) {
        Shape shape = shape_of(rank, dims);
        vec_push(parameters->arena, &parameters->missing,
                 (Wanted){names_in_file(&parameters->names, name), shape_text(parameters->arena, &shape)});
        return NULL;
    }
    *full_name = stored->name;
    stored->used = true;
    if (!check_shape(parameters, stored, rank, dims))
        return NULL;
    Tensor *tensor = parameters->location ? &stored->tensor : stored_tensor_load(stored, parameters->arena);
    bool same = same_dims(tensor->rank, tensor->dims, rank, dims);
    return same ? tensor : tensor_reshaped(parameters->arena, tensor, rank, dims);
}

void parameters_ignore(Parameters *parameters, const char *start) { vec_push(parameters->arena, &parameters->ignored, start); }

static bool is_ignored(const Parameters *parameters, const char *name)
{
    name = names_bare(&parameters->names, name);
    for (int64_t i = 0; i < parameters->ignored.len; i++)
        if (str_starts_with(name, parameters->ignored.at[i]) ||
            (*parameters->ignored.at[i] == '.' && str_ends_with(name, parameters->ignored.at[i])))
            return true;
    return false;
}

/* What the file holds and nothing asked for: candidates for a misspelt name. */
static int64_t unused_names(const Parameters *parameters, const char **names)
{
    int64_t n = 0;
    for (int64_t i = 0; i < parameters->index.tensors.len; i++)
        if (!parameters->index.tensors.at[i]->used && !is_ignored(parameters, parameters->index.tensors.at[i]->name))
            names[n++] = parameters->index.tensors.at[i]->name;
    return n;
}

enum { MOST_SUGGESTIONS = 20 }; /* another model's checkpoint misses everything: near names would take long */

static void report_missing(Parameters *parameters, const char *const *unused, int64_t n_unused)
{
    for (int64_t i = 0; i < parameters->missing.len; i++) {
        const Wanted *wanted = &parameters->missing.at[i];
        const char *near = i < MOST_SUGGESTIONS ? nearest_name(wanted->name, unused, n_unused) : NULL;
        const StoredTensor *stored = near ? tensor_index_find(&parameters->index, near) : NULL;
        if (!stored) {
            diag_error(parameters->diag, NO_SPAN, "%s: tensor %s %s is missing", parameters->file, wanted->name, wanted->shape);
            continue;
        }
        Shape shape = shape_of(stored->tensor.rank, stored->tensor.dims);
        diag_error(parameters->diag, NO_SPAN, "%s: tensor %s %s is missing; the nearest that nothing uses is %s %s",
                   parameters->file, wanted->name, wanted->shape, near, shape_text(parameters->arena, &shape));
    }
}

static void report_extra(Parameters *parameters, const char *const *unused, int64_t n_unused)
{
    if (n_unused == 0)
        return;
    StrBuf sb = {.arena = parameters->arena};
    for (int64_t i = 0; i < n_unused && i < 8; i++)
        sb_printf(&sb, "%s%s", i ? ", " : "", unused[i]);
    if (n_unused > 8)
        sb_printf(&sb, " and %lld more", (long long)n_unused - 8);
    diag_warning(parameters->diag, NO_SPAN, "%s: %s has no place for %lld of the tensors: %s", parameters->file,
                 parameters->wanted_by, (long long)n_unused, sb.text);
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

static void warn_non_finite(Parameters *parameters)
{
    for (int64_t i = 0; i < parameters->index.tensors.len; i++) {
        const StoredTensor *stored = parameters->index.tensors.at[i];
        if (stored->used && stored->tensor.data && has_non_finite(&stored->tensor))
            diag_warning(parameters->diag, NO_SPAN, "%s: tensor %s holds NaN or infinity", parameters->file, stored->name);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(StoredTensor *const *)a)->name, (*(StoredTensor *const *)b)->name);
}

/* safetensors' own writer sorts by name (all types being equal), starts the header with {"__metadata__":…},
 * writes no spaces, and pads the header with spaces to a multiple of 8. */
static void place_declared(Parameters *parameters)
{
    StrBuf header = {.arena = parameters->arena};
    int64_t at = 0, n = parameters->index.tensors.len;
    qsort(parameters->index.tensors.at, (size_t)n, sizeof *parameters->index.tensors.at, by_name);
    sb_put(&header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int64_t i = 0; i < n; i++) {
        Tensor *tensor = &parameters->index.tensors.at[i]->tensor;
        sb_printf(&header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[", parameters->index.tensors.at[i]->name);
        for (int d = 0; d < tensor->rank; d++)
            sb_printf(&header, "%s%lld", d ? "," : "", (long long)tensor->dims[d]);
        sb_printf(&header, "],\"data_offsets\":[%lld,%lld]}", (long long)at, (long long)(at + tensor->length));
        tensor->offset = at;
        at += tensor->length;
    }
    int64_t start = 8 + (header.len + 1 + 7) / 8 * 8; /* the length, the header and its closing brace */
    for (int64_t i = 0; i < n; i++)
        parameters->index.tensors.at[i]->tensor.offset += start;
}

bool parameters_finish(Parameters *parameters)
{
    if (parameters->location) {
        place_declared(parameters);
        return true;
    }
    const char **unused = NEW_ARRAY(parameters->arena, const char *, parameters->index.tensors.len);
    int64_t n_unused = unused_names(parameters, unused);
    report_missing(parameters, unused, n_unused);
    report_extra(parameters, unused, n_unused);
    if (parameters->missing.len || parameters->misshaped)
        return false;
    warn_non_finite(parameters);
    return true;
}
