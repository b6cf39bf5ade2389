/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Literals: numbers with their ranges, and the data of initializers straight into tensors.
 *
 *   float[2] w = {1, -2.5}        →   Tensor of 2 floats; each literal is converted as it is read
 *   float16[2] h = {15360, 0}     →   1.0 and 0.0: half types are written as bit patterns
 *
 * Memory for the elements is taken at the opening brace, when the type is known: as many as the type says, but
 * never more than the rest of the file could hold, so that `float[1000000000000] w = {}` costs nothing. */
#include "compiler/frontend/text/tree.h"
#include "compiler/frontend/input/external.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The span's text as a string: in buffer if it fits (numbers nearly always do). */
static const char *literal_text(TextParser *p, Span span, char *buffer, size_t size)
{
    size_t n = (size_t)(span.end - span.begin);
    if (n >= size)
        return arena_strndup(p->arena, p->source->text + span.begin, n);
    memcpy(buffer, p->source->text + span.begin, n);
    buffer[n] = 0;
    return buffer;
}

/* |value|, saturating: false on overflow. */
static bool read_magnitude(const char *digits, const char *end, uint64_t *magnitude)
{
    *magnitude = 0;
    for (; digits < end; digits++)
        if (__builtin_mul_overflow(*magnitude, 10u, magnitude) ||
            __builtin_add_overflow(*magnitude, (uint64_t)(*digits - '0'), magnitude))
            return false;
    return true;
}

static bool read_int(TextParser *p, Span span, bool *negative, uint64_t *magnitude)
{
    const char *text = p->source->text + span.begin;
    *negative = *text == '-';
    return read_magnitude(text + *negative, p->source->text + span.end, magnitude);
}

bool text_int(TextParser *p, Span span, int64_t min, int64_t max, const char *what, int64_t *value)
{
    bool negative;
    uint64_t magnitude, limit = INT64_MAX;
    bool fits = read_int(p, span, &negative, &magnitude) && magnitude <= limit + negative;
    if (fits) {
        *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
        if (*value >= min && *value <= max)
            return true;
    }
    diag_error(p->diag, span, "%s is out of range, expected %" PRId64 " to %" PRId64 ", found %.*s", what, min, max,
               (int)(span.end - span.begin > 40 ? 40 : span.end - span.begin), p->source->text + span.begin);
    return false;
}

static bool is_special(const char *text) /* inf or nan */
{
    text += *text == '-';
    return strncasecmp(text, "inf", 3) == 0 || strncasecmp(text, "nan", 3) == 0;
}

static bool read_double(TextParser *p, Span span, bool to_float, double *value)
{
    char buffer[64];
    const char *text = literal_text(p, span, buffer, sizeof buffer);
    *value = to_float ? (double)strtof(text, NULL) : strtod(text, NULL);
    if (!isinf(*value) || is_special(text))
        return true;
    diag_error(p->diag, span, "%.40s is too large for %s", text, to_float ? "float" : "double");
    return false;
}

bool text_float(TextParser *p, Span span, double *value) { return read_double(p, span, true, value); }

void text_type_dim(TextParser *p, TextType *type, Dim dim, Span span)
{
    Shape *shape = &type->type.shape;
    if (shape->rank < MAX_RANK) {
        if (dim.symbol && !*dim.symbol)
            dim.symbol = NULL;
        shape->dims[shape->rank++] = dim;
        return;
    }
    if (!type->composite) /* once */
        diag_unsupported(p->diag, span, "a rank above %d is not supported", MAX_RANK);
    type->composite = "rank";
}

/* ── Data ── */

static bool data_type_ok(TextParser *p, const TextType *type)
{
    DType dtype = type->type.dtype;
    if (type->composite) {
        diag_unsupported(p->diag, type->span, "%s constants are not supported, only tensors", type->composite);
        return false;
    }
    if (dtype != DT_STRING && !dtype_is_computable(dtype) && !dtype_is_stored(dtype)) {
        diag_unsupported(p->diag, type->span, "%s constants are not supported", dtype_name(dtype));
        return false;
    }
    const Shape *shape = &type->type.shape;
    for (int i = 0; i < shape->rank; i++)
        if (!dim_is_fixed(shape->dims[i])) {
            diag_error(p->diag, type->span, "the type of a constant must have numbers for dimensions, found %s",
                       type_text(p->arena, &type->type));
            return false;
        }
    if (shape->rank < 0 || shape_count(shape) < 0) {
        diag_error(p->diag, type->span,
                   shape->rank < 0 ? "the type of a constant must have a known rank, found %s"
                                   : "%s has more than 2^63 - 1 elements",
                   type_text(p->arena, &type->type));
        return false;
    }
    return true;
}

