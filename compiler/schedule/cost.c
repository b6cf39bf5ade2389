/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The cost model: what a call of a kernel costs, in cycles, by its parameters and the profile.
 *
 * Problem: flops alone say little: a product of few rows waits for the latency of its sums, a LayerNorm does no
 * multiply-adds to speak of. Idea: a kernel is a loop over whole vectors; count the vector instructions of each kind and
 * let the scarcest unit decide.
 *
 *   gemm 14x32 k96, znver4: a step in K has 28 multiply-adds on 1 unit, 2 loads and 14 broadcasts      28 cycles
 *   gemm  1x32 k96:         2 sums in flight, each 4 cycles after the one before                        4 cycles
 *
 * Numbers of instructions are those of the code that codegen emits, rounded; docs/cpu-profiles.md says which attributes
 * count. */
#include "compiler/schedule/cost.h"

#include "compiler/schedule/build.h"

#include <math.h>

enum { CALL_CYCLES = 20 };             /* arguments, prologue, the first loads */
static const double BROADCASTS = 2;    /* scalars that are loaded into all lanes, in a cycle */
static const double LANE_SUM = 40;     /* cycles from a vector of sums to a number, a root and a quotient */

static int64_t at_least_1(int64_t n) { return n < 1 ? 1 : n; }

static double larger(double a, double b) { return a > b ? a : b; }

/* Vectors that hold n floats; a half one counts half. */
static double vectors(const CpuProfile *cpu, int64_t n) { return (double)cpu_columns(cpu, n) / (double)cpu_lanes(cpu); }

/* Cycles of so many vector instructions: a unit that multiplies and adds does anything simple. */
static double instructions(const CpuProfile *cpu, double n) { return n / (double)at_least_1(cpu->fma_per_cycle); }

/* Cycles of loading or storing n vectors from or to L1. */
static double accesses(const CpuProfile *cpu, double n)
{
    double bytes = cpu->l1_bandwidth ? (double)cpu->l1_bandwidth : 2.0 * (double)cpu->vector_bytes;
    return n * (double)cpu->vector_bytes / bytes;
}

/* The expression of one vector of results, its operands' loads included. */
static double expr_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    const Expr *expr = &kernel->expr;
    double n = 0;
    for (int i = 0; i < expr->n_steps; i++)
        n += op_get(expr->steps[i].op)->cost;
    return instructions(cpu, n) + accesses(cpu, expr->n_operands);
}

/* Without an instruction of its own each group costs some integer work and multiply-adds, more of them a cycle than floats'. */
static double product_instructions(const CpuProfile *cpu, Product product) { return product_is_native(cpu, product) ? 1 : 4; }

/* A step in K of a tile whose sums are all in registers. Rows that go in pairs cost the same without another, and an
 * instruction to meet. */
static double tile_step_cycles(const CpuProfile *cpu, Product product, int64_t rows, double columns)
{
    int64_t unit = product_rows(product), units = (rows + unit - 1) / unit;
    double step = (double)(units * unit) * columns * product_instructions(cpu, product) + (double)(units * (unit - 1));
    step = larger(instructions(cpu, step), accesses(cpu, (double)unit * columns) + (double)rows / BROADCASTS);
    return larger(step, (double)cpu->fma_latency); /* of the one sum each accumulator has in flight */
}

static double gemm_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    int64_t rows = kernel->gemm.m;
    double columns = vectors(cpu, kernel->gemm.nr), store = accesses(cpu, 2) + expr_cycles(kernel, cpu);
    return (double)kernel->gemm.k * tile_step_cycles(cpu, kernel->gemm.product, rows, columns) + (double)rows * columns * store;
}

/* A matrix unit takes a row of a tile each cycle (Intel's optimization manual: tdpbf16ps every 16 cycles); its sums go through
 * memory on the way to C. */
static double tiles_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    int64_t unit = kernel->gemm.product.unit, rows = (kernel->gemm.m + unit - 1) / unit, columns = kernel->gemm.nr / unit;
    double products = (double)(kernel->gemm.k / unit * rows * columns * unit), stores = (double)(rows * columns * unit);
    double vector = accesses(cpu, 3) + instructions(cpu, 1) + expr_cycles(kernel, cpu);
    return products + stores + (double)kernel->gemm.m * vectors(cpu, kernel->gemm.n) * vector;
}

