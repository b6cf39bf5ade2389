/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* GEMM on a matrix unit (AMX: isa_amx.c): up to 2 x 2 tiles of sums, in eight tile registers.
 *
 *     tmm0-3 = 0
 *     for each 16 pairs of K:  tmm4,5 = A;  tmm6,7 = B;  tmm0-3 += A·B
 *     sums = tmm0-3;  for each row:  C = expr(init + sums)
 *
 * A phase configures the unit before its first chunk and releases it after its last (program.c): between phases runs
 * code that is not ours, and by the ABI may use tiles itself; and a thread that sleeps there has 8 KiB less to be saved. */
#include "compiler/codegen/isa.h"

#include <assert.h>

enum { F32 = 4 };
enum { SUM_TILES = 0, A_TILES = 4, B_TILES = 6 };
enum { AT_A, AT_B, AT_PREFETCH, N_WALKERS };

typedef struct Tiles {
    const Kernel *kernel;
    int64_t rows, columns;       /* tiles */
    int64_t a_bytes, b_bytes;    /* from one tile of K to the next */
} Tiles;

static int64_t sum_tile(int64_t i, int64_t j) { return SUM_TILES + 2 * i + j; }

static void clear_sums(Emit *e, const Tiles *t)
{
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++)
            e->isa->tiles->clear(e, sum_tile(i, j));
}

/* One tile of K. */
static void k_step(Emit *e, const Tiles *t, const IrValue *walkers)
{
    const Kernel *k = t->kernel;
    const IsaTiles *tiles = e->isa->tiles;
    for (int64_t i = 0; i < t->rows; i++)
        tiles->load(e, A_TILES + i, emit_offset(e, walkers[AT_A], i * k->gemm.product.unit * k->gemm.a_row), k->gemm.a_row,
                    false);
    for (int64_t j = 0; j < t->columns; j++) {
        IrValue at = emit_offset(e, walkers[AT_B], j * k->gemm.product.unit * F32);
        tiles->load(e, B_TILES + j, at, k->gemm.nr * F32, k->gemm.stream);
        for (int64_t i = 0; i < t->rows; i++)
            tiles->multiply(e, k->gemm.product.b, sum_tile(i, j), A_TILES + i, B_TILES + j);
    }
    for (int64_t at = 0; k->gemm.prefetch && at < t->b_bytes; at += e->cpu->line_bytes)
        emit_prefetch_l2(e, emit_offset(e, walkers[AT_PREFETCH], at));
}

static void multiply(Emit *e, const Tiles *t)
{
    IrValue walkers[N_WALKERS] = {emit_arg(e, TILES_A), emit_arg(e, TILES_B), emit_arg(e, TILES_PREFETCH)};
    Loop loop = emit_loop_begin(e, t->kernel->gemm.k / t->kernel->gemm.product.unit, walkers, N_WALKERS);
    k_step(e, t, walkers);
    walkers[AT_A] = emit_offset(e, walkers[AT_A], t->a_bytes);
    walkers[AT_B] = emit_offset(e, walkers[AT_B], t->b_bytes);
    walkers[AT_PREFETCH] = emit_offset(e, walkers[AT_PREFETCH], t->kernel->gemm.prefetch ? t->b_bytes : 0);
    emit_loop_end(e, &loop, walkers);
}

static void store_sums(Emit *e, const Tiles *t)
{
    int64_t row = t->kernel->gemm.nr * F32, unit = t->kernel->gemm.product.unit;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++)
            e->isa->tiles->store(e, sum_tile(i, j), emit_offset(e, emit_arg(e, TILES_SUMS), unit * (i * row + j * F32)), row);
}

/* ── From the sums to C ──────────────────────────────────────────────────────────────────────────────── */

/* Vector j of a row, of which `active` lanes are columns of C. */
typedef struct Column {
    int64_t j, active;
    IrValue bias, shared[MAX_OPERANDS]; /* the same in every row */
} Column;

static IrType sums_type(const Emit *e, const Kernel *kernel)
{
    return emit_vector_of(e, emit_memory_type(e, kernel->gemm.product.sum));
}

