/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Blend: rows that are weighted sums of neighbouring rows, as Resize makes them.
 *
 *     out[r] = expr(weights[r][0] * in[first[r]] + weights[r][1] * in[first[r] + 1] + …)                       */
#include "compiler/codegen/emit.h"

enum { F32 = 4, FEW_TAPS = 4 }; /* so many weights stay in registers */

typedef struct Blend {
    const Kernel *kernel;
    IrValue row, in, out, weights; /* which row; addresses of its first neighbour, of itself, of its weights */
    IrValue splats[FEW_TAPS];
} Blend;

static IrValue weight_at(Emit *e, const Blend *b, IrValue tap)
{
    return emit_splat(e, emit_load_scalar(e, e->f32, emit_index(e, b->weights, tap, F32)));
}

/* One vector of the neighbours' rows, from `in` on. */
static IrValue sum_few(Emit *e, const Blend *b, IrValue in, int64_t active)
{
    IrValue sum = NULL;
    for (int64_t t = 0; t < b->kernel->blend.taps; t++) {
        IrValue x = emit_load_lanes(e, e->f32, emit_offset(e, in, t * b->kernel->blend.in_row), active);
        sum = sum ? emit_fma(e, x, b->splats[t], sum) : LLVMBuildFMul(e->ir, x, b->splats[t], "");
    }
    return sum;
}

static IrValue sum_many(Emit *e, const Blend *b, IrValue in, int64_t active)
{
    IrValue sum = emit_splat_const(e, 0);
    Loop taps = emit_loop_begin(e, b->kernel->blend.taps, &sum, 1);
    IrValue x = emit_load_lanes(e, e->f32, emit_index(e, in, taps.index, b->kernel->blend.in_row), active);
    sum = emit_fma(e, x, weight_at(e, b, taps.index), sum);
    emit_loop_end(e, &taps, &sum);
    return sum;
}

static void blend_vector(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const Blend *b = context;
    const Kernel *k = b->kernel;
    IrValue in = emit_index(e, b->in, first, F32);
    IrValue values[MAX_OPERANDS] = {(k->blend.taps <= FEW_TAPS ? sum_few : sum_many)(e, b, in, active)};
    for (int q = 1; q < k->expr.n_operands; q++) {
        IrValue row = emit_index(e, emit_arg(e, N_BLEND_ARGS + q - 1), b->row, k->operands[q].row);
        values[q] = expr_load(e, &k->operands[q], emit_index(e, row, first, k->operands[q].step), active);
    }
    expr_finish(e, k, values, emit_index(e, b->out, first, dtype_size(expr_result_type(k))), active);
}

void kernel_blend(Emit *e, const Kernel *kernel)
{
    Blend b = {.kernel = kernel};
    Loop rows = emit_loop_begin(e, kernel->blend.rows, NULL, 0);
    b.row = rows.index;
    IrValue first = emit_load_scalar(e, e->i32, emit_index(e, emit_arg(e, BLEND_FIRST), rows.index, 4));
    b.in = emit_index(e, emit_arg(e, BLEND_IN), LLVMBuildSExt(e->ir, first, e->i64, ""), kernel->blend.in_row);
    b.out = emit_index(e, emit_arg(e, BLEND_OUT), rows.index, kernel->blend.out_row);
    b.weights = emit_index(e, emit_arg(e, BLEND_WEIGHTS), rows.index, kernel->blend.taps * F32);
    for (int64_t t = 0; t < kernel->blend.taps && kernel->blend.taps <= FEW_TAPS; t++)
        b.splats[t] = weight_at(e, &b, emit_i64(e, t));
    emit_for_vectors(e, kernel->blend.n, blend_vector, &b, NULL, 0);
    emit_loop_end(e, &rows, NULL);
}
