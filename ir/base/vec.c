/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "ir/base/vec.h"

#include <string.h>

void *vec_grow(Arena *arena, const void *at, int64_t len, int64_t *cap, size_t size)
{
    int64_t more = *cap ? *cap * 2 : 8;
    void *bigger = arena_alloc_array(arena, more, size);
    if (len)
        memcpy(bigger, at, (size_t)len * size);
    *cap = more;
    return bigger;
}
