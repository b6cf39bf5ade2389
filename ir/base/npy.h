/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* NumPy's .npy files: one dense array behind a short text header.
 *
 *   "\x93NUMPY" 1 0  u16 length  {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 32, 32), }  data
 *
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef CNXC_IR_BASE_NPY_H
#define CNXC_IR_BASE_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { NPY_MAX_RANK = 32 };

typedef struct NpyArray {
    int64_t dtype;              /* onnx.TensorProto.DataType */
    int64_t rank;
    int64_t dims[NPY_MAX_RANK];
    const uint8_t *data;        /* inside the bytes that were parsed; aligned only as those are */
    size_t bytes;               /* of the data: exactly what dtype and dims say */
} NpyArray;

/* False: *problem says what is wrong with these bytes. */
bool npy_parse(const uint8_t *bytes, size_t size, NpyArray *array, const char **problem);

/* The same of the header alone: the data need not be there. */
bool npy_parse_header(const uint8_t *bytes, size_t size, NpyArray *array, const char **problem);

/* Header and data, C order. False: errno says why. */
bool npy_write(FILE *out, int64_t dtype, int64_t rank, const int64_t *dims, const void *data, size_t bytes);

/* The header alone; its length does not depend on the first dimension. */
bool npy_write_header(FILE *out, int64_t dtype, int64_t rank, const int64_t *dims);

/* "float32" for 1 …; "a type unknown to .npy" */
const char *npy_type_name(int64_t dtype);

#endif
