/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* VEC(T): a growable array in an arena.
 *
 *   VEC(Node *) nodes = {0};
 *   vec_push(arena, &nodes, node);
 *   for (int64_t i = 0; i < nodes.len; i++) use(nodes.at[i]);
 *
 * Growing copies; the old storage stays in the arena until the arena goes. */
#ifndef CNXC_IR_BASE_VEC_H
#define CNXC_IR_BASE_VEC_H

#include "ir/base/arena.h"

#define VEC(T)            \
    struct {              \
        T *at;            \
        int64_t len, cap; \
    }

#define vec_push(arena, v, ...)                                                                                              \
    ((v)->len == (v)->cap ? ((v)->at = vec_grow((arena), (v)->at, (v)->len, &(v)->cap, sizeof *(v)->at), (void)0) : (void)0, \
     (void)((v)->at[(v)->len++] = (__VA_ARGS__)))

/* For vec_push's use: a copy of at with room for more. */
void *vec_grow(Arena *arena, const void *at, int64_t len, int64_t *cap, size_t size);

#define countof(array) ((int64_t)(sizeof(array) / sizeof *(array)))

#endif
