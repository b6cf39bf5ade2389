/* GEMM: one tile of C = A·B as outer products, all of it in registers.
 *
 * The tile has m rows of nv vectors. For each k, nv vectors of B are loaded from a packed panel, and each element of
 * A's column k is broadcast and multiplied into its row. Registers: m*nv sums, nv of B, 1 of A. With 14×32 that
 * is 28 multiply-adds for 16 loads: bound by arithmetic, as long as B is in the cache, which the prefetches see to.
 *
 *     for k: b = B[k]; for i: a = A[i,k]; C[i] += a*b          (K. Goto, Anatomy of High-Performance MatMul)
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
    IrValue sums[MAX_CARRIED];   /* m × nv, then the three addresses that walk along k */
} Tile;

enum { AT_A, AT_B, AT_PREFETCH, N_WALKERS };

static IrValue *sum_at(Tile *t, int64_t i, int64_t j) { return &t->sums[i * t->nv + j]; }
static IrValue *walker(Tile *t, int which) { return &t->sums[t->m * t->nv + which]; }

/* Lanes of vector j that are columns of C. */
static int64_t active_lanes(const Tile *t, int64_t j)
{
    int64_t left = t->kernel->gemm.n - j * t->lanes;
    return left < 0 ? 0 : left > t->lanes ? t->lanes : left;
}

static IrValue c_address(Emit *e, const Tile *t, int64_t i, int64_t j)
{
    return emit_offset(e, emit_arg(e, GEMM_C), i * t->kernel->gemm.c_row + j * t->lanes * F32);
}

static void init_sums(Emit *e, Tile *t)
{
    for (int64_t j = 0; j < t->nv; j++) {
        IrValue start = emit_splat_const(e, 0);
        if (t->kernel->gemm.init == GEMM_INIT_BIAS)
            start = emit_load(e, emit_offset(e, emit_arg(e, GEMM_BIAS), j * t->lanes * F32));
        for (int64_t i = 0; i < t->m; i++) {
            bool add = t->kernel->gemm.init == GEMM_INIT_C && active_lanes(t, j);
            *sum_at(t, i, j) = add ? emit_load_lanes(e, e->f32, c_address(e, t, i, j), active_lanes(t, j)) : start;
        }
    }
    *walker(t, AT_A) = emit_arg(e, GEMM_A);
    *walker(t, AT_B) = emit_arg(e, GEMM_B);
    *walker(t, AT_PREFETCH) = emit_arg(e, GEMM_PREFETCH);
}

/* The lines that start within the bytes of panel row u. */
static void prefetch_step(Emit *e, Tile *t, int64_t u)
{
    int64_t line = e->cpu->line_bytes, row = t->kernel->gemm.nr * F32, first = (u * row + line - 1) / line * line;
    for (int64_t at = first; at < (u + 1) * row; at += line)
        emit_prefetch_l2(e, emit_offset(e, *walker(t, AT_PREFETCH), at));
}

static void k_step(Emit *e, Tile *t, int64_t u)
{
    const Kernel *kernel = t->kernel;
    const int64_t nv = t->nv;
    IrValue b[MAX_CARRIED];
    for (int64_t j = 0; j < nv; j++)
        b[j] = emit_load(e, emit_offset(e, *walker(t, AT_B), (u * kernel->gemm.nr + j * t->lanes) * F32));
    for (int64_t i = 0; i < t->m; i++) {
        IrValue at = emit_offset(e, *walker(t, AT_A), i * kernel->gemm.a_row + u * kernel->gemm.a_k);
        IrValue a = emit_splat(e, emit_load_scalar(e, e->f32, at));
        for (int64_t j = 0; j < nv; j++)
            *sum_at(t, i, j) = t->dot->emit(e, a, b[j], *sum_at(t, i, j));
        if (kernel->gemm.product.b == DT_FLOAT &&
            !cpu_has_fma(e->cpu)) /* products take registers until they are added: LLVM must not begin the next row */
            emit_hold(e, sum_at(t, i, 0), (int)nv);
    }
    if (kernel->gemm.prefetch)
        prefetch_step(e, t, u);
}

static void advance(Emit *e, Tile *t)
{
    int64_t panel = UNROLL * t->kernel->gemm.nr * F32;
    *walker(t, AT_A) = emit_offset(e, *walker(t, AT_A), UNROLL * t->kernel->gemm.a_k);
    *walker(t, AT_B) = emit_offset(e, *walker(t, AT_B), panel);
    if (t->kernel->gemm.prefetch)
        *walker(t, AT_PREFETCH) = emit_offset(e, *walker(t, AT_PREFETCH), panel);
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
        IrValue values[MAX_OPERANDS] = {0};
        load_shared(e, t, j, values);
        for (int64_t i = 0; i < t->m; i++) {
            values[0] = *sum_at(t, i, j);
            load_own(e, t, emit_i64(e, i), j, values);
            expr_finish(e, t->kernel, values, c_address(e, t, i, j), active_lanes(t, j));
        }
    }
}

void kernel_gemm(Emit *e, const Kernel *kernel)
{
    Tile t = {.kernel = kernel, .m = kernel->gemm.m, .nv = kernel->gemm.nr / e->lanes, .lanes = e->lanes};
    t.dot = isa_dot(e->cpu, kernel->gemm.product.b);
    assert(kernel->gemm.nr % e->lanes == 0 && t.m * t.nv + N_WALKERS <= MAX_CARRIED);
    init_sums(e, &t);
    if (t.dot->flushes)
        bf16_begin(e, t.sums, (int)(t.m * t.nv));
    multiply(e, &t);
    if (t.dot->flushes)
        bf16_end(e, t.sums, (int)(t.m * t.nv));
    store_sums(e, &t);
}
