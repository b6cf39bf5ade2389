/* .npy, version 1.0: "\x93NUMPY", version, header length, a Python dict as text, then the data.
 *
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), } */
#include "ir/npy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Descr {
    DType dtype;
    const char *text;
} Descr;

static const Descr descrs[] = {
    {DT_FLOAT, "<f4"}, {DT_DOUBLE, "<f8"}, {DT_FLOAT16, "<f2"}, {DT_INT64, "<i8"}, {DT_INT32, "<i4"},
    {DT_INT16, "<i2"}, {DT_INT8, "|i1"},   {DT_UINT8, "|u1"},   {DT_BOOL, "|b1"},
};

enum { PREFIX = 10, ALIGN = 64, LONGEST_HEADER = 4096 };

static const char *descr_of(DType dtype)
{
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
        if (descrs[i].dtype == dtype)
            return descrs[i].text;
    return NULL;
}

/* The dict, padded with spaces so that the data begins at a multiple of 64. */
static int header_text(const Tensor *tensor, char text[LONGEST_HEADER])
{
    int length = sprintf(text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(tensor->dtype));
    for (int i = 0; i < tensor->rank; i++)
        length += sprintf(text + length, "%lld, ", (long long)tensor->dims[i]);
    length += sprintf(text + length, "), }");
    while ((PREFIX + length + 1) % ALIGN)
        text[length++] = ' ';
    text[length++] = '\n';
    return length;
}

bool npy_write(const char *path, const Tensor *tensor)
{
    char text[LONGEST_HEADER];
    if (!descr_of(tensor->dtype)) {
        errno = EINVAL;
        return false;
    }
    int length = header_text(tensor, text);
    const unsigned char prefix[PREFIX] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 255), (unsigned char)(length >> 8)};
    size_t bytes = (size_t)(tensor->count * dtype_size(tensor->dtype));
    FILE *file = fopen(path, "wbe");
    if (!file)
        return false;
    bool ok = fwrite(prefix, PREFIX, 1, file) == 1 && fwrite(text, (size_t)length, 1, file) == 1 &&
              fwrite(tensor->data, 1, bytes, file) == bytes;
    return (fclose(file) == 0) && ok;
}

static bool read_dict(const char *text, DType *dtype, int *rank, int64_t dims[MAX_RANK])
{
    const char *descr = strstr(text, "'descr': '"), *shape = strstr(text, "'shape': (");
    if (!descr || !shape || strstr(text, "'fortran_order': True"))
        return false;
    *dtype = DT_UNDEFINED;
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
        if (strncmp(descr + 10, descrs[i].text, 3) == 0)
            *dtype = descrs[i].dtype;
    char *at = (char *)(uintptr_t)shape + 10;
    for (*rank = 0; *at && *at != ')'; at += strspn(at, ", ")) {
        char *end;
        if (*rank == MAX_RANK)
            return false;
        dims[(*rank)++] = strtoll(at, &end, 10);
        if (end == at)
            return false;
        at = end;
    }
    return *dtype != DT_UNDEFINED;
}

static Tensor *read_body(FILE *file, Arena *arena)
{
    unsigned char prefix[PREFIX];
    char text[LONGEST_HEADER + 1];
    DType dtype;
    int rank;
    int64_t dims[MAX_RANK];
    if (fread(prefix, PREFIX, 1, file) != 1 || memcmp(prefix, "\x93NUMPY", 6) != 0)
        return NULL;
    size_t length = (size_t)prefix[8] | (size_t)prefix[9] << 8;
    if (length > LONGEST_HEADER || fread(text, 1, length, file) != length)
        return NULL;
    text[length] = '\0';
    Tensor *tensor = read_dict(text, &dtype, &rank, dims) ? tensor_new(arena, dtype, rank, dims) : NULL;
    size_t bytes = tensor ? (size_t)(tensor->count * dtype_size(dtype)) : 0;
    return tensor && fread((void *)(uintptr_t)tensor->data, 1, bytes, file) == bytes ? tensor : NULL;
}

Tensor *npy_read(const char *path, Arena *arena)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    Tensor *tensor = read_body(file, arena);
    fclose(file);
    return tensor;
}
