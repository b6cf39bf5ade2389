/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* GEMM: one tile of C = A·B as outer products, all of it in registers.
 *
 * The tile has m rows of nv vectors. For each k, nv vectors of B are loaded from a packed panel, and each element of
 * A's column k is broadcast and multiplied into its row. Registers: m*nv sums, nv of B, 1 of A. With 14×32 that
 * is 28 multiply-adds for 16 loads: bound by arithmetic, as long as B is in the cache, which the prefetches see to.
 *
 *     for k: b = B[k]; for i: a = A[i,k]; C[i] += a*b          (K. Goto, Anatomy of High-Performance MatMul)
 *
 * An instruction that takes rows in pairs (bfmmla) has sums of two rows in a vector: of columns 0 and 1, or of 2 and 3, beside
 * the same of the next row. Sums change places before the first step, and back after the last; a row without another meets
 * itself.
 *
 *     rows i, i+1:   c0 c1 c2 c3,  d0 d1 d2 d3   ←→   c0 c1 d0 d1,  c2 c3 d2 d3
 *
 * Where half vectors cost half, the last one of a row may be half a vector, beside the lower half of A's element.
 *
 * The K loop is unrolled by 4 and stays rolled otherwise. The expression is applied to the sums in registers; one
 * that needs many registers itself (Gelu) the schedule applies to a finished strip instead. */
#include "compiler/codegen/isa.h"

#include <assert.h>

enum { UNROLL = 4, F32 = 4 };

typedef struct Tile {
    const Kernel *kernel;
    const IsaDot *dot;           /* the inner step */
    int64_t m, nv, lanes;
    int64_t rows;                /* in a step: 1, or 2 with m rounded up */
    IrValue sums[MAX_CARRIED];   /* m × nv, then the three addresses that walk along k */
} Tile;

enum { AT_A, AT_B, AT_PREFETCH, N_WALKERS };

static IrValue *sum_at(Tile *t, int64_t i, int64_t j) { return &t->sums[i * t->nv + j]; }
static IrValue *walker(Tile *t, int which) { return &t->sums[t->m * t->nv + which]; }

/* Of n columns, those in vector j. */
static int64_t lanes_of(const Tile *t, int64_t n, int64_t j)
{
    int64_t left = n - j * t->lanes;
    return left < 0 ? 0 : left > t->lanes ? t->lanes : left;
}

/* Lanes of vector j that are columns of C. */
static int64_t active_lanes(const Tile *t, int64_t j) { return lanes_of(t, t->kernel->gemm.n, j); }

/* What follows is of vector j, of which the panel may have but a half. */
static void enter_vector(Emit *e, const Tile *t, int64_t j) { emit_set_lanes(e, lanes_of(t, t->kernel->gemm.nr, j)); }

static IrValue c_address(Emit *e, const Tile *t, int64_t i, int64_t j)
{
    return emit_offset(e, emit_arg(e, GEMM_C), i * t->kernel->gemm.c_row + j * t->lanes * F32);
}

static void init_sums(Emit *e, Tile *t)
{
    for (int64_t j = 0; j < t->nv; j++) {
        enter_vector(e, t, j);
        IrType element = emit_memory_type(e, t->kernel->gemm.product.sum), type = emit_vector_of(e, element);
        IrValue start = LLVMConstNull(type);
        if (t->kernel->gemm.init == GEMM_INIT_BIAS)
            start = emit_load_scalar(e, type, emit_offset(e, emit_arg(e, GEMM_BIAS), j * t->lanes * F32));
        for (int64_t i = 0; i < t->m; i++) {
            bool add = t->kernel->gemm.init == GEMM_INIT_C && active_lanes(t, j) && i < t->kernel->gemm.m;
            *sum_at(t, i, j) = add ? emit_load_lanes(e, element, c_address(e, t, i, j), active_lanes(t, j)) : start;
        }
    }
    *walker(t, AT_A) = emit_arg(e, GEMM_A);
    *walker(t, AT_B) = emit_arg(e, GEMM_B);
    *walker(t, AT_PREFETCH) = emit_arg(e, GEMM_PREFETCH);
}

/* Bytes of a step's groups in a panel. */
static int64_t panel_row(const Tile *t) { return t->kernel->gemm.nr * product_group_bytes(t->kernel->gemm.product); }

/* The bytes fetched beside one panel row. */
static int64_t prefetch_row(const Tile *t) { return panel_row(t) / t->kernel->gemm.prefetch; }

