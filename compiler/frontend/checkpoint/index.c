/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tensors by name, and their elements in order.
 *
 *   kernel of 4 × 7 × 7, strides 1, 28, 4 in the file   →   copied to strides 49, 7, 1 when it is loaded */
#include "compiler/frontend/checkpoint/index.h"

#include <string.h>

TensorIndex tensor_index_new(Arena *arena) { return (TensorIndex){.arena = arena, .by_name = {.arena = arena}}; }

static void strides_without_gaps(int rank, const int64_t *dims, int64_t *strides)
{
    int64_t step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = step;
        (void)__builtin_mul_overflow(step, dims[i], &step); /* wraps only if another dimension is 0 */
    }
}

StoredTensor *stored_tensor_new(Arena *arena, const char *name, const Tensor *tensor, const ExternalFile *file)
{
    StoredTensor *stored = NEW(arena, StoredTensor);
    *stored = (StoredTensor){.name = name, .tensor = *tensor, .file = file};
    strides_without_gaps(tensor->rank, tensor->dims, stored->strides);
    return stored;
}

bool tensor_index_add(TensorIndex *index, StoredTensor *stored)
{
    vec_push(index->arena, &index->tensors, stored);
    return strmap_put(&index->by_name, stored->name, stored);
}

StoredTensor *tensor_index_find(const TensorIndex *index, const char *name) { return strmap_get(&index->by_name, name); }

static bool is_dense(const StoredTensor *stored)
{
    int64_t strides[MAX_RANK];
    strides_without_gaps(stored->tensor.rank, stored->tensor.dims, strides);
    for (int i = 0; i < stored->tensor.rank; i++)
        if (stored->tensor.dims[i] > 1 && stored->strides[i] != strides[i])
            return false;
    return true;
}

/* Elements in the order of the tensor's shape, from wherever strides say they lie. */
static void gather(StoredTensor *stored, Arena *arena)
{
    Tensor *tensor = &stored->tensor;
    int64_t size = dtype_size(tensor->dtype), index[MAX_RANK] = {0}, at = 0;
    const uint8_t *from = stored->file->data + tensor->offset;
    uint8_t *to = arena_alloc_array(arena, tensor->count, (size_t)size);
    for (int64_t n = 0; n < tensor->count; n++) {
        memcpy(to + n * size, from + at * size, (size_t)size);
        for (int i = tensor->rank - 1; i >= 0; i--) {
            at += stored->strides[i];
            if (++index[i] < tensor->dims[i])
                break;
            at -= stored->strides[i] * index[i];
            index[i] = 0;
        }
    }
    tensor->data = to;
}

Tensor *stored_tensor_load(StoredTensor *stored, Arena *arena)
{
    Tensor *tensor = &stored->tensor;
    if (!tensor->data && is_dense(stored))
        external_place(tensor, stored->file, tensor->offset, tensor->length, arena);
    else if (!tensor->data)
        gather(stored, arena);
    return tensor;
}
