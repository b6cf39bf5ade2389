/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tensors of .onnx files.
 *
 * Problem: weights are most of the file, and there are four places where a tensor's elements may stand: raw
 * bytes, one of five typed lists, string data, another file. Idea: raw bytes are used where they lie in the
 * mapped file; only what protobuf encodes (a typed list) or what stands unaligned is copied.
 *
 *   TensorProto {dims 2, data_type 1, raw_data @ byte 4096}  →  float[2], data = file + 4096 */
#include "compiler/frontend/onnx/reader.h"
#include "compiler/frontend/input/external.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers of TensorProto, and of the entries of external_data. */
enum { DIMS = 1, DATA_TYPE = 2, SEGMENT = 3, STRING_DATA = 6, RAW_DATA = 9, EXTERNAL_DATA = 13, DATA_LOCATION = 14 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };

/* Its typed lists of numbers. */
typedef enum List { NO_LIST = 0, FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, DOUBLE_DATA = 10, UINT64_DATA = 11 } List;
static const List lists[] = {FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA};

static bool check_dims(OnnxReader *reader, const Wire *wire, Tensor *tensor, Span span)
{
    int64_t rank = wire_numbers(wire, DIMS, NULL), bytes, size = dtype_size(tensor->dtype);
    if (rank > MAX_RANK) {
        diag_unsupported(reader->diag, span, "tensor has %lld dimensions, at most %d are supported", (long long)rank, MAX_RANK);
        return false;
    }
    tensor->rank = (int)wire_numbers(wire, DIMS, (uint64_t *)tensor->dims);
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        if (tensor->dims[i] < 0) {
            diag_error(reader->diag, span, "dimension %d of a tensor is %lld, expected 0 or more", i, (long long)tensor->dims[i]);
            return false;
        }
        if (__builtin_mul_overflow(tensor->count, tensor->dims[i], &tensor->count)) {
            diag_error(reader->diag, span, "the product of a tensor's dimensions exceeds 64 bits");
            return false;
        }
    }
    if (size && __builtin_mul_overflow(tensor->count, size, &bytes)) {
        diag_error(reader->diag, span, "a tensor's size in bytes exceeds 64 bits");
        return false;
    }
    return true;
}

static bool check_dtype(OnnxReader *reader, const Wire *wire, Tensor *tensor, Span span)
{
    int64_t dtype = wire_int(wire, DATA_TYPE);
    if (dtype <= 0 || dtype > DT_LAST) {
        diag_error(reader->diag, span, "data_type %lld is not an element type", (long long)dtype);
        return false;
    }
    tensor->dtype = (DType)dtype;
    if (!dtype_is_computable(tensor->dtype) && !dtype_is_stored(tensor->dtype)) {
        diag_unsupported(reader->diag, span, "element type %s (%lld) is not supported", dtype_name(tensor->dtype),
                         (long long)dtype);
        return false;
    }
    if (wire_last(wire, SEGMENT)) {
        diag_unsupported(reader->diag, span, "tensors split into segments are not supported");
        return false;
    }
    return true;
}

/* ── Typed lists ── */

static const char *list_name(List list)
{
    static const char *const names[] = {[FLOAT_DATA] = "float_data",
                                        [INT32_DATA] = "int32_data",
                                        [INT64_DATA] = "int64_data",
                                        [DOUBLE_DATA] = "double_data",
                                        [UINT64_DATA] = "uint64_data"};
    return names[list];
}

/* The one that may hold elements of a type (onnx.proto). */
static List list_for(DType dtype)
{
    switch (dtype) {
    case DT_FLOAT: return FLOAT_DATA;
    case DT_DOUBLE: return DOUBLE_DATA;
    case DT_INT64: return INT64_DATA;
    case DT_UINT32:
    case DT_UINT64: return UINT64_DATA;
    default: return INT32_DATA;
    }
}

/* An int32 that is negative may be written with 5 bytes or with 10. */
static int64_t integer_of(List list, uint64_t bits) { return list == INT32_DATA ? (int32_t)bits : (int64_t)bits; }

