/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Types of values (element type and shape) and constant tensors.
 *
 * Element types carry ONNX's numbers (onnx.TensorProto.DataType), shapes are ONNX's: a dimension is a
 * number or a symbol ("batch_size"). Data is little-endian, row-major (C order), dense. */
#ifndef CNXC_IR_TENSOR_H
#define CNXC_IR_TENSOR_H

#include "ir/base/arena.h"
#include "ir/base/diag.h"

#include <stdbool.h>

typedef enum DType {
    DT_UNDEFINED = 0,
    DT_FLOAT = 1,
    DT_UINT8 = 2,
    DT_INT8 = 3,
    DT_UINT16 = 4,
    DT_INT16 = 5,
    DT_INT32 = 6,
    DT_INT64 = 7,
    DT_STRING = 8,
    DT_BOOL = 9,
    DT_FLOAT16 = 10,
    DT_DOUBLE = 11,
    DT_UINT32 = 12,
    DT_UINT64 = 13,
    DT_COMPLEX64 = 14,
    DT_COMPLEX128 = 15,
    DT_BFLOAT16 = 16,
    /* 17 to 26: float8, int4, float4 … families: never computed with; some are how weights are stored */
    DT_FLOAT8E4M3FN = 17,
    DT_FLOAT8E4M3FNUZ = 18,
    DT_FLOAT8E5M2 = 19,
    DT_FLOAT8E5M2FNUZ = 20,
    DT_UINT4 = 21,
    DT_INT4 = 22,
    DT_UINT2 = 25,
    DT_INT2 = 26,
    DT_LAST = 26,
} DType;

enum { MAX_RANK = 8 }; /* a higher rank is diagnosed as unsupported */

typedef struct Dim {
    int64_t size;       /* >= 0; -1 if symbolic or unknown */
    const char *symbol; /* ONNX dim_param, when size is -1; NULL: unknown ("?") */
} Dim;

typedef struct Shape {
    int rank; /* -1: unknown rank */
    Dim dims[MAX_RANK];
} Shape;

typedef struct Type {
    DType dtype; /* DT_UNDEFINED: unknown */
    Shape shape;
} Type;

const char *dtype_name(DType dtype);             /* as ONNX text spells it: "float", "int64"; "?" if unknown */
DType dtype_from_name(const char *name);         /* DT_UNDEFINED if there is none */
int64_t dtype_size(DType dtype);                 /* bytes of an element; 0: there are no such tensors */
bool dtype_is_computable(DType dtype);           /* float, double, f16, bf16, ints and bool */
bool dtype_is_float(DType dtype);                /* float, double, f16, bf16 */
bool dtype_is_half(DType dtype);                 /* f16, bf16 */
double dtype_lowest(DType dtype);                /* -infinity for floats */
double dtype_highest(DType dtype);
bool dtype_is_stored(DType dtype);               /* not computable, but constants have it: float8, int4, int2 */
int64_t dtype_packed(DType dtype);               /* elements in a byte of a file: of int4 2; in memory each has its own */

bool dim_is_fixed(Dim dim);
bool dim_equal(Dim a, Dim b);                    /* same number, or same symbol; unknown equals nothing */
Shape shape_of(int rank, const int64_t *dims);   /* all fixed */
bool shape_equal(const Shape *a, const Shape *b);
bool shape_is_fixed(const Shape *shape);         /* rank known, every dimension a number */
int64_t shape_count(const Shape *shape);         /* product of a fixed shape; -1: not fixed, or over int64 */
char *shape_text(Arena *arena, const Shape *shape); /* "[batch,3,224,224]" */
char *type_text(Arena *arena, const Type *type);    /* "float[batch,3,224,224]" */

/* A constant. Elements may lie in a mapped file; nothing is read before it is needed. */
typedef struct Tensor {
    DType dtype;
    int rank;
    int64_t dims[MAX_RANK];
    int64_t count;          /* product of dims, checked */
    const void *data;       /* count elements; arena or mapping; DT_STRING: const char *const [count] */
    const char *location;   /* path of the file it came from, if any (print_location makes it external data) … */
    int64_t offset, length; /* … and its bytes there, so that it prints without copying */
    bool is_mapped;         /* data lies in a read-only mapping of that file */
} Tensor;

/* A zeroed tensor with memory from the arena; NULL if the size overflows or dtype_size is 0. */
Tensor *tensor_new(Arena *arena, DType dtype, int rank, const int64_t *dims);
Tensor *tensor_scalar_f32(Arena *arena, float value);
Tensor *tensor_from_i64(Arena *arena, const int64_t *values, int64_t count); /* rank 1 */
Tensor *tensor_reshaped(Arena *arena, const Tensor *tensor, int rank, const int64_t *dims); /* shares data */
Type tensor_type(const Tensor *tensor);
void tensor_release(const Tensor *tensor); /* gives back memory that a mapped file fills again when it is read */

/* One element as double or int64, whatever the dtype (f16 and bf16 widened; ints truncated from floats). */
double tensor_get(const Tensor *tensor, int64_t index);
int64_t tensor_get_int(const Tensor *tensor, int64_t index);
void tensor_set(Tensor *tensor, int64_t index, double value); /* rounds to nearest even */
void tensor_set_int(Tensor *tensor, int64_t index, int64_t value);
/* As files have it: packed, if its type is. */
int64_t tensor_file_bytes(const Tensor *tensor);
const void *tensor_file_data(const Tensor *tensor, Arena *arena);
void tensor_unpack(Tensor *tensor, const uint8_t *bytes, Arena *arena); /* its elements from a file's bytes */
bool tensor_equal(const Tensor *a, const Tensor *b);          /* type and bits */
bool tensor_is_scalar(const Tensor *tensor, double *value);   /* one element of a number type */

float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);

#endif
