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

enum { FIELD_RAW_DATA = 9 }; /* of TensorProto */

static void free_proto(void *proto) { onnx__tensor_proto__free_unpacked(proto, &proto_memory); }

/* A message without one of its fields is a message: so the proto is unpacked without its raw data. */
static Onnx__TensorProto *unpack_without_raw(OnnxReader *reader, const Wire *wire, Arena *scratch)
{
    const char *text = reader->source->text;
    const Wire *raw = wire_first(wire, FIELD_RAW_DATA);
    int64_t before = (raw ? raw->at : wire->end) - wire->begin, after = raw ? wire->end - raw->end : 0;
    uint8_t *bytes = arena_alloc(scratch, (size_t)(before + after));
    memcpy(bytes, text + wire->begin, (size_t)before);
    if (raw)
        memcpy(bytes + before, text + raw->end, (size_t)after);
    Onnx__TensorProto *proto = onnx__tensor_proto__unpack(&proto_memory, (size_t)(before + after), bytes);
    if (!proto)
        out_of_memory(); /* the bytes were checked: nothing else can fail */
    arena_on_free(scratch, free_proto, proto);
    return proto;
}

static bool check_dims(OnnxReader *reader, const Onnx__TensorProto *proto, Tensor *tensor, Span span)
{
    if (proto->n_dims > MAX_RANK) {
        diag_unsupported(reader->diag, span, "tensor has %zu dimensions, at most %d are supported", proto->n_dims, MAX_RANK);
        return false;
    }
    tensor->rank = (int)proto->n_dims;
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        tensor->dims[i] = proto->dims[i];
        if (proto->dims[i] < 0) {
            diag_error(reader->diag, span, "dimension %d of a tensor is %lld, expected 0 or more", i, (long long)proto->dims[i]);
            return false;
        }
        if (__builtin_mul_overflow(tensor->count, proto->dims[i], &tensor->count)) {
            diag_error(reader->diag, span, "the product of a tensor's dimensions exceeds 64 bits");
            return false;
        }
    }
    int64_t bytes, size = dtype_size(tensor->dtype);
    if (size && __builtin_mul_overflow(tensor->count, size, &bytes)) {
        diag_error(reader->diag, span, "a tensor's size in bytes exceeds 64 bits");
        return false;
    }
    return true;
}

static bool check_dtype(OnnxReader *reader, const Onnx__TensorProto *proto, Tensor *tensor, Span span)
{
    if (!proto->has_data_type || proto->data_type <= 0 || proto->data_type > DT_LAST) {
        diag_error(reader->diag, span, "data_type %d is not an element type", proto->has_data_type ? proto->data_type : 0);
        return false;
    }
    tensor->dtype = (DType)proto->data_type;
    if (!dtype_is_computable(tensor->dtype)) {
        diag_unsupported(reader->diag, span, "element type %s (%d) is not supported", dtype_name(tensor->dtype),
                         proto->data_type);
        return false;
    }
    if (proto->segment) {
        diag_unsupported(reader->diag, span, "tensors split into segments are not supported");
        return false;
    }
    return true;
}

/* The typed lists: which element types may use each (onnx.proto), and how to take one element. */
enum { LIST_NONE, LIST_FLOAT, LIST_INT32, LIST_INT64, LIST_DOUBLE, LIST_UINT64 };
static const char *const list_names[] = {"", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"};

static int list_for(DType dtype)
{
    switch (dtype) {
    case DT_FLOAT: return LIST_FLOAT;
    case DT_DOUBLE: return LIST_DOUBLE;
    case DT_INT64: return LIST_INT64;
    case DT_UINT32:
    case DT_UINT64: return LIST_UINT64;
    default: return LIST_INT32;
    }
}

static size_t list_length(const Onnx__TensorProto *proto, int list)
{
    switch (list) {
    case LIST_FLOAT: return proto->n_float_data;
    case LIST_INT32: return proto->n_int32_data;
    case LIST_INT64: return proto->n_int64_data;
    case LIST_DOUBLE: return proto->n_double_data;
    case LIST_UINT64: return proto->n_uint64_data;
    default: return 0;
    }
}

static int64_t integer_at(const Onnx__TensorProto *proto, int list, int64_t i)
{
    return list == LIST_INT32 ? proto->int32_data[i] : list == LIST_INT64 ? proto->int64_data[i] : (int64_t)proto->uint64_data[i];
}

/* Element i as its own bits. float16 and bfloat16 stand as bit patterns in int32_data. */
static bool copy_element(const Onnx__TensorProto *proto, int list, DType dtype, int64_t i, uint8_t *to)
{
    if (list == LIST_FLOAT || list == LIST_DOUBLE) {
        const void *from = list == LIST_FLOAT ? (const void *)&proto->float_data[i] : (const void *)&proto->double_data[i];
        memcpy(to, from, (size_t)dtype_size(dtype));
        return true;
    }
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
        {DT_BOOL, 0, 1},
        {DT_UINT32, 0, UINT32_MAX},
    };
    int64_t value = integer_at(proto, list, i);
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
        if (ranges[r].dtype == dtype && (value < ranges[r].low || value > ranges[r].high))
            return false;
    memcpy(to, &value, (size_t)dtype_size(dtype)); /* little-endian: the low bytes come first */
    return true;
}

