/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Walking over tensors, and small helpers of the reference functions. */
#include "ir/interp_util.h"

#include <string.h>

Walk walk_over(int rank, const int64_t *dims)
{
    Walk walk = {.rank = rank};
    for (int i = 0; i < rank; i++)
        walk.dims[i] = dims[i];
    return walk;
}

void dense_strides(int rank, const int64_t *dims, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i];
    }
}

void walk_broadcast(Walk *walk, int which, const Tensor *tensor)
{
    int64_t strides[MAX_RANK] = {0};
    int shift = walk->rank - tensor->rank;
    dense_strides(tensor->rank, tensor->dims, strides);
    for (int i = 0; i < walk->rank; i++)
        walk->stride[which][i] = i < shift || tensor->dims[i - shift] == 1 ? 0 : strides[i - shift];
}

void walk_next(Walk *walk)
{
    for (int i = walk->rank - 1; i >= 0; i--) {
        bool wraps = ++walk->at[i] == walk->dims[i];
        for (int t = 0; t < MAX_WALKED; t++)
            walk->offset[t] += wraps ? -walk->stride[t][i] * (walk->dims[i] - 1) : walk->stride[t][i];
        if (!wraps)
            return;
        walk->at[i] = 0;
    }
}

double *tensor_doubles(Arena *arena, const Tensor *tensor)
{
    double *values = NEW_ARRAY(arena, double, tensor->count);
    for (int64_t i = 0; i < tensor->count; i++)
        values[i] = tensor_get(tensor, i);
    return values;
}

void tensor_copy_element(Tensor *to, int64_t to_index, const Tensor *from, int64_t from_index)
{
    int64_t size = dtype_size(from->dtype);
    memcpy((char *)(uintptr_t)to->data + to_index * size, (const char *)from->data + from_index * size, (size_t)size);
}

bool tensor_is_integer(const Tensor *tensor)
{
    return tensor->dtype != DT_FLOAT && tensor->dtype != DT_DOUBLE && tensor->dtype != DT_FLOAT16 && tensor->dtype != DT_BFLOAT16;
}

Tensor *interp_input(const Node *node, Tensor *const *inputs, int64_t index)
{
    return index < node->inputs.len ? inputs[index] : NULL;
}

bool interp_index(const Node *node, const Tensor *indices, int64_t i, int64_t n, int64_t *index, Diag *diag)
{
    *index = tensor_get_int(indices, i);
    if (*index < -n || *index >= n) {
        diag_error(diag, node->span, "index %lld of %s is %lld, expected %lld to %lld", (long long)i, node->op->name,
                   (long long)*index, -(long long)n, (long long)n - 1);
        return false;
    }
    *index += *index < 0 ? n : 0;
    return true;
}