/* Whether the number is one of the type. Short floats stand as bit patterns in int32_data. */
static bool in_range(DType dtype, int64_t value)
{
    static const struct {
        DType dtype;
        int64_t low, high;
    } ranges[] = {
        {DT_INT8, INT8_MIN, INT8_MAX},
        {DT_UINT8, 0, UINT8_MAX},
        {DT_INT16, INT16_MIN, INT16_MAX},
        {DT_UINT16, 0, UINT16_MAX},
        {DT_FLOAT16, 0, UINT16_MAX},
        {DT_BFLOAT16, 0, UINT16_MAX},
        {DT_FLOAT8E4M3FN, 0, UINT8_MAX},
        {DT_FLOAT8E4M3FNUZ, 0, UINT8_MAX},
        {DT_FLOAT8E5M2, 0, UINT8_MAX},
        {DT_FLOAT8E5M2FNUZ, 0, UINT8_MAX},
        {DT_BOOL, 0, 1},
        {DT_UINT32, 0, UINT32_MAX},
    };
    for (int64_t i = 0; i < countof(ranges); i++)
        if (ranges[i].dtype == dtype)
            return value >= ranges[i].low && value <= ranges[i].high;
    return true;
}

static bool copy_elements(OnnxReader *reader, List list, const uint64_t *bits, Tensor *tensor, Span span)
{
    int64_t size = dtype_size(tensor->dtype);
    uint8_t *data = arena_alloc_array(reader->arena, tensor->count, (size_t)size);
    for (int64_t i = 0; i < tensor->count; i++) {
        if (list != FLOAT_DATA && list != DOUBLE_DATA && !in_range(tensor->dtype, integer_of(list, bits[i]))) {
            diag_error(reader->diag, span, "element %lld is %lld, out of the range of %s", (long long)i,
                       (long long)integer_of(list, bits[i]), dtype_name(tensor->dtype));
            return false;
        }
        memcpy(data + i * size, &bits[i], (size_t)size); /* little-endian: the low bytes come first */
    }
    tensor->data = data;
    return true;
}

/* Several elements in the low byte of a number. */
static bool unpack_numbers(OnnxReader *reader, const uint64_t *bits, int64_t n, Tensor *tensor, Span span)
{
    uint8_t *bytes = NEW_ARRAY(reader->arena, uint8_t, n);
    for (int64_t i = 0; i < n; i++) {
        if (!in_range(DT_UINT8, (int32_t)bits[i])) {
            diag_error(reader->diag, span, "number %lld of int32_data is %lld, expected a byte of %s", (long long)i,
                       (long long)(int32_t)bits[i], dtype_name(tensor->dtype));
            return false;
        }
        bytes[i] = (uint8_t)bits[i];
    }
    tensor_unpack(tensor, bytes, reader->arena);
    return true;
}

static bool read_list(OnnxReader *reader, const Wire *wire, List list, Tensor *tensor, Span span)
{
    int64_t length = wire_numbers(wire, list, NULL);
    if (list != list_for(tensor->dtype)) {
        diag_error(reader->diag, span, "%s tensor has its elements in %s, expected %s", dtype_name(tensor->dtype),
                   list_name(list), list_name(list_for(tensor->dtype)));
        return false;
    }
    int64_t need = dtype_packed(tensor->dtype) > 1 ? tensor_file_bytes(tensor) : tensor->count;
    if (length != need) {
        diag_error(reader->diag, span, "%s has %lld elements, the dimensions need %lld", list_name(list), (long long)length,
                   (long long)need);
        return false;
    }
    Arena *scratch = arena_new();
    uint64_t *bits = NEW_ARRAY(scratch, uint64_t, length);
    wire_numbers(wire, list, bits);
    bool ok = dtype_packed(tensor->dtype) > 1 ? unpack_numbers(reader, bits, length, tensor, span)
                                              : copy_elements(reader, list, bits, tensor, span);
    arena_free(scratch);
    return ok;
}

/* ── Bytes ── */

static bool read_raw(OnnxReader *reader, const Wire *raw, Tensor *tensor, Span span)
{
    int64_t size = dtype_size(tensor->dtype), need = tensor_file_bytes(tensor), length = raw->end - raw->begin;
    if (length != need) {
        diag_error(reader->diag, span, "raw_data has %lld bytes, %lld elements of %s need %lld", (long long)length,
                   (long long)tensor->count, dtype_name(tensor->dtype), (long long)need);
        return false;
    }
    const char *bytes = raw->source->text + raw->begin;
    if (dtype_packed(tensor->dtype) > 1) {
        tensor_unpack(tensor, (const uint8_t *)bytes, reader->arena);
        return true;
    }
    if ((uintptr_t)bytes % (uintptr_t)size != 0) {
        char *copy = arena_alloc(reader->arena, (size_t)need);
        bytes = memcpy(copy, bytes, (size_t)need);
    }
    tensor->data = bytes;
    return true;
}

