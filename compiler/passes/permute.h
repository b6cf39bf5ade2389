/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Permutations of axes, as Transpose has them: axis i of the result is axis perm[i] of the operand. */
#ifndef CNXC_PASSES_PERMUTE_H
#define CNXC_PASSES_PERMUTE_H

#include "ir/graph.h"

void perm_invert(int rank, const int64_t *perm, int64_t inverse[MAX_RANK]);
bool perm_is_identity(int rank, const int64_t *perm);
bool perm_equal(int rank, const int64_t *a, const int64_t *b);

Tensor *tensor_permuted(Arena *arena, const Tensor *tensor, const int64_t *perm);
Value *constant_permuted(Node *at, Value *constant, const int64_t *perm); /* a new constant of at's graph */

/* value with its axes permuted, for use by at: a constant turns now, a Transpose before that it undoes is
 * skipped, anything else gets a Transpose before at. */
Value *value_permuted(Node *at, Value *value, int rank, const int64_t *perm);

#endif
