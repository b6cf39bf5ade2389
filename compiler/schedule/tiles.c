/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of bf16 on a matrix unit (AMX), whose registers are tiles: 16 rows of 64 bytes.
 *
 * A call multiplies up to 32 rows of A by 32 columns of B: four tiles of sums, two of A and two of B are all eight
 * registers. Tiles have shapes; configuring other ones empties them, so a program has one configuration, all tiles whole,
 * and what does not fill them is made to:
 *
 *   K   rows of A and panels of B end in zeros, up to a multiple of 32
 *   N   panels end in columns of zeros, which are not stored
 *   M   the last tile reads rows behind A's last, whatever they hold: each row of C comes from its own row of A, and
 *       theirs are not stored. So buffers of left operands have 15 rows more
 *
 *   C[49,384] = A[49,96] · B:   for i in 12 panels: tiles 32x32 on rows 0 … 31, tiles 17x32 on rows 32 … 63
 *
 * Sums leave the registers through scratch that stays in L1. Bias, activation and residual are applied on the way from
 * there to C, so no strip of a whole panel is needed. */
#include "compiler/schedule/tiles.h"

#include "compiler/schedule/lower.h"

/* A tile costs the same, full or not: rows are not shared out evenly. */
Tiling tiles_rows(const Panels *panels, int64_t m) { return tile_blocks(m, 2 * panels->product.unit); }

/* Panels that one call reads, or that L1 would lose before the next call, need not push A and the sums out of it. */
static bool is_streamed(const CpuProfile *cpu, const Gemm *g)
{
    return g->a.dims[0] <= 2 * g->panels->product.unit || g->panels->panel_bytes > cpu->l1d_bytes / 2;
}

/* Scratch is placed phase by phase, and one place for all calls of a phase stays in L1. */
static Ref sums_of_phase(Lowering *l, Product product)
{
    if (!l->sums || l->sums_phase != l->phase) {
        View sums = view_temp(l, SPACE_SCRATCH, product.sum, 2, (int64_t[]){2 * product.unit, 2 * product.unit}, false);
        l->sums = sums.ref.buffer;
        l->sums_phase = l->phase;
    }
    return ref_to(l->sums);
}

Ref tiles_take(Lowering *l, const Gemm *g, Kernel *kernel)
{
    kernel->kind = KERNEL_TILES;
    kernel->gemm.stream = is_streamed(l->cpu, g);
    return sums_of_phase(l, g->panels->product);
}
