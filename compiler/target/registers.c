/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The register budget: which tiles LLVM compiles without a spill.
 *
 *   f32, 14 rows × 2 vectors, AVX-512   28 sums, 2 of B, 1 of A, 1 free                                     32
 *   bf16, 4 × 2, AVX2                    8 sums, both halves of 2 of B and of 1 of A, 2 free                16
 *
 * The counts are of what LLVM 19 was seen to need; where it needs more, codegen counts the spills and the schedule takes a
 * smaller tile. */
#include "compiler/target/registers.h"

/* Beside the sums and a row of B: one of A, one free; without FMA one for products. For aarch64 LLVM loads elements of A
 * ahead of their use. */
static int64_t other_registers(const CpuProfile *cpu) { return cpu->arch == ARCH_AARCH64 ? 4 : cpu_has_fma(cpu) ? 2 : 3; }

/* Groups that no instruction takes come apart in registers: both halves of a row of B and of one of A. Where rows go in pairs,
 * B's fill twice as many registers. Where an element of A has a single multiply-add to serve, LLVM loads many of them ahead: with
 * FMA, 9x8 was seen to spill on AVX2, 8x8 not. */
static int64_t beside_sums(const CpuProfile *cpu, Product product, int64_t vectors)
{
    if (!product_is_native(cpu, product))
        return 2 * vectors + 4;
    if (product_rows(product) == 2)
        return 2 * vectors + 2;
    return vectors == 1 && cpu_has_fma(cpu) ? cpu->n_vectors / 2 : vectors + other_registers(cpu);
}

int64_t registers_of_tile(const CpuProfile *cpu, Product product, int64_t rows, int64_t vectors)
{
    int64_t unit = product_rows(product);
    return (rows + unit - 1) / unit * unit * vectors + beside_sums(cpu, product, vectors);
}

int64_t registers_tile_rows(const CpuProfile *cpu, Product product, int64_t vectors)
{
    int64_t rows = (cpu->n_vectors - beside_sums(cpu, product, vectors)) / vectors;
    int64_t unit = product_rows(product);
    return rows < unit ? unit : rows / unit * unit;
}

/* 2 has proved best; on aarch64, which loads each element of A apart, squarer tiles. */
const int64_t *registers_panel_widths(const CpuProfile *cpu)
{
    static const int64_t two_first[N_PANEL_WIDTHS] = {2, 4, 3, 1}, three_first[N_PANEL_WIDTHS] = {3, 4, 2, 1};
    return cpu->arch == ARCH_AARCH64 ? three_first : two_first;
}

/* Beside the sums: a row of taps and a column; without FMA, products. */
int64_t registers_depthwise_columns(const CpuProfile *cpu, int64_t taps)
{
    int64_t columns = cpu->n_vectors - taps - (cpu_has_fma(cpu) ? 2 : 4);
    return columns < 2 ? 2 : columns;
}
