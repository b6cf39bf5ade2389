/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Permutations of axes and what they do to constants and values. */
#include "compiler/passes/permute.h"

#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

#include <string.h>

void perm_invert(int rank, const int64_t *perm, int64_t inverse[MAX_RANK])
{
    for (int i = 0; i < rank; i++)
        inverse[perm[i]] = i;
}

bool perm_is_identity(int rank, const int64_t *perm)
{
    for (int i = 0; i < rank; i++)
        if (perm[i] != i)
            return false;
    return true;
}

bool perm_equal(int rank, const int64_t *a, const int64_t *b) { return memcmp(a, b, (size_t)rank * sizeof *a) == 0; }

/* ── Constants ───────────────────────────────────────────────────────────────────────────────────────── */

/* A copy in the order of the new axes: counts through the result and steps through the source. */
Tensor *tensor_permuted(Arena *arena, const Tensor *tensor, const int64_t *perm)
{
    int64_t dims[MAX_RANK], strides[MAX_RANK], step[MAX_RANK], index[MAX_RANK] = {0}, at = 0;
    int rank = tensor->rank;
    size_t size = (size_t)dtype_size(tensor->dtype);
    for (int i = rank - 1; i >= 0; i--)
        strides[i] = i == rank - 1 ? 1 : strides[i + 1] * tensor->dims[i + 1];
    for (int i = 0; i < rank; i++) {
        dims[i] = tensor->dims[perm[i]];
        step[i] = strides[perm[i]];
    }
    Tensor *result = tensor_new(arena, tensor->dtype, rank, dims);
    for (int64_t n = 0; n < result->count; n++) {
        memcpy((char *)result->data + (size_t)n * size, (const char *)tensor->data + (size_t)at * size, size);
        for (int i = rank - 1; i >= 0; i--) {
            at += step[i];
            if (++index[i] < dims[i])
                break;
            at -= step[i] * dims[i];
            index[i] = 0;
        }
    }
    return result;
}

Value *constant_permuted(Node *at, Value *constant, const int64_t *perm)
{
    Tensor *tensor = tensor_permuted(at->graph->model->arena, constant->constant, perm);
    return constant_new(at->graph, constant->name, tensor, constant->span);
}

/* ── Values ──────────────────────────────────────────────────────────────────────────────────────────── */

Value *value_permuted(Node *at, Value *value, int rank, const int64_t *perm)
{
    int64_t before[MAX_RANK], inverse[MAX_RANK];
    if (perm_is_identity(rank, perm))
        return value;
    if (value->constant)
        return constant_permuted(at, value, perm);
    Node *transpose = value_made_by(value, OP_Transpose);
    perm_invert(rank, perm, inverse);
    if (transpose && node_perm(transpose, before) == rank && perm_equal(rank, before, inverse))
        return transpose->inputs.at[0];
    transpose = node_before(at, OP_Transpose, &value, 1, value->name);
    node_set_ints(transpose, "perm", perm, rank);
    node_infer(transpose);
    return transpose->outputs.at[0];
}
