/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tensors in .npy files, whose form is base/npy.c's.
 *
 *   Tensor float[2,3] ↔ "\x93NUMPY" … {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } … 24 bytes */
#include "ir/npy.h"
#include "ir/base/npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static size_t data_bytes(const Tensor *tensor) { return (size_t)(tensor->count * dtype_size(tensor->dtype)); }

bool tensor_write_npy(const Tensor *tensor, const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        return false;
    errno = EINVAL;
    bool ok = npy_write(file, tensor->dtype, tensor->rank, tensor->dims, tensor->data, data_bytes(tensor));
    return fclose(file) == 0 && ok;
}

/* The file's bytes; NULL if there is no such file. */
static const uint8_t *read_all(const char *path, size_t *size, Arena *arena)
{
    FILE *file = fopen(path, "rbe");
    long end = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    uint8_t *bytes = end >= 0 ? arena_alloc(arena, (size_t)end + 1) : NULL;
    bool ok = bytes && fseek(file, 0, SEEK_SET) == 0 && fread(bytes, 1, (size_t)end, file) == (size_t)end;
    if (file)
        fclose(file);
    *size = (size_t)end;
    return ok ? bytes : NULL;
}

Tensor *tensor_read_npy(const char *path, Arena *arena)
{
    size_t size;
    NpyArray array;
    const char *problem;
    const uint8_t *bytes = read_all(path, &size, arena);
    if (!bytes || !npy_parse(bytes, size, &array, &problem) || array.rank > MAX_RANK)
        return NULL;
    Tensor *tensor = tensor_new(arena, (DType)array.dtype, (int)array.rank, array.dims);
    if (tensor)
        memcpy((void *)(uintptr_t)tensor->data, array.data, array.bytes);
    return tensor;
}