static bool parse_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *number = value;
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

typedef struct External {
    const char *location;
    int64_t offset, length;
} External;

static bool external_entry(OnnxReader *reader, const char *key, const char *value, External *external, Span span)
{
    int64_t *number = strcmp(key, "offset") == 0 ? &external->offset : strcmp(key, "length") == 0 ? &external->length : NULL;
    if (number && !parse_number(value, number)) {
        diag_error(reader->diag, span, "external data's %s is \"%s\", expected a number of 0 or more", key, value);
        return false;
    }
    if (strcmp(key, "location") == 0)
        external->location = value;
    else if (!number && strcmp(key, "checksum") != 0) {
        diag_error(reader->diag, span, "unknown external data key \"%s\", expected location, offset, length or checksum", key);
        return false;
    }
    return true;
}

static bool read_external(OnnxReader *reader, const Wire *wire, Tensor *tensor, Span span)
{
    External external = {NULL, 0, -1};
    for (const Wire *w = wire_first(wire, EXTERNAL_DATA); w; w = wire_next(w))
        if (!external_entry(reader, wire_text_in(w, ENTRY_KEY, reader->arena), wire_text_in(w, ENTRY_VALUE, reader->arena),
                            &external, span))
            return false;
    if (!external.location) {
        diag_error(reader->diag, span, "external data has no location");
        return false;
    }
    return external_read(tensor, reader->dir, external.location, external.offset, external.length, span, reader->arena,
                         reader->diag);
}

/* ── The place that holds the elements ── */

/* A tensor that names two is ambiguous. */
static bool find_place(OnnxReader *reader, const Wire *wire, bool raw, bool external, List *list, Span span)
{
    int places = raw + external;
    const char *first = external ? "external data" : "raw_data";
    *list = NO_LIST;
    for (int64_t i = 0; i < countof(lists); i++) {
        if (!wire_numbers(wire, lists[i], NULL))
            continue;
        if (places++) {
            diag_error(reader->diag, span, "tensor has its elements in both %s and %s", *list ? list_name(*list) : first,
                       list_name(lists[i]));
            return false;
        }
        *list = lists[i];
    }
    bool strings = wire_first(wire, STRING_DATA) != NULL;
    if (places <= 1 && !strings)
        return true;
    diag_error(reader->diag, span, "tensor has its elements in %s, expected %s",
               strings ? "string_data" : "both raw_data and external data", strings ? "numbers" : "one of them");
    return false;
}

static bool read_elements(OnnxReader *reader, const Wire *wire, const Wire *raw, Tensor *tensor, Span span)
{
    bool external = wire_int(wire, DATA_LOCATION) == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    List list;
    if (!find_place(reader, wire, raw && raw->end > raw->begin, external, &list, span))
        return false;
    if (external)
        return read_external(reader, wire, tensor, span);
    if (list)
        return read_list(reader, wire, list, tensor, span);
    if (raw)
        return read_raw(reader, raw, tensor, span);
    if (tensor->count > 0)
        diag_error(reader->diag, span, "tensor of %lld elements has no data", (long long)tensor->count);
    tensor->data = arena_alloc(reader->arena, 1);
    return tensor->count == 0;
}

Tensor *onnx_read_tensor(OnnxReader *reader, const Wire *wire)
{
    Span span = wire_span(wire);
    const Wire *raw = wire_first(wire, RAW_DATA);
    if (raw && wire_next(raw)) {
        diag_error(reader->diag, wire_span(wire_next(raw)), "raw_data is given twice");
        return NULL;
    }
    Tensor *tensor = NEW(reader->arena, Tensor);
    return check_dtype(reader, wire, tensor, span) && check_dims(reader, wire, tensor, span) &&
                   read_elements(reader, wire, raw, tensor, span)
               ? tensor
               : NULL;
}