static bool read_list(OnnxReader *reader, const Onnx__TensorProto *proto, int list, Tensor *tensor, Span span)
{
    if (list != list_for(tensor->dtype)) {
        diag_error(reader->diag, span, "%s tensor has its elements in %s, expected %s", dtype_name(tensor->dtype),
                   list_names[list], list_names[list_for(tensor->dtype)]);
        return false;
    }
    if ((int64_t)list_length(proto, list) != tensor->count) {
        diag_error(reader->diag, span, "%s has %zu elements, the dimensions need %lld", list_names[list],
                   list_length(proto, list), (long long)tensor->count);
        return false;
    }
    int64_t size = dtype_size(tensor->dtype);
    uint8_t *data = arena_alloc_array(reader->arena, tensor->count, (size_t)size);
    for (int64_t i = 0; i < tensor->count; i++)
        if (!copy_element(proto, list, tensor->dtype, i, data + i * size)) {
            diag_error(reader->diag, span, "element %lld is %lld, out of the range of %s", (long long)i,
                       (long long)integer_at(proto, list, i), dtype_name(tensor->dtype));
            return false;
        }
    tensor->data = data;
    return true;
}

static bool read_raw(OnnxReader *reader, const Wire *raw, Tensor *tensor, Span span)
{
    int64_t size = dtype_size(tensor->dtype), need = tensor->count * size, length = raw->end - raw->begin;
    if (length != need) {
        diag_error(reader->diag, span, "raw_data has %lld bytes, %lld elements of %s need %lld", (long long)length,
                   (long long)tensor->count, dtype_name(tensor->dtype), (long long)need);
        return false;
    }
    const char *bytes = reader->source->text + raw->begin;
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

static bool read_external(OnnxReader *reader, const Onnx__TensorProto *proto, Tensor *tensor, Span span)
{
    External external = {NULL, 0, -1};
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        if (!external_entry(reader, entry->key ? entry->key : "", entry->value ? entry->value : "", &external, span))
            return false;
    }
    if (!external.location) {
        diag_error(reader->diag, span, "external data has no location");
        return false;
    }
    return weights_external(tensor, reader->dir, arena_strdup(reader->arena, external.location), external.offset, external.length,
                            span, reader->arena, reader->diag);
}

/* The one place that holds the elements; a tensor that names two is ambiguous. */
static bool read_elements(OnnxReader *reader, const Onnx__TensorProto *proto, const Wire *raw, Tensor *tensor, Span span)
{
    bool external = proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    int list = LIST_NONE, places = (raw && raw->end > raw->begin) + external;
    const char *first = external ? "external data" : "raw_data";
    for (int l = LIST_FLOAT; l <= LIST_UINT64; l++)
        if (list_length(proto, l)) {
            if (places++) {
                diag_error(reader->diag, span, "tensor has its elements in both %s and %s", list ? list_names[list] : first,
                           list_names[l]);
                return false;
            }
            list = l;
        }
    if (places > 1 || proto->n_string_data) {
        diag_error(reader->diag, span, "tensor has its elements in %s, expected %s",
                   proto->n_string_data ? "string_data" : "both raw_data and external data",
                   proto->n_string_data ? "numbers" : "one of them");
        return false;
    }
    if (external)
        return read_external(reader, proto, tensor, span);
    if (list)
        return read_list(reader, proto, list, tensor, span);
    if (raw)
        return read_raw(reader, raw, tensor, span);
    if (tensor->count == 0) {
        tensor->data = arena_alloc(reader->arena, 1);
        return true;
    }
    diag_error(reader->diag, span, "tensor of %lld elements has no data", (long long)tensor->count);
    return false;
}

Tensor *onnx_read_tensor(OnnxReader *reader, const Wire *wire)
{
    Span span = wire_span(wire, reader->source);
    const Wire *raw = wire_first(wire, FIELD_RAW_DATA);
    if (raw && wire_next(raw)) {
        diag_error(reader->diag, wire_span(wire_next(raw), reader->source), "raw_data is given twice");
        return NULL;
    }
    Tensor *tensor = NEW(reader->arena, Tensor);
    Arena *scratch = arena_new();
    Onnx__TensorProto *proto = unpack_without_raw(reader, wire, scratch);
    bool ok = check_dtype(reader, proto, tensor, span) && check_dims(reader, proto, tensor, span) &&
              read_elements(reader, proto, raw, tensor, span);
    arena_free(scratch);
    return ok ? tensor : NULL;
}
