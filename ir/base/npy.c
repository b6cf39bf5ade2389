/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* NumPy's .npy files. The header is the text of a Python dict; this reads exactly the three keys that the format
 * demands, in any order, each once, and nothing else. */
#include "ir/base/npy.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    int64_t dtype;
    const char *descr, *name;
    size_t bytes;
} types[] = {
    {1, "<f4", "float32", 4},   {11, "<f8", "float64", 8}, {10, "<f2", "float16", 2}, {7, "<i8", "int64", 8},
    {6, "<i4", "int32", 4},     {5, "<i2", "int16", 2},    {3, "|i1", "int8", 1},     {2, "|u1", "uint8", 1},
    {4, "<u2", "uint16", 2},    {12, "<u4", "uint32", 4},  {13, "<u8", "uint64", 8},  {9, "|b1", "bool", 1},
    {16, "|V2", "bfloat16", 2}, /* two bytes without a meaning, as NumPy saves arrays of the package ml_dtypes */
};

static int64_t find_type(int64_t dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == dtype)
            return (int64_t)i;
    return -1;
}

const char *npy_type_name(int64_t dtype)
{
    int64_t i = find_type(dtype);
    return i < 0 ? "a type unknown to .npy" : types[i].name;
}

/* ── Reading ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Text {
    const char *at, *end;
} Text;

static void skip_space(Text *text)
{
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t'))
        text->at++;
}

static bool accept(Text *text, const char *token)
{
    skip_space(text);
    size_t n = strlen(token);
    if ((size_t)(text->end - text->at) < n || memcmp(text->at, token, n) != 0)
        return false;
    text->at += n;
    return true;
}

static bool parse_string(Text *text, char *value, size_t size)
{
    skip_space(text);
    if (text->at == text->end || (*text->at != '\'' && *text->at != '"'))
        return false;
    char quote = *text->at++;
    const char *close = memchr(text->at, quote, (size_t)(text->end - text->at));
    if (!close || (size_t)(close - text->at) >= size)
        return false;
    size_t n = (size_t)(close - text->at);
    memcpy(value, text->at, n);
    value[n] = 0;
    text->at = close + 1;
    return true;
}

static bool parse_number(Text *text, int64_t *value)
{
    skip_space(text);
    const char *start = text->at;
    *value = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, *text->at - '0', value))
            return false;
    return text->at > start;
}

static bool parse_shape(Text *text, NpyArray *array)
{
    if (!accept(text, "("))
        return false;
    while (!accept(text, ")")) {
        if (array->rank == NPY_MAX_RANK || !parse_number(text, &array->dims[array->rank]))
            return false;
        array->rank++;
        if (!accept(text, ",")) {
            return array->rank > 1 && accept(text, ")"); /* (3) is a number, not a tuple */
        }
    }
    return true;
}

static bool parse_type(const char *descr, int64_t *dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].descr, descr) == 0) {
            *dtype = types[i].dtype;
            return true;
        }
    return false;
}

enum { HAS_DESCR = 1, HAS_ORDER = 2, HAS_SHAPE = 4, HAS_ALL = 7 };

/* One key and its value; 0: malformed, *problem may say more. */
static int parse_entry(Text *text, NpyArray *array, const char **problem)
{
    char key[32], descr[32];
    if (!parse_string(text, key, sizeof key) || !accept(text, ":"))
        return 0;
    if (strcmp(key, "shape") == 0)
        return parse_shape(text, array) ? HAS_SHAPE : 0;
    if (strcmp(key, "fortran_order") == 0) {
        if (accept(text, "False"))
            return HAS_ORDER;
        *problem = "the array is in Fortran order; save it with numpy.ascontiguousarray";
        return 0;
    }
    if (strcmp(key, "descr") != 0 || !parse_string(text, descr, sizeof descr))
        return 0;
    if (parse_type(descr, &array->dtype))
        return HAS_DESCR;
    *problem = "the array's type is not one of NumPy's little-endian numbers";
    return 0;
}

static bool parse_dict(Text text, NpyArray *array, const char **problem)
{
    int seen = 0;
    *problem = "its header is malformed";
    if (!accept(&text, "{"))
        return false;
    while (!accept(&text, "}")) {
        int entry = parse_entry(&text, array, problem);
        if (entry == 0 || (seen & entry))
            return false;
        seen |= entry;
        if (!accept(&text, ",")) {
            if (!accept(&text, "}"))
                return false;
            break;
        }
    }
    skip_space(&text);
    return seen == HAS_ALL && text.at == text.end;
}

static bool count_bytes(NpyArray *array)
{
    int64_t bytes = (int64_t)types[find_type(array->dtype)].bytes;
    for (int64_t i = 0; i < array->rank; i++)
        if (__builtin_mul_overflow(bytes, array->dims[i], &bytes))
            return false;
    array->bytes = (size_t)bytes;
    return true;
}

bool npy_parse_header(const uint8_t *bytes, size_t size, NpyArray *array, const char **problem)
{
    *array = (NpyArray){0};
    *problem = "not a .npy file";
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return false;
    *problem = "its .npy version is unknown";
    if (bytes[6] < 1 || bytes[6] > 3)
        return false;
    size_t start = bytes[6] == 1 ? 10 : 12;
    *problem = "the file is cut short";
    if (size < start)
        return false;
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (start == 12)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > size - start)
        return false;
    const char *text = (const char *)bytes + start;
    if (!parse_dict((Text){text, text + length}, array, problem))
        return false;
    *problem = "the shape's product overflows";
    if (!count_bytes(array))
        return false;
    array->data = bytes + start + length;
    return true;
}

bool npy_parse(const uint8_t *bytes, size_t size, NpyArray *array, const char **problem)
{
    if (!npy_parse_header(bytes, size, array, problem))
        return false;
    size_t there = size - (size_t)(array->data - bytes);
    *problem = array->bytes > there ? "the file is cut short" : "there are bytes after the data";
    return array->bytes == there;
}

/* ── Writing ─────────────────────────────────────────────────────────────────────────────────────────── */

enum { MOST_DIGITS = 21 }; /* of the first dimension, for which NumPy keeps room, so that a file can grow */

bool npy_write_header(FILE *out, int64_t dtype, int64_t rank, const int64_t *dims)
{
    int64_t type = find_type(dtype);
    char header[1024];
    if (type < 0 || rank > NPY_MAX_RANK)
        return false;
    int n = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].descr);
    for (int64_t i = 0; i < rank; i++)
        n += snprintf(header + n, sizeof header - (size_t)n, "%s%lld", i ? ", " : "", (long long)dims[i]);
    n += snprintf(header + n, sizeof header - (size_t)n, "%s), }", rank == 1 ? "," : "");
    if (rank)
        n += snprintf(header + n, sizeof header - (size_t)n, "%*s", MOST_DIGITS - snprintf(NULL, 0, "%lld", (long long)dims[0]),
                      "");
    while ((10 + n + 1) % 64) /* NumPy pads so that the data is aligned */
        header[n++] = ' ';
    header[n++] = '\n';
    const uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)n, (uint8_t)(n >> 8)};
    return fwrite(start, 1, sizeof start, out) == sizeof start && fwrite(header, 1, (size_t)n, out) == (size_t)n;
}

bool npy_write(FILE *out, int64_t dtype, int64_t rank, const int64_t *dims, const void *data, size_t bytes)
{
    return npy_write_header(out, dtype, rank, dims) && (bytes == 0 || fwrite(data, 1, bytes, out) == bytes);
}