/* p->data for the type read last; its tensor has dtype and dims, but no data yet. */
static void data_start(TextParser *p, Span span)
{
    TextTensor *data = p->data = NEW(p->arena, TextTensor);
    data->type = p->type;
    data->span = span;
    if (!data_type_ok(p, p->type))
        return;
    const Shape *shape = &p->type->type.shape;
    Tensor *tensor = data->tensor = NEW(p->arena, Tensor);
    tensor->dtype = p->type->type.dtype;
    tensor->rank = shape->rank;
    for (int i = 0; i < shape->rank; i++)
        tensor->dims[i] = shape->dims[i].size;
    tensor->count = shape_count(shape);
}

static size_t element_size(DType dtype) { return dtype == DT_STRING ? sizeof(const char *) : (size_t)dtype_size(dtype); }

void text_data_begin(TextParser *p, Span brace)
{
    data_start(p, brace);
    Tensor *tensor = p->data->tensor;
    if (!tensor)
        return;
    int64_t could_follow = (p->source->length - brace.begin) / 2 + 1; /* "1," each */
    p->data->room = tensor->count < could_follow ? tensor->count : could_follow;
    tensor->data = arena_alloc_array(p->arena, p->data->room, element_size(tensor->dtype));
}

typedef struct IntRange {
    int64_t min, max;
} IntRange;

static IntRange int_range(DType dtype)
{
    switch (dtype) {
    case DT_BOOL: return (IntRange){0, 1};
    case DT_UINT2: return (IntRange){0, 3};
    case DT_INT2: return (IntRange){-2, 1};
    case DT_UINT4: return (IntRange){0, 15};
    case DT_INT4: return (IntRange){-8, 7};
    case DT_FLOAT8E4M3FN:
    case DT_FLOAT8E4M3FNUZ:
    case DT_FLOAT8E5M2:
    case DT_FLOAT8E5M2FNUZ:
    case DT_UINT8: return (IntRange){0, UINT8_MAX};
    case DT_INT8: return (IntRange){INT8_MIN, INT8_MAX};
    case DT_UINT16:
    case DT_FLOAT16:
    case DT_BFLOAT16: return (IntRange){0, UINT16_MAX};
    case DT_INT16: return (IntRange){INT16_MIN, INT16_MAX};
    case DT_INT32: return (IntRange){INT32_MIN, INT32_MAX};
    case DT_UINT32: return (IntRange){0, UINT32_MAX};
    default: return (IntRange){INT64_MIN, INT64_MAX};
    }
}

/* Little-endian hosts only, like everything here: the low bytes of value are the element. */
static bool put_int(TextParser *p, char *to, DType dtype, Span span)
{
    int64_t value;
    if (dtype == DT_UINT64) {
        bool negative;
        uint64_t magnitude;
        if (!read_int(p, span, &negative, &magnitude) || (negative && magnitude)) {
            diag_error(p->diag, span, "uint64 element is out of range, expected 0 to %" PRIu64, UINT64_MAX);
            return false;
        }
        value = (int64_t)magnitude;
    } else {
        IntRange range = int_range(dtype);
        const char *what = arena_printf(p->arena, "%s element", dtype_name(dtype));
        if (!text_int(p, span, range.min, range.max, what, &value))
            return false;
    }
    memcpy(to, &value, (size_t)dtype_size(dtype));
    return true;
}

static bool put_float(TextParser *p, char *to, DType dtype, Span span)
{
    double value;
    if (!read_double(p, span, dtype == DT_FLOAT, &value))
        return false;
    float narrow = (float)value;
    if (dtype == DT_FLOAT)
        memcpy(to, &narrow, sizeof narrow);
    else
        memcpy(to, &value, sizeof value);
    return true;
}

