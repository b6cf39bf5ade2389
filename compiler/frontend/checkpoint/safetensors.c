/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The .safetensors format: 8 bytes with the header's length, little-endian; a JSON header; the data.
 *
 *   {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"format": "pt"}}
 *
 * Checked as the format's own library does, and more strictly where JSON is loose: no duplicate keys, whole
 * numbers only, the product of a shape must not wrap, and tensors must cover the data without hole or overlap. */
#define _GNU_SOURCE /* memmem */
#include "compiler/frontend/checkpoint/safetensors.h"
#include "compiler/frontend/checkpoint/index.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };
static const int64_t LONGEST_HEADER = 100000000; /* what the format's own library accepts */

typedef struct Reader {
    const ExternalFile *file;
    Source *source;      /* the file, for byte offsets in messages */
    const char *header;  /* JSON */
    int64_t header_length, data_begin, data_length;
    Arena *arena;
    Diag *diag;
} Reader;

static const struct {
    const char *name;
    DType dtype;
} dtype_names[] = {
    {"F32", DT_FLOAT},      {"F16", DT_FLOAT16},    {"BF16", DT_BFLOAT16}, {"F64", DT_DOUBLE},    {"I64", DT_INT64},
    {"I32", DT_INT32},      {"I16", DT_INT16},      {"I8", DT_INT8},       {"U64", DT_UINT64},    {"U32", DT_UINT32},
    {"U16", DT_UINT16},     {"U8", DT_UINT8},       {"BOOL", DT_BOOL},     {"C64", DT_COMPLEX64}, {"F8_E4M3", (DType)17},
    {"F8_E5M2", (DType)19}, {"F8_E8M0", (DType)24},
};

static Span at_byte(const Reader *r, int64_t byte) { return (Span){r->source, byte, byte + 1}; }

/* Where the header names a tensor, as well as a plain search can tell. */
static Span at_name(const Reader *r, const char *name)
{
    const char *quoted = arena_printf(r->arena, "\"%s\"", name);
    const char *found = memmem(r->header, (size_t)r->header_length, quoted, strlen(quoted));
    return at_byte(r, found ? LENGTH_BYTES + (found - r->header) : LENGTH_BYTES);
}

static bool read_length(Reader *r)
{
    const ExternalFile *file = r->file;
    if (file->length < LENGTH_BYTES) {
        diag_error(r->diag, at_byte(r, 0), "a safetensors file begins with 8 bytes, this one has %" PRId64, file->length);
        return false;
    }
    uint64_t length;
    memcpy(&length, file->data, sizeof length);
    const char *problem = length == 0                                        ? "is 0"
                          : length > (uint64_t)LONGEST_HEADER                ? "is over 100 MB"
                          : length > (uint64_t)(file->length - LENGTH_BYTES) ? "goes past the end of the file"
                                                                             : NULL;
    if (problem) {
        diag_error(r->diag, at_byte(r, 0), "the safetensors header's length, %" PRIu64 ", %s", length, problem);
        return false;
    }
    r->header = (const char *)file->data + LENGTH_BYTES;
    r->header_length = (int64_t)length;
    r->data_begin = LENGTH_BYTES + r->header_length;
    r->data_length = file->length - r->data_begin;
    if (*r->header == '{')
        return true;
    diag_error(r->diag, at_byte(r, LENGTH_BYTES), "a safetensors header begins with '{', found byte 0x%02x",
               (unsigned char)*r->header);
    return false;
}

static json_t *parse_header(Reader *r)
{
    json_error_t error;
    json_t *root = json_loadb(r->header, (size_t)r->header_length, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        diag_error(r->diag, at_byte(r, LENGTH_BYTES + error.position), "safetensors header: %s", error.text);
    return root;
}

static bool read_dtype(Reader *r, const char *name, const json_t *entry, Tensor *tensor)
{
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    for (int64_t i = 0; text && i < countof(dtype_names); i++)
        if (strcmp(dtype_names[i].name, text) == 0) {
            tensor->dtype = dtype_names[i].dtype;
            return true;
        }
    diag_error(r->diag, at_name(r, name), "tensor \"%s\": %s%s", name, text ? "unknown dtype " : "expected a dtype, a string",
               text ? text : "");
    return false;
}

static bool read_size(const json_t *json, int64_t *size)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return false;
    *size = json_integer_value(json);
    return true;
}

