/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Types and tensors: element types as ONNX numbers them, shapes with symbols, elements as numbers.
 *
 * Code that must be fast reads tensor->data as an array of its type; everything else goes through tensor_get
 * and tensor_set, which know every element type. Data may lie anywhere in a mapped file, so elements are
 * copied out rather than read through a pointer of their type: the address need not be aligned. */
#include "ir/tensor.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
    const char *name;
    int64_t size;
    bool computable;
} dtypes[DT_LAST + 1] = {
    [DT_UNDEFINED] = {"?", 0, false},
    [DT_FLOAT] = {"float", 4, true},
    [DT_UINT8] = {"uint8", 1, true},
    [DT_INT8] = {"int8", 1, true},
    [DT_UINT16] = {"uint16", 2, true},
    [DT_INT16] = {"int16", 2, true},
    [DT_INT32] = {"int32", 4, true},
    [DT_INT64] = {"int64", 8, true},
    [DT_STRING] = {"string", 0, false},
    [DT_BOOL] = {"bool", 1, true},
    [DT_FLOAT16] = {"float16", 2, true},
    [DT_DOUBLE] = {"double", 8, true},
    [DT_UINT32] = {"uint32", 4, true},
    [DT_UINT64] = {"uint64", 8, true},
    [DT_COMPLEX64] = {"complex64", 8, false},
    [DT_COMPLEX128] = {"complex128", 16, false},
    [DT_BFLOAT16] = {"bfloat16", 2, true},
    [DT_FLOAT8E4M3FN] = {"float8e4m3fn", 1, false},
    [DT_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 1, false},
    [DT_FLOAT8E5M2] = {"float8e5m2", 1, false},
    [DT_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 1, false},
    [DT_UINT4] = {"uint4", 1, false},
    [DT_INT4] = {"int4", 1, false},
    [23] = {"float4e2m1", 0, false},
    [24] = {"float8e8m0", 0, false},
    [DT_UINT2] = {"uint2", 1, false},
    [DT_INT2] = {"int2", 1, false},
};

static bool dtype_exists(DType dtype) { return (int)dtype > DT_UNDEFINED && (int)dtype <= DT_LAST; }

const char *dtype_name(DType dtype) { return dtype_exists(dtype) ? dtypes[dtype].name : "?"; }

DType dtype_from_name(const char *name)
{
    for (int i = DT_FLOAT; i <= DT_LAST; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return (DType)i;
    return DT_UNDEFINED;
}

int64_t dtype_size(DType dtype) { return dtype_exists(dtype) ? dtypes[dtype].size : 0; }

bool dtype_is_computable(DType dtype) { return dtype_exists(dtype) && dtypes[dtype].computable; }

bool dtype_is_half(DType dtype) { return dtype == DT_FLOAT16 || dtype == DT_BFLOAT16; }

bool dtype_is_float(DType dtype) { return dtype == DT_FLOAT || dtype == DT_DOUBLE || dtype_is_half(dtype); }

double dtype_lowest(DType dtype)
{
    switch (dtype) {
    case DT_INT8: return INT8_MIN;
    case DT_INT16: return INT16_MIN;
    case DT_INT32: return INT32_MIN;
    case DT_INT64: return (double)INT64_MIN;
    default: return dtype_is_float(dtype) ? -INFINITY : 0;
    }
}

/* Those of 64 bits are the highest that are doubles, too. */
double dtype_highest(DType dtype)
{
    switch (dtype) {
    case DT_INT8: return INT8_MAX;
    case DT_UINT8: return UINT8_MAX;
    case DT_INT16: return INT16_MAX;
    case DT_UINT16: return UINT16_MAX;
    case DT_INT32: return INT32_MAX;
    case DT_UINT32: return UINT32_MAX;
    case DT_INT64:
    case DT_UINT64: return 0x1p63 - 1024;
    default: return dtype_is_float(dtype) ? INFINITY : 1;
    }
}

bool dtype_is_stored(DType dtype) { return dtype >= DT_FLOAT8E4M3FN && dtype_size(dtype); }

int64_t dtype_packed(DType dtype)
{
    return dtype == DT_UINT4 || dtype == DT_INT4 ? 2 : dtype == DT_UINT2 || dtype == DT_INT2 ? 4 : 1;
}

/* ── Shapes ──────────────────────────────────────────────────────────────────────────────────────────── */

bool dim_is_fixed(Dim dim) { return dim.size >= 0; }

bool dim_equal(Dim a, Dim b)
{
    if (a.size >= 0 || b.size >= 0)
        return a.size == b.size;
    return a.symbol && str_equal(a.symbol, b.symbol);
}

Shape shape_of(int rank, const int64_t *dims)
{
    Shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dims[i].size = dims[i];
    return shape;
}

bool shape_equal(const Shape *a, const Shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (!dim_equal(a->dims[i], b->dims[i]))
            return false;
    return true;
}

bool shape_is_fixed(const Shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (!dim_is_fixed(shape->dims[i]))
            return false;
    return shape->rank >= 0;
}

/* A zero anywhere makes the product zero, whatever the order of the factors. */
static int64_t product(int rank, const int64_t *dims)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        if (dims[i] == 0)
            return 0;
    for (int i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count))
            return -1;
    return count;
}

