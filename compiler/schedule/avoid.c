/* Tiles to avoid: what code generation found to spill registers is not chosen again.
 *
 *   cnx_gemm_f32_14x32_… spills   →   products in panels of 32 columns get tiles of at most 13 rows
 *
 * The register model is right for what LLVM makes of most kernels; where it is not, counting is the only way to know. */
#include "compiler/schedule/schedule.h"

#include <string.h>

typedef struct Tile {
    int64_t key, size;
} Tile; /* of a limit: what it is for, and what it bounds */

/* size 0: a kernel without a tile that could be smaller. */
static Tile tile_of(const Kernel *kernel)
{
    switch (kernel->kind) {
    case KERNEL_GEMM: return (Tile){kernel->gemm.nr, kernel->gemm.m};
    case KERNEL_DWCONV: return (Tile){kernel->dwconv.kw, kernel->dwconv.width};
    default: return (Tile){0, 0};
    }
}

static bool pairs_of(const Kernel *kernel) { return kernel->kind == KERNEL_GEMM && kernel->gemm.pairs; }

int64_t tile_at_most(const CpuProfile *cpu, int kind, bool pairs, int64_t key, int64_t size)
{
    for (int64_t i = 0; i < cpu->n_limits; i++) {
        const TileLimit *limit = &cpu->limits[i];
        if (limit->kind == kind && limit->pairs == pairs && limit->key == key && limit->size < size)
            size = limit->size;
    }
    return size;
}

const CpuProfile *cpu_avoiding(const CpuProfile *cpu, const Kernel *const *kernels, int64_t n, Arena *arena)
{
    TileLimit *limits = NEW_ARRAY(arena, TileLimit, cpu->n_limits + n + 1);
    CpuProfile *copy = NEW(arena, CpuProfile);
    *copy = *cpu;
    copy->limits = limits;
    if (cpu->n_limits)
        memcpy(limits, cpu->limits, (size_t)cpu->n_limits * sizeof *limits);
    for (int64_t i = 0; i < n; i++) {
        Tile tile = tile_of(kernels[i]);
        if (tile.size > 1)
            limits[copy->n_limits++] = (TileLimit){kernels[i]->kind, pairs_of(kernels[i]), tile.key, tile.size - 1};
    }
    return copy->n_limits > cpu->n_limits ? copy : NULL;
}