/* The lines that start within the bytes beside panel row u. */
static void prefetch_step(Emit *e, Tile *t, int64_t u)
{
    int64_t line = e->cpu->line_bytes, row = prefetch_row(t), first = (u * row + line - 1) / line * line;
    for (int64_t at = first; at < (u + 1) * row; at += line)
        emit_prefetch_l2(e, emit_offset(e, *walker(t, AT_PREFETCH), at));
}

static IrValue load_group(Emit *e, Tile *t, IrType type, int64_t i, int64_t u)
{
    int64_t row = i < t->kernel->gemm.m ? i : i - 1;
    return emit_load_scalar(e, type, emit_offset(e, *walker(t, AT_A), row * t->kernel->gemm.a_row + u * t->kernel->gemm.a_k));
}

/* In all lanes, and in a register's first beforehand: else LLVM loads it into all, which takes an arithmetic unit's time. */
static IrValue splat_of_lane(Emit *e, IrValue group)
{
    IrValue lane = LLVMBuildInsertElement(e->ir, LLVMGetPoison(e->vi), group, emit_i64(e, 0), "");
    emit_hold(e, &lane, 1);
    IrValue all = LLVMBuildShuffleVector(e->ir, lane, LLVMGetPoison(e->vi), LLVMConstNull(e->vi), "");
    return LLVMBuildBitCast(e->ir, all, e->vf, "");
}

/* Row i's group in each lane, or side by side those of rows i and i + 1. */
static IrValue load_rows(Emit *e, Tile *t, int64_t i, int64_t u)
{
    if (t->dot->by_lane)
        return splat_of_lane(e, load_group(e, t, e->i32, i, u));
    if (t->rows == 1)
        return emit_splat(e, load_group(e, t, e->f32, i, u));
    IrValue pair = LLVMGetPoison(LLVMVectorType(e->i64, 2));
    for (int64_t r = 0; r < 2; r++)
        pair = LLVMBuildInsertElement(e->ir, pair, load_group(e, t, e->i64, i + r, u), emit_i64(e, r), "");
    return LLVMBuildBitCast(e->ir, pair, e->vf, "");
}

/* A's element, which meets whole vectors and the half one: held before and after, LLVM neither makes its lower half a second time
 * nor puts a sum in its place, for which the others would have to move. */
static void hold_beside_half(Emit *e, const Tile *t, IrValue *a)
{
    if (t->nv > 1 && t->kernel->gemm.nr % t->lanes)
        emit_hold(e, a, 1);
}

static void k_step(Emit *e, Tile *t, int64_t u)
{
    const Kernel *kernel = t->kernel;
    const int64_t nv = t->nv;
    IrValue b[MAX_CARRIED] = {NULL};
    for (int64_t j = 0; j < nv * t->rows; j++) {
        enter_vector(e, t, j / t->rows);
        b[j] = emit_load(e, emit_offset(e, *walker(t, AT_B), u * panel_row(t) + j * t->lanes * F32));
    }
    for (int64_t i = 0; i < t->m; i += t->rows) {
        enter_vector(e, t, 0);
        IrValue a = load_rows(e, t, i, u);
        hold_beside_half(e, t, &a);
        for (int64_t j = 0; j < nv * t->rows; j++) {
            IrValue *sum = sum_at(t, i + j % t->rows, j / t->rows);
            enter_vector(e, t, j / t->rows);
            *sum = t->dot->emit(e, emit_low(e, a), b[j], *sum);
        }
        hold_beside_half(e, t, &a);
        if (kernel->gemm.product.b == DT_FLOAT &&
            !cpu_has_fma(e->cpu)) /* products take registers until they are added: LLVM must not begin the next row */
            emit_hold(e, sum_at(t, i, 0), (int)nv);
    }
    if (t->rows == 2) /* sums leave no registers for loads of the next step's */
        emit_hold(e, sum_at(t, 0, 0), 1);
    if (kernel->gemm.prefetch)
        prefetch_step(e, t, u);
}

static void advance(Emit *e, Tile *t)
{
    int64_t panel = UNROLL * panel_row(t);
    *walker(t, AT_A) = emit_offset(e, *walker(t, AT_A), UNROLL * t->kernel->gemm.a_k);
    *walker(t, AT_B) = emit_offset(e, *walker(t, AT_B), panel);
    if (t->kernel->gemm.prefetch)
        *walker(t, AT_PREFETCH) = emit_offset(e, *walker(t, AT_PREFETCH), UNROLL * prefetch_row(t));
}