int64_t shape_count(const Shape *shape)
{
    int64_t dims[MAX_RANK];
    if (!shape_is_fixed(shape))
        return -1;
    for (int i = 0; i < shape->rank; i++)
        dims[i] = shape->dims[i].size;
    return product(shape->rank, dims);
}

char *shape_text(Arena *arena, const Shape *shape)
{
    StrBuf sb = {.arena = arena};
    if (shape->rank < 0)
        return arena_strdup(arena, "[...]");
    sb_put(&sb, "[");
    for (int i = 0; i < shape->rank; i++) {
        Dim dim = shape->dims[i];
        sb_put(&sb, i ? "," : "");
        if (dim_is_fixed(dim))
            sb_printf(&sb, "%lld", (long long)dim.size);
        else
            sb_put(&sb, dim.symbol ? dim.symbol : "?");
    }
    sb_put(&sb, "]");
    return sb.text;
}

/* As ONNX text has it: "float" is a scalar, "float[]" has any rank. */
char *type_text(Arena *arena, const Type *type)
{
    const char *name = dtype_name(type->dtype);
    if (type->shape.rank == 0)
        return arena_strdup(arena, name);
    if (type->shape.rank < 0)
        return arena_printf(arena, "%s[]", name);
    return arena_printf(arena, "%s%s", name, shape_text(arena, &type->shape));
}

/* ── Tensors ─────────────────────────────────────────────────────────────────────────────────────────── */

Tensor *tensor_new(Arena *arena, DType dtype, int rank, const int64_t *dims)
{
    int64_t size = dtype_size(dtype), bytes;
    if (size == 0 || rank < 0 || rank > MAX_RANK)
        return NULL;
    int64_t count = product(rank, dims);
    if (count < 0 || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    Tensor *tensor = NEW(arena, Tensor);
    tensor->dtype = dtype;
    tensor->rank = rank;
    for (int i = 0; i < rank; i++)
        tensor->dims[i] = dims[i];
    tensor->count = count;
    tensor->data = arena_alloc(arena, (size_t)bytes);
    return tensor;
}

Tensor *tensor_scalar_f32(Arena *arena, float value)
{
    Tensor *tensor = tensor_new(arena, DT_FLOAT, 0, NULL);
    tensor_set(tensor, 0, (double)value);
    return tensor;
}

Tensor *tensor_from_i64(Arena *arena, const int64_t *values, int64_t count)
{
    Tensor *tensor = tensor_new(arena, DT_INT64, 1, &count);
    for (int64_t i = 0; i < count; i++)
        tensor_set_int(tensor, i, values[i]);
    return tensor;
}

Tensor *tensor_reshaped(Arena *arena, const Tensor *tensor, int rank, const int64_t *dims)
{
    Tensor *copy = NEW(arena, Tensor);
    *copy = *tensor;
    copy->rank = rank;
    for (int i = 0; i < rank; i++)
        copy->dims[i] = dims[i];
    return copy;
}

/* The whole pages inside: those at the ends may hold a neighbour's elements, which are likely to be read next. */
void tensor_release(const Tensor *tensor)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)tensor->data;
    uintptr_t end = (begin + (uintptr_t)tensor->length) / page * page;
    begin = (begin + page - 1) / page * page;
    if (tensor->is_mapped && begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

Type tensor_type(const Tensor *tensor) { return (Type){tensor->dtype, shape_of(tensor->rank, tensor->dims)}; }

/* ── Half precision ──────────────────────────────────────────────────────────────────────────────────── */

static float bits_to_f32(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t f32_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float f16_to_f32(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 15) << 31, exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 31)
        return bits_to_f32(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return bits_to_f32(sign | (exponent + 112) << 23 | fraction << 13);
}

/* value >> shift, rounded to nearest even. */
static uint32_t shift_round(uint32_t value, int shift)
{
    uint32_t half = 1u << (shift - 1), rest = value & ((1u << shift) - 1), result = value >> shift;
    return result + (rest > half || (rest == half && (result & 1)));
}

uint16_t f32_to_f16(float value)
{
    uint32_t bits = f32_to_bits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
    if (magnitude >= 0x477ff000) /* 65520 and up round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude >= 0x38800000) /* 2^-14: normal */
        return (uint16_t)(sign | shift_round(magnitude - 0x38000000, 13));
    int exponent = (int)(magnitude >> 23);
    if (exponent < 102) /* below 2^-25: zero */
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_round((magnitude & 0x7fffff) | 0x800000, 126 - exponent));
}

