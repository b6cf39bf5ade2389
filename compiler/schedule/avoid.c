/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tiles to avoid: what code generation found to spill registers is not chosen again.
 *
 *   cnx_gemm_f32_14x32_… spills   →   products in panels of 32 columns get tiles of at most 13 rows
 *
 * The register model is right for what LLVM makes of most kernels; where it is not, counting is the only way to know. */
#include "compiler/schedule/schedule.h"

/* size 0: a kernel without a tile that could be smaller. */
static TileLimit tile_of(const Kernel *kernel)
{
    switch (kernel->kind) {
    case KERNEL_GEMM: return (TileLimit){KERNEL_GEMM, kernel->gemm.product, kernel->gemm.nr, kernel->gemm.m};
    case KERNEL_DWCONV: return (TileLimit){.kind = KERNEL_DWCONV, .key = kernel->dwconv.kw, .size = kernel->dwconv.width};
    default: return (TileLimit){0};
    }
}

int64_t limits_most(const TileLimits *limits, KernelKind kind, Product product, int64_t key, int64_t size)
{
    for (int64_t i = 0; i < limits->len; i++) {
        const TileLimit *limit = &limits->at[i];
        if (limit->kind == kind && product_equal(limit->product, product) && limit->key == key && limit->size < size)
            size = limit->size;
    }
    return size;
}

bool limits_add(TileLimits *limits, const Kernel *kernel, Arena *arena)
{
    TileLimit limit = tile_of(kernel);
    if (limit.size <= 1)
        return false;
    limit.size--;
    vec_push(arena, limits, limit);
    return true;
}