/* Lanes 0 and 1, or 2 and 3, of both. */
static IrValue halves_of(Emit *e, IrValue one, IrValue two, int64_t first)
{
    IrValue lanes[4];
    for (int64_t i = 0; i < 4; i++)
        lanes[i] = LLVMConstInt(e->i32, (unsigned long long)(first + i % 2 + i / 2 * 4), 0);
    return LLVMBuildShuffleVector(e->ir, one, two, LLVMConstVector(lanes, 4), "");
}

/* To pairs of rows, and from them. */
static void exchange_rows(Emit *e, Tile *t)
{
    for (int64_t i = 0; i < t->m && t->rows == 2; i += 2)
        for (int64_t j = 0; j < t->nv; j++) {
            IrValue one = *sum_at(t, i, j), two = *sum_at(t, i + 1, j);
            *sum_at(t, i, j) = halves_of(e, one, two, 0);
            *sum_at(t, i + 1, j) = halves_of(e, one, two, 2);
        }
}

static void multiply(Emit *e, Tile *t)
{
    int64_t k = t->kernel->gemm.k;
    if (k >= UNROLL) {
        Loop loop = emit_loop_begin(e, k / UNROLL, t->sums, (int)(t->m * t->nv) + N_WALKERS);
        for (int64_t u = 0; u < UNROLL; u++)
            k_step(e, t, u);
        advance(e, t);
        emit_loop_end(e, &loop, t->sums);
    }
    for (int64_t u = 0; u < k % UNROLL; u++)
        k_step(e, t, u);
}

/* Operand q's address at row i (NULL: row 0) and vector j. */
static IrValue operand_address(Emit *e, const Tile *t, int q, IrValue i, int64_t j)
{
    const Operand *operand = &t->kernel->operands[q];
    IrValue base = emit_offset(e, emit_arg(e, N_GEMM_ARGS + q - 1), j * t->lanes * operand->step);
    return i ? emit_index(e, base, i, operand->row) : base;
}

/* Operands that are the same in every row, loaded once for vector j. */
static void load_shared(Emit *e, const Tile *t, int64_t j, IrValue *values)
{
    for (int q = 1; q < t->kernel->expr.n_operands; q++)
        if (!t->kernel->operands[q].row)
            values[q] = expr_load(e, &t->kernel->operands[q], operand_address(e, t, q, NULL, j), active_lanes(t, j));
}

static void load_own(Emit *e, const Tile *t, IrValue i, int64_t j, IrValue *values)
{
    for (int q = 1; q < t->kernel->expr.n_operands; q++)
        if (t->kernel->operands[q].row)
            values[q] = expr_load(e, &t->kernel->operands[q], operand_address(e, t, q, i, j), active_lanes(t, j));
}

static void store_sums(Emit *e, Tile *t)
{
    for (int64_t j = 0; j < t->nv && active_lanes(t, j); j++) {
        enter_vector(e, t, j);
        IrValue values[MAX_OPERANDS] = {0};
        load_shared(e, t, j, values);
        for (int64_t i = 0; i < t->kernel->gemm.m; i++) {
            values[0] = *sum_at(t, i, j);
            load_own(e, t, emit_i64(e, i), j, values);
            expr_finish(e, t->kernel, values, c_address(e, t, i, j), active_lanes(t, j));
        }
    }
}

void kernel_gemm(Emit *e, const Kernel *kernel)
{
    Tile t = {.kernel = kernel, .nv = (kernel->gemm.nr + e->lanes - 1) / e->lanes, .lanes = e->lanes};
    t.dot = isa_dot(e->cpu, kernel->gemm.product);
    t.rows = product_rows(kernel->gemm.product);
    t.m = (kernel->gemm.m + t.rows - 1) / t.rows * t.rows;
    assert(cpu_columns(e->cpu, kernel->gemm.nr) == kernel->gemm.nr && t.m * t.nv + N_WALKERS <= MAX_CARRIED);
    init_sums(e, &t);
    exchange_rows(e, &t);
    if (t.dot->flushes)
        bf16_begin(e, t.sums, (int)(t.m * t.nv));
    multiply(e, &t);
    if (t.dot->flushes)
        bf16_end(e, t.sums, (int)(t.m * t.nv));
    exchange_rows(e, &t);
    store_sums(e, &t);
}