float bf16_to_f32(uint16_t bits) { return bits_to_f32((uint32_t)bits << 16); }

uint16_t f32_to_bf16(float value)
{
    uint32_t bits = f32_to_bits(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40); /* quiet, so that no fraction bit is left over */
    return (uint16_t)shift_round(bits, 16);
}

/* ── Less than half ──────────────────────────────────────────────────────────────────────────────────── */

/* Sign, exponent, fraction. "fn" has no infinity; "uz" none either, one zero, and NaN in its place. */
static float f8_to_f32(uint8_t bits, DType dtype)
{
    bool e4 = dtype == DT_FLOAT8E4M3FN || dtype == DT_FLOAT8E4M3FNUZ;
    bool uz = dtype == DT_FLOAT8E4M3FNUZ || dtype == DT_FLOAT8E5M2FNUZ;
    int width = e4 ? 3 : 2, exponent = (bits & 0x7f) >> width, fraction = bits & ((1 << width) - 1);
    int bias = (e4 ? 7 : 15) + uz;
    float sign = bits & 0x80 ? -1.0f : 1.0f;
    if (uz ? bits == 0x80 : dtype == DT_FLOAT8E4M3FN ? (bits & 0x7f) == 0x7f : exponent == 31 && fraction)
        return NAN;
    if (dtype == DT_FLOAT8E5M2 && exponent == 31)
        return sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf((float)fraction, 1 - bias - width);
    return sign * ldexpf((float)(fraction + (1 << width)), exponent - bias - width);
}

int64_t tensor_file_bytes(const Tensor *tensor)
{
    int64_t packed = dtype_packed(tensor->dtype);
    return tensor->count * dtype_size(tensor->dtype) / packed + (tensor->count % packed != 0);
}

/* The first element lies in the lowest bits. */
void tensor_unpack(Tensor *tensor, const uint8_t *bytes, Arena *arena)
{
    int64_t packed = dtype_packed(tensor->dtype);
    int width = (int)(8 / packed);
    bool is_signed = tensor->dtype == DT_INT4 || tensor->dtype == DT_INT2;
    uint8_t *to = arena_alloc(arena, (size_t)tensor->count);
    for (int64_t i = 0; i < tensor->count; i++) {
        int value = bytes[i / packed] >> (int)(i % packed) * width & ((1 << width) - 1);
        to[i] = (uint8_t)(is_signed && value >> (width - 1) ? value - (1 << width) : value);
    }
    tensor->data = to;
}

const void *tensor_file_data(const Tensor *tensor, Arena *arena)
{
    int64_t packed = dtype_packed(tensor->dtype);
    int width = (int)(8 / packed);
    const uint8_t *from = tensor->data;
    if (packed == 1)
        return from;
    uint8_t *to = NEW_ARRAY(arena, uint8_t, tensor_file_bytes(tensor));
    for (int64_t i = 0; i < tensor->count; i++)
        to[i / packed] |= (uint8_t)((from[i] & ((1 << width) - 1)) << (int)(i % packed) * width);
    return to;
}

/* value as a float, rounded to odd: a second rounding to fewer bits then comes out as if it were the only one
 * (Boldo and Melquiond, 2005). */
static float to_odd(double value)
{
    float f = (float)value;
    if (isnan(value) || (double)f == value)
        return f;
    uint32_t bits = f32_to_bits(f);
    if (fabs((double)f) > fabs(value))
        bits--;
    return bits_to_f32(bits | 1);
}

/* ── Elements ────────────────────────────────────────────────────────────────────────────────────────── */

#define READ(T, tensor, index)                                                                     \
    ({                                                                                             \
        T element_;                                                                                \
        memcpy(&element_, (const char *)(tensor)->data + (index) * (int64_t)sizeof(T), sizeof(T)); \
        element_;                                                                                  \
    })
#define WRITE(T, tensor, index, value)                                                                  \
    do {                                                                                                \
        T element_ = (value);                                                                           \
        memcpy((char *)(uintptr_t)(tensor)->data + (index) * (int64_t)sizeof(T), &element_, sizeof(T)); \
    } while (0)