static bool read_shape(Reader *r, const char *name, const json_t *entry, Tensor *tensor)
{
    const json_t *shape = json_object_get(entry, "shape");
    bool ok = json_is_array(shape);
    size_t rank = json_array_size(shape);
    if (rank > MAX_RANK) {
        diag_unsupported(r->diag, at_name(r, name), "tensor \"%s\" has rank %zu, above %d is not supported", name, rank,
                         MAX_RANK);
        return false;
    }
    tensor->rank = (int)rank;
    for (size_t i = 0; i < rank; i++)
        ok = ok && read_size(json_array_get(shape, i), &tensor->dims[i]);
    if (!ok) {
        diag_error(r->diag, at_name(r, name), "tensor \"%s\": expected a shape, a list of whole numbers from 0 up", name);
        return false;
    }
    Shape dims = shape_of(tensor->rank, tensor->dims);
    tensor->count = shape_count(&dims);
    if (tensor->count >= 0 && tensor->count <= INT64_MAX / dtype_size(tensor->dtype))
        return true;
    diag_error(r->diag, at_name(r, name), "tensor \"%s\": the product of its shape %s is too large", name,
               shape_text(r->arena, &dims));
    return false;
}

/* Offsets count from the first byte after the header; in the tensor, from the file's. */
static bool read_offsets(Reader *r, const char *name, const json_t *entry, Tensor *tensor)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    int64_t begin, end, bytes = tensor->count * dtype_size(tensor->dtype);
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end)) {
        diag_error(r->diag, at_name(r, name), "tensor \"%s\": expected data_offsets, two whole numbers from 0 up", name);
        return false;
    }
    if (begin > end || end > r->data_length) {
        diag_error(r->diag, at_name(r, name),
                   "tensor \"%s\": its data_offsets %" PRId64 " to %" PRId64 " are not within the %" PRId64 " bytes of data",
                   name, begin, end, r->data_length);
        return false;
    }
    if (end - begin != bytes) {
        diag_error(r->diag, at_name(r, name),
                   "tensor \"%s\": dtype and shape need %" PRId64 " bytes, its data_offsets hold %" PRId64, name, bytes,
                   end - begin);
        return false;
    }
    tensor->offset = r->data_begin + begin;
    tensor->length = bytes;
    return true;
}

static bool check_metadata(Reader *r, json_t *metadata)
{
    const char *key;
    json_t *value;
    bool ok = json_is_object(metadata);
    json_object_foreach (metadata, key, value)
        ok = ok && json_is_string(value);
    if (!ok)
        diag_error(r->diag, at_name(r, "__metadata__"), "__metadata__: expected an object of strings");
    return ok;
}

static bool read_tensor(Reader *r, const char *name, const json_t *entry, TensorIndex *index)
{
    Tensor tensor = {0};
    if (!json_is_object(entry)) {
        diag_error(r->diag, at_name(r, name), "tensor \"%s\": expected an object", name);
        return false;
    }
    return read_dtype(r, name, entry, &tensor) && read_shape(r, name, entry, &tensor) && read_offsets(r, name, entry, &tensor) &&
           tensor_index_add(index, stored_tensor_new(r->arena, arena_strdup(r->arena, name), &tensor, r->file));
}

static int by_place(const void *a, const void *b)
{
    const Tensor *x = &(*(StoredTensor *const *)a)->tensor, *y = &(*(StoredTensor *const *)b)->tensor;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->length > y->length) - (x->length < y->length);
}

static bool check_cover(Reader *r, const TensorIndex *index)
{
    int64_t n = index->tensors.len, at = r->data_begin;
    StoredTensor **sorted = NEW_ARRAY(r->arena, StoredTensor *, n);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = index->tensors.at[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_place);
    for (int64_t i = 0; i < n; i++) {
        const Tensor *tensor = &sorted[i]->tensor;
        if (tensor->offset != at) {
            diag_error(r->diag, at_name(r, sorted[i]->name),
                       "tensor \"%s\" %s: its data begins at %" PRId64 ", expected %" PRId64, sorted[i]->name,
                       tensor->offset < at ? "overlaps another" : "leaves a hole before it", tensor->offset - r->data_begin,
                       at - r->data_begin);
            return false;
        }
        at += tensor->length;
    }
    if (at == r->file->length)
        return true;
    diag_error(r->diag, at_byte(r, at), "the tensors end here, but the file goes on for %" PRId64 " bytes", r->file->length - at);
    return false;
}

static bool read_tensors(Reader *r, json_t *root, TensorIndex *index)
{
    const char *name;
    json_t *entry;
    bool ok = true;
    json_object_foreach (root, name, entry)
        ok &= strcmp(name, "__metadata__") == 0 ? check_metadata(r, entry) : read_tensor(r, name, entry, index);
    return ok && check_cover(r, index);
}

bool safetensors_probe(const Source *source)
{
    return source->length > 10 && source->text[7] == 0 && memcmp(source->text + 8, "{\"", 2) == 0;
}

bool safetensors_read(const ExternalFile *file, TensorIndex *index, Diag *diag)
{
    Reader r = {.file = file, .source = NEW(index->arena, Source), .arena = index->arena, .diag = diag};
    *r.source = (Source){file->path, (const char *)file->data, file->length, true};
    json_t *root = read_length(&r) ? parse_header(&r) : NULL;
    bool ok = root && read_tensors(&r, root, index);
    json_decref(root);
    return ok;
}