static bool put_element(TextParser *p, char *to, DType dtype, TextValueKind kind, const char *string, Span span)
{
    static const char *const kinds[] = {[VALUE_INT] = "an integer", [VALUE_FLOAT] = "a float", [VALUE_STRING] = "a string"};
    bool floats = dtype == DT_FLOAT || dtype == DT_DOUBLE;
    if (dtype == DT_STRING && kind == VALUE_STRING) {
        memcpy(to, &string, sizeof string);
        return true;
    }
    if (floats && kind != VALUE_STRING)
        return put_float(p, to, dtype, span);
    if (!floats && dtype != DT_STRING && kind == VALUE_INT)
        return put_int(p, to, dtype, span);
    const char *wanted = dtype == DT_STRING ? "a string" : floats ? "a number" : "an integer";
    bool half = dtype_is_half(dtype) || (dtype >= DT_FLOAT8E4M3FN && dtype <= DT_FLOAT8E5M2FNUZ);
    diag_error(p->diag, span, "%s element must be %s%s, found %s", dtype_name(dtype), wanted, half ? ", its bit pattern" : "",
               kinds[kind]);
    return false;
}

void text_data_add(TextParser *p, TextValueKind kind, const char *string, Span span)
{
    TextTensor *data = p->data;
    Tensor *tensor = data->tensor;
    if (tensor && data->seen < data->room) {
        char *to = (char *)tensor->data + (size_t)data->seen * element_size(tensor->dtype);
        if (!put_element(p, to, tensor->dtype, kind, string, span))
            data->tensor = NULL; /* one error for each constant is enough */
    }
    data->seen++;
}

TextTensor *text_data_end(TextParser *p, Span span)
{
    TextTensor *data = p->data;
    if (data->tensor && data->seen != data->tensor->count) {
        diag_error(p->diag, data->type->span, "%s has %" PRId64 " elements, but %" PRId64 " are given",
                   type_text(p->arena, &data->type->type), data->tensor->count, data->seen);
        data->tensor = NULL;
    }
    data->span = span;
    return data;
}

TextTensor *text_data_none(TextParser *p, Span span)
{
    data_start(p, span);
    if (p->data->tensor)
        p->data->tensor->data = "";
    return text_data_end(p, span);
}

/* ── External data ── */

static bool external_number(TextParser *p, const TextPair *pair, int64_t *value)
{
    uint64_t magnitude;
    const char *text = pair->string;
    size_t n = strlen(text);
    if (n && strspn(text, "0123456789") == n && read_magnitude(text, text + n, &magnitude) && magnitude <= INT64_MAX) {
        *value = (int64_t)magnitude;
        return true;
    }
    diag_error(p->diag, pair->value_span, "external data's %s must be a number of bytes from 0 up, found \"%.40s\"", pair->key,
               text);
    return false;
}

typedef struct ExternalKeys {
    const TextPair *location;
    int64_t offset, length;
} ExternalKeys;

static bool external_key(TextParser *p, const TextPair *pair, ExternalKeys *keys)
{
    if (!pair->string) {
        diag_error(p->diag, pair->value_span, "external data's %.40s must be a string, found an integer", pair->key);
        return false;
    }
    if (strcmp(pair->key, "location") == 0)
        return keys->location = pair, true;
    if (strcmp(pair->key, "offset") == 0)
        return external_number(p, pair, &keys->offset);
    if (strcmp(pair->key, "length") == 0)
        return external_number(p, pair, &keys->length);
    if (strcmp(pair->key, "checksum") == 0)
        return true; /* SHA-1 of the whole file; optional, and the exporters write none */
    diag_error(p->diag, pair->span, "unknown key \"%.40s\" of external data, expected location, offset, length or checksum",
               pair->key);
    return false;
}

TextTensor *text_data_external(TextParser *p, const TextPairs *pairs, Span span)
{
    data_start(p, span);
    TextTensor *data = p->data;
    data->external = pairs;
    ExternalKeys keys = {NULL, 0, -1};
    bool ok = data->tensor != NULL;
    for (int64_t i = 0; i < pairs->len; i++)
        ok &= external_key(p, &pairs->at[i], &keys);
    if (!keys.location && ok)
        diag_error(p->diag, span, "external data without a location");
    if (!keys.location || !ok ||
        !external_read(data->tensor, p->dir, keys.location->string, keys.offset, keys.length, keys.location->value_span, p->arena,
                       p->diag))
        data->tensor = NULL;
    return data;
}