/* Each tap of each pixel loads a vector and adds a multiple of it. */
static double dwconv_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    double width = (double)kernel->dwconv.width, taps = (double)(kernel->dwconv.kh * kernel->dwconv.kw);
    double tap = larger(larger(instructions(cpu, width), accesses(cpu, width + 1)), (double)cpu->fma_latency);
    return taps * tap + width * (accesses(cpu, 1) + expr_cycles(kernel, cpu));
}

/* Each vector of a row takes so many instructions, and is loaded and stored so often. */
static double norm_cycles(const Kernel *kernel, const CpuProfile *cpu, double n, double n_accesses)
{
    double vector = instructions(cpu, n) + accesses(cpu, n_accesses) + expr_cycles(kernel, cpu);
    return (double)kernel->layernorm.rows * (vectors(cpu, kernel->layernorm.n) * vector + LANE_SUM);
}

/* Mean, variance, result: three passes over a row; without the mean two. */
static double layernorm_cycles(const Kernel *kernel, const CpuProfile *cpu) { return norm_cycles(kernel, cpu, 5, 4); }
static double simplenorm_cycles(const Kernel *kernel, const CpuProfile *cpu) { return norm_cycles(kernel, cpu, 4, 4); }

static double rmsnorm_cycles(const Kernel *kernel, const CpuProfile *cpu) { return norm_cycles(kernel, cpu, 2, 3); }

/* With what a row spans in the second pass, and bytes for the results. */
static double norm_quantize_cycles(const Kernel *kernel, const CpuProfile *cpu, double n, double n_accesses)
{
    int factors = kernel->layernorm_quantize.scaled ? 2 : 0; /* multiplied by in both passes */
    double vector = instructions(cpu, n + factors) + accesses(cpu, n_accesses + factors);
    return (double)kernel->layernorm_quantize.rows * (vectors(cpu, kernel->layernorm_quantize.n) * vector + 2 * LANE_SUM);
}

static double layernorm_quantize_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    return norm_quantize_cycles(kernel, cpu, 7, 3.25);
}
static double rmsnorm_quantize_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    return norm_quantize_cycles(kernel, cpu, 4, 2.25);
}

/* Two passes over a row: what it spans, then its bytes. */
static double quantize_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    double vector = instructions(cpu, 6) + accesses(cpu, 2.25);
    return (double)kernel->quantize.rows * (vectors(cpu, kernel->quantize.n) * vector + LANE_SUM);
}

/* Where elements are not neighbours each takes a load of its own. */
static double reduce_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    double n = (double)kernel->reduce.n1;
    if (kernel->reduce.width > 1)
        n *= (double)kernel->reduce.n * vectors(cpu, kernel->reduce.width);
    else
        n *= kernel->reduce.step == 4 ? vectors(cpu, kernel->reduce.n) : (double)kernel->reduce.n;
    return n * (instructions(cpu, 1) + accesses(cpu, 1)) + LANE_SUM +
           vectors(cpu, kernel->reduce.width) * expr_cycles(kernel, cpu);
}

/* The element and its place are each compared or chosen, and carried on. */
static double arg_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    bool along = kernel->arg.width == 1 && kernel->arg.step == dtype_size(kernel->arg.element);
    double n = along ? vectors(cpu, kernel->arg.n) : (double)kernel->arg.n * vectors(cpu, kernel->arg.width);
    return n * (instructions(cpu, 4) + accesses(cpu, 1)) + LANE_SUM;
}

static bool is_strided(const Kernel *kernel)
{
    bool strided = kernel->map.out.step != dtype_size(kernel->map.out.dtype);
    for (int i = 0; i < kernel->expr.n_operands; i++)
        strided |= kernel->operands[i].step != 0 && kernel->operands[i].step != dtype_size(kernel->operands[i].dtype);
    return strided;
}

static double map_cycles(const Kernel *kernel, const CpuProfile *cpu)
{
    double rows = (double)kernel->map.rows, n = (double)kernel->map.n;
    if (is_strided(kernel))
        return rows * n * (1 + accesses(cpu, 1));
    return rows * vectors(cpu, kernel->map.n) * (accesses(cpu, 1) + expr_cycles(kernel, cpu));
}