static int64_t result_bytes(const Kernel *kernel) { return kernel->expr.n_steps ? dtype_size(expr_result_type(kernel)) : F32; }

static IrValue operand_address(Emit *e, const Kernel *kernel, int q, int64_t j)
{
    return emit_offset(e, emit_arg(e, N_TILES_ARGS + q - 1), j * e->lanes * kernel->operands[q].step);
}

static Column column_at(Emit *e, const Kernel *kernel, int64_t j)
{
    int64_t left = kernel->gemm.n - j * e->lanes;
    Column column = {.j = j, .active = left < e->lanes ? left : e->lanes};
    if (kernel->gemm.init == GEMM_INIT_BIAS)
        column.bias = emit_load_scalar(e, sums_type(e, kernel), emit_offset(e, emit_arg(e, TILES_BIAS), j * e->lanes * F32));
    for (int q = 1; q < kernel->expr.n_operands; q++)
        if (!kernel->operands[q].row)
            column.shared[q] = expr_load(e, &kernel->operands[q], operand_address(e, kernel, q, j), column.active);
    return column;
}

static void finish_vector(Emit *e, const Kernel *kernel, const Column *column, IrValue row)
{
    IrValue values[MAX_OPERANDS], at = emit_offset(e, emit_arg(e, TILES_SUMS), column->j * e->lanes * F32);
    IrValue c = emit_offset(e, emit_arg(e, TILES_C), column->j * e->lanes * result_bytes(kernel));
    c = emit_index(e, c, row, kernel->gemm.c_row);
    IrValue sum = emit_load_scalar(e, sums_type(e, kernel), emit_index(e, at, row, kernel->gemm.nr * F32)), init = column->bias;
    if (kernel->gemm.init == GEMM_INIT_C)
        init = emit_load_lanes(e, emit_memory_type(e, kernel->gemm.product.sum), c, column->active);
    values[0] = !init                                  ? sum
                : kernel->gemm.product.sum == DT_FLOAT ? LLVMBuildFAdd(e->ir, init, sum, "")
                                                       : LLVMBuildAdd(e->ir, init, sum, "");
    if (!kernel->expr.n_steps) {
        emit_store_lanes(e, values[0], c, column->active);
        return;
    }
    for (int q = 1; q < kernel->expr.n_operands; q++)
        values[q] =
            kernel->operands[q].row
                ? expr_load(e, &kernel->operands[q],
                            emit_index(e, operand_address(e, kernel, q, column->j), row, kernel->operands[q].row), column->active)
                : column->shared[q];
    expr_finish(e, kernel, values, c, column->active);
}

static void finish_rows(Emit *e, const Kernel *kernel)
{
    int64_t n = (kernel->gemm.n + e->lanes - 1) / e->lanes;
    Column columns[2];
    for (int64_t j = 0; j < n; j++)
        columns[j] = column_at(e, kernel, j);
    Loop rows = emit_loop_begin(e, kernel->gemm.m, NULL, 0);
    for (int64_t j = 0; j < n; j++)
        finish_vector(e, kernel, &columns[j], rows.index);
    emit_loop_end(e, &rows, NULL);
}

void kernel_tiles(Emit *e, const Kernel *kernel)
{
    int64_t unit = kernel->gemm.product.unit, rows = (kernel->gemm.m + unit - 1) / unit, columns = kernel->gemm.nr / unit;
    Tiles t = {.kernel = kernel,
               .rows = rows,
               .columns = columns,
               .a_bytes = unit * kernel->gemm.a_k,
               .b_bytes = unit * kernel->gemm.nr * F32};
    assert(unit == e->lanes && rows <= 2 && columns <= 2 && kernel->gemm.k % unit == 0 && kernel->gemm.a_k == F32);
    assert(kernel->gemm.init != GEMM_INIT_C || result_bytes(kernel) == F32);
    clear_sums(e, &t);
    multiply(e, &t);
    store_sums(e, &t);
    finish_rows(e, kernel);
}