/* A bool is false or true, whatever its byte: files hold others than 0 and 1. */
double tensor_get(const Tensor *tensor, int64_t index)
{
    switch (tensor->dtype) {
    case DT_FLOAT: return (double)READ(float, tensor, index);
    case DT_DOUBLE: return READ(double, tensor, index);
    case DT_FLOAT16: return (double)f16_to_f32(READ(uint16_t, tensor, index));
    case DT_BFLOAT16: return (double)bf16_to_f32(READ(uint16_t, tensor, index));
    case DT_UINT64: return (double)READ(uint64_t, tensor, index);
    case DT_FLOAT8E4M3FN:
    case DT_FLOAT8E4M3FNUZ:
    case DT_FLOAT8E5M2:
    case DT_FLOAT8E5M2FNUZ: return (double)f8_to_f32(READ(uint8_t, tensor, index), tensor->dtype);
    default: return (double)tensor_get_int(tensor, index);
    }
}

/* Truncated towards zero; out of range comes out as the nearest bound, NaN as 0. */
static int64_t truncate_to_int(double value)
{
    if (isnan(value))
        return 0;
    if (value >= 0x1p63)
        return INT64_MAX;
    return value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

int64_t tensor_get_int(const Tensor *tensor, int64_t index)
{
    switch (tensor->dtype) {
    case DT_INT2:
    case DT_INT4:
    case DT_INT8: return READ(int8_t, tensor, index);
    case DT_UINT2:
    case DT_UINT4:
    case DT_UINT8: return READ(uint8_t, tensor, index);
    case DT_BOOL: return READ(uint8_t, tensor, index) != 0;
    case DT_INT16: return READ(int16_t, tensor, index);
    case DT_UINT16: return READ(uint16_t, tensor, index);
    case DT_INT32: return READ(int32_t, tensor, index);
    case DT_UINT32: return READ(uint32_t, tensor, index);
    case DT_INT64: return READ(int64_t, tensor, index);
    case DT_UINT64: return (int64_t)READ(uint64_t, tensor, index);
    default:
        if (!dtype_is_float(tensor->dtype))
            unreachable();
        return truncate_to_int(tensor_get(tensor, index));
    }
}

void tensor_set(Tensor *tensor, int64_t index, double value)
{
    switch (tensor->dtype) {
    case DT_FLOAT: WRITE(float, tensor, index, (float)value); break;
    case DT_DOUBLE: WRITE(double, tensor, index, value); break;
    case DT_FLOAT16: WRITE(uint16_t, tensor, index, f32_to_f16(to_odd(value))); break;
    case DT_BFLOAT16: WRITE(uint16_t, tensor, index, f32_to_bf16(to_odd(value))); break;
    case DT_BOOL: WRITE(uint8_t, tensor, index, value != 0); break;
    case DT_UINT64:
        if (value >= 0x1p63) {
            WRITE(uint64_t, tensor, index, value >= 0x1p64 ? UINT64_MAX : (uint64_t)value);
            break;
        } /* fallthrough */
    default: tensor_set_int(tensor, index, truncate_to_int(value)); break;
    }
}

void tensor_set_int(Tensor *tensor, int64_t index, int64_t value)
{
    switch (tensor->dtype) {
    case DT_INT8: WRITE(int8_t, tensor, index, (int8_t)value); break;
    case DT_UINT8: WRITE(uint8_t, tensor, index, (uint8_t)value); break;
    case DT_BOOL: WRITE(uint8_t, tensor, index, value != 0); break;
    case DT_INT16: WRITE(int16_t, tensor, index, (int16_t)value); break;
    case DT_UINT16: WRITE(uint16_t, tensor, index, (uint16_t)value); break;
    case DT_INT32: WRITE(int32_t, tensor, index, (int32_t)value); break;
    case DT_UINT32: WRITE(uint32_t, tensor, index, (uint32_t)value); break;
    case DT_INT64: WRITE(int64_t, tensor, index, value); break;
    case DT_UINT64: WRITE(uint64_t, tensor, index, (uint64_t)value); break;
    default:
        if (!dtype_is_float(tensor->dtype))
            unreachable();
        tensor_set(tensor, index, (double)value);
    }
}

bool tensor_equal(const Tensor *a, const Tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank || a->count != b->count)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    if (a->dtype == DT_STRING) {
        const char *const *x = a->data, *const *y = b->data;
        for (int64_t i = 0; i < a->count; i++)
            if (!str_equal(x[i], y[i]))
                return false;
        return true;
    }
    return a->count == 0 || a->data == b->data || memcmp(a->data, b->data, (size_t)(a->count * dtype_size(a->dtype))) == 0;
}

bool tensor_is_scalar(const Tensor *tensor, double *value)
{
    if (tensor->count != 1 || !dtype_is_computable(tensor->dtype))
        return false;
    *value = tensor_get(tensor, 0);
    return true;
}