/* A vector is loaded, goes through two to four shuffles, and is stored. */
static double transpose_cycles(const Kernel *k, const CpuProfile *cpu)
{
    return (double)k->transpose.rows * vectors(cpu, k->transpose.n) * (accesses(cpu, 2) + 4);
}

static double exp_rows_cycles(int64_t rows, int64_t n, const CpuProfile *cpu)
{
    return (double)rows * (vectors(cpu, n) * (instructions(cpu, 20) + accesses(cpu, 4)) + 2 * LANE_SUM);
}

static double softmax_cycles(const Kernel *k, const CpuProfile *cpu)
{
    return exp_rows_cycles(k->softmax.rows, k->softmax.n, cpu);
}

static double cross_entropy_cycles(const Kernel *k, const CpuProfile *cpu)
{
    return exp_rows_cycles(k->cross_entropy.rows, k->cross_entropy.n, cpu);
}

static double gather_cycles(const Kernel *k, const CpuProfile *cpu)
{
    return (double)k->gather.rows * (2 * accesses(cpu, vectors(cpu, k->gather.row_bytes / 4)) + 2);
}

/* Each neighbour of a vector is loaded and multiplied; its weight waits in a register where there are few. */
static double blend_cycles(const Kernel *k, const CpuProfile *cpu)
{
    double taps = (double)k->blend.taps, vector = larger(instructions(cpu, taps), accesses(cpu, taps));
    return (double)k->blend.rows * (vectors(cpu, k->blend.n) * (vector + accesses(cpu, 1) + expr_cycles(k, cpu)) + taps + 4);
}

static double scatter_cycles(const Kernel *k, const CpuProfile *cpu)
{
    return (double)k->scatter.rows * (3 * accesses(cpu, vectors(cpu, k->scatter.n)) + 4);
}

/* Each element is made a key and compared; few sink. */
static double topk_cycles(const Kernel *k, const CpuProfile *cpu)
{
    double depth = log2((double)k->topk.k + 1);
    return (double)k->topk.n * instructions(cpu, 10) + 2 * (double)k->topk.k * depth * instructions(cpu, 20);
}

static double own_cycles(const Kernel *k, const CpuProfile *cpu)
{
    switch (k->kind) {
#define KERNEL(KIND, name, params, rows, n) \
    case KERNEL_##KIND: return name##_cycles(k, cpu);
#include "compiler/schedule/kernels.def"
    }
    unreachable();
}

#include <math.h>

double kernel_cycles(const Kernel *kernel, const CpuProfile *cpu) { return CALL_CYCLES + own_cycles(kernel, cpu); }

/* ── Phases ──────────────────────────────────────────────────────────────────────────────────────────── */

static double stmt_cycles(const Stmt *stmt, const CpuProfile *cpu)
{
    if (stmt->kind == STMT_CALL)
        return kernel_cycles(stmt->kernel, cpu);
    double cycles = 0;
    for (int64_t i = 0; i < stmt->body.len; i++)
        cycles += stmt_cycles(stmt->body.at[i], cpu);
    return cycles * (double)stmt->extent;
}

/* Chunks are split evenly, so the slowest thread has this part of the work. */
static double largest_share(const Phase *phase, int64_t threads)
{
    int64_t chunks = phase_chunks(phase);
    return chunks > 0 ? (double)((chunks + threads - 1) / threads) / (double)chunks : 1;
}

double phase_cycles(const Phase *phase, const CpuProfile *cpu, int64_t threads)
{
    double cycles = 0;
    for (int64_t i = 0; i < phase->sections.len; i++)
        cycles += stmt_cycles(phase->sections.at[i], cpu);
    return cycles * largest_share(phase, threads);
}

/* ── Products, before there are kernels ──────────────────────────────────────────────────────────────── */

double panel_step_cycles(const CpuProfile *cpu, Product product, int64_t m, int64_t rows, int64_t nr)
{
    Tiling tiles = tile_product(product, m, rows);
    double cycles = 0;
    for (int i = 0; i < 2; i++)
        cycles += (double)tiles.parts[i].count * tile_step_cycles(cpu, product, tiles.parts[i].size, vectors(cpu, nr));
    return cycles;
}
