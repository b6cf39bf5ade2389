/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reductions: sums, means, norms, extremes.
 *
 * Along contiguous elements, four vectors collect and are combined at the end. Across pixels of a channels-last
 * map, each vector of channels is its own sum; long sums are cut into blocks, which keeps rounding errors near those
 * of a pairwise sum (Higham, Accuracy and Stability, §4.2).
 *
 *     out[j] = expr(reduce over i1 < n1, i < n of in[i1*step1 + i*step + j])                                    */
#include "compiler/codegen/emit.h"

#include <math.h>

enum { F32 = 4, BLOCK = 32, MAX_GROUP = 4 };

static double neutral(const Kernel *k)
{
    switch (k->reduce.op) {
    case REDUCE_MAX: return -INFINITY;
    case REDUCE_MIN: return INFINITY;
    case REDUCE_PROD: return 1;
    default: return 0;
    }
}

static EmitCombine *combiner(const Kernel *k)
{
    switch (k->reduce.op) {
    case REDUCE_MAX: return emit_maximum;
    case REDUCE_MIN: return emit_minimum;
    case REDUCE_PROD: return emit_combine_mul;
    default: return emit_combine_add;
    }
}

static IrValue collect(Emit *e, const Kernel *k, IrValue sum, IrValue x)
{
    if (k->reduce.op == REDUCE_L2 || k->reduce.op == REDUCE_SUM_SQUARE)
        return emit_fma(e, x, x, sum);
    return combiner(k)(e, sum, k->reduce.op == REDUCE_L1 ? emit_unary(e, "llvm.fabs", x) : x);
}

/* What follows once everything is collected: mean, root, the expression. */
static void finish(Emit *e, const Kernel *k, IrValue sum, IrValue first, int64_t active)
{
    IrValue out = emit_index(e, emit_arg(e, REDUCE_OUT), first, dtype_size(expr_result_type(k)));
    IrValue values[MAX_OPERANDS] = {sum};
    if (k->reduce.op == REDUCE_MEAN)
        values[0] = LLVMBuildFDiv(e->ir, sum, emit_splat_const(e, (double)k->reduce.n * (double)k->reduce.n1), "");
    if (k->reduce.op == REDUCE_L2)
        values[0] = emit_unary(e, "llvm.sqrt", sum);
    for (int q = 1; q < k->expr.n_operands; q++) {
        IrValue at = emit_index(e, emit_arg(e, N_REDUCE_ARGS + q - 1), first, k->operands[q].step);
        values[q] = expr_load(e, &k->operands[q], at, active);
    }
    expr_finish(e, k, values, out, active);
}

/* ── Along contiguous elements ───────────────────────────────────────────────────────────────────────── */

typedef struct Line {
    const Kernel *kernel;
    IrValue in;
} Line;

static void collect_vector(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *sums)
{
    const Line *line = context;
    IrValue x = emit_load_lanes(e, e->f32, emit_index(e, line->in, first, F32), active);
    sums[slot] = collect(e, line->kernel, sums[slot], emit_keep_lanes(e, x, active, neutral(line->kernel)));
}

static void reduce_contiguous(Emit *e, const Kernel *k)
{
    Line line = {.kernel = k};
    IrValue total = emit_const_of(e->f32, neutral(k));
    Loop outer = emit_loop_begin(e, k->reduce.n1, &total, 1);
    line.in = emit_index(e, emit_arg(e, REDUCE_IN), outer.index, k->reduce.step1);
    IrValue part = emit_collect(e, k->reduce.n, collect_vector, &line, neutral(k), combiner(k));
    total = combiner(k)(e, total, part);
    emit_loop_end(e, &outer, &total);
    finish(e, k, emit_splat(e, total), emit_i64(e, 0), 1);
}

/* ── Across: `group` vectors of neighbouring elements at once ────────────────────────────────────────── */

typedef struct Group {
    const Kernel *kernel;
    int n;                       /* vectors */
    int64_t active;              /* lanes of the last one; the others are full */
    IrValue totals[MAX_GROUP];
} Group;

static int64_t group_active(const Emit *e, const Group *g, int i) { return i == g->n - 1 ? g->active : e->lanes; }

static IrValue load_member(Emit *e, const Group *g, IrValue row, int i)
{
    return emit_load_lanes(e, e->f32, emit_offset(e, row, i * e->lanes * F32), group_active(e, g, i));
}

/* Adds `count` steps from `in` to the totals, by way of a sum of their own. */
static void collect_block(Emit *e, Group *g, IrValue in, int64_t count)
{
    const Kernel *k = g->kernel;
    IrValue parts[MAX_GROUP];
    for (int i = 0; i < g->n; i++)
        parts[i] = emit_splat_const(e, neutral(k));
    Loop loop = emit_loop_begin(e, count, parts, g->n);
    IrValue row = emit_index(e, in, loop.index, k->reduce.step);
    for (int i = 0; i < g->n; i++)
        parts[i] = collect(e, k, parts[i], load_member(e, g, row, i));
    emit_loop_end(e, &loop, parts);
    for (int i = 0; i < g->n; i++)
        g->totals[i] = combiner(k)(e, g->totals[i], parts[i]);
}

static void collect_all(Emit *e, Group *g, IrValue in)
{
    const Kernel *k = g->kernel;
    int64_t blocks = k->reduce.n / BLOCK, rest = k->reduce.n % BLOCK;
    Loop outer = emit_loop_begin(e, k->reduce.n1, g->totals, g->n);
    IrValue line = emit_index(e, in, outer.index, k->reduce.step1);
    if (blocks) {
        Loop inner = emit_loop_begin(e, blocks, g->totals, g->n);
        collect_block(e, g, emit_index(e, line, inner.index, BLOCK * k->reduce.step), BLOCK);
        emit_loop_end(e, &inner, g->totals);
    }
    if (rest)
        collect_block(e, g, emit_offset(e, line, blocks * BLOCK * k->reduce.step), rest);
    emit_loop_end(e, &outer, g->totals);
}

/* n vectors from element `first` on. */
static void reduce_group(Emit *e, const Kernel *k, IrValue first, int n, int64_t active)
{
    Group g = {.kernel = k, .n = n, .active = active};
    for (int i = 0; i < n; i++)
        g.totals[i] = emit_splat_const(e, neutral(k));
    collect_all(e, &g, emit_index(e, emit_arg(e, REDUCE_IN), first, F32));
    for (int i = 0; i < n; i++) {
        IrValue element = LLVMBuildNSWAdd(e->ir, first, emit_i64(e, i * e->lanes), "");
        finish(e, k, g.totals[i], element, group_active(e, &g, i));
    }
}

void kernel_reduce(Emit *e, const Kernel *kernel)
{
    if (kernel->reduce.width == 1 && kernel->reduce.step == F32)
        reduce_contiguous(e, kernel);
    else
        emit_for_groups(e, kernel, kernel->reduce.width, MAX_GROUP, reduce_group);
}
