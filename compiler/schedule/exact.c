/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sums and products that have to be exact: kernels of reductions and products compute floats, which hold integers up to 2^24 and
 * doubles up to 3e38. Here elementwise kernels take up one slice of the operands after the other. Right rather than fast.
 *
 *   int32 max of x[64,100] over axis 1   →  out = x[:,0];  for i in 100: out = max(out, x[:,i])
 *   int64 x[5,100] · w[100,7]            →  out = 0;       for k in 100: out = out + x[:,k] * w[k,:] */
#include "compiler/schedule/exact.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

#include <math.h>

static bool is_integer(DType dtype) { return exact_wanted(dtype) && dtype != DT_DOUBLE; }

bool exact_wanted(DType dtype) { return dtype == DT_DOUBLE || (!dtype_is_float(dtype) && dtype != DT_BOOL); }

double exact_neutral(int op, DType dtype)
{
    switch (op) {
    case REDUCE_MAX: return dtype_lowest(dtype);
    case REDUCE_MIN: return dtype_highest(dtype);
    case REDUCE_PROD: return 1;
    case REDUCE_MEAN: return is_integer(dtype) ? 0 : NAN;
    default: return 0;
    }
}

static void add_step(Expr *expr, OpKind op, DType dtype, int a, int b)
{
    expr->steps[expr->n_steps++] = (ExprStep){.op = op, .in = {a, b}, .dtype = dtype};
}

/* Operand 0, what there is so far, and operand 1. */
static Expr step_of(int op, DType dtype)
{
    Expr expr = {.n_operands = 2};
    int taken = 1;
    if (op == REDUCE_L1)
        add_step(&expr, OP_Abs, dtype, 1, 0);
    if (op == REDUCE_L2 || op == REDUCE_SUM_SQUARE)
        add_step(&expr, OP_Mul, dtype, 1, 1);
    if (expr.n_steps)
        taken = 2;
    add_step(&expr, op == REDUCE_MAX ? OP_Max : op == REDUCE_MIN ? OP_Min : op == REDUCE_PROD ? OP_Mul : OP_Add, dtype, 0, taken);
    return expr;
}

/* out = expr(out, operands), for each place in the dimensions that go. */
static void take_up(Lowering *l, const Expr *expr, View out, const View *operands, const bool *gone)
{
    View all[3] = {out};
    int loops = 0, n = expr->n_operands;
    for (int i = 1; i < n; i++)
        all[i] = operands[i - 1];
    for (int dim = 0; dim < out.rank; dim++) {
        if (!gone[dim])
            continue;
        Pos at = pos_loop(pos_at(0), loop_open(l, all[1].dims[dim]), 1);
        for (int i = 1; i < n; i++)
            all[i] = view_slice(all[i], dim, at, 1, 1);
        loops++;
    }
    map_emit(l, expr, out, all);
    while (loops--)
        loop_close(l);
}

void exact_root(Expr *expr, int value, DType dtype)
{
    bool converts = is_integer(dtype);
    DType real = converts ? DT_DOUBLE : dtype;
    if (converts) {
        add_step(expr, OP_Cast, real, value, 0);
        value = expr->n_operands + expr->n_steps - 1;
    }
    add_step(expr, OP_Sqrt, real, value, 0);
    if (converts)
        add_step(expr, OP_Cast, dtype, expr->n_operands + expr->n_steps - 1, 0);
}

/* The mean of `count` elements, or the root, from the sum. */
static void finish(Lowering *l, int op, double count, View out)
{
    Expr expr = {.n_operands = 1};
    if (op == REDUCE_MEAN) {
        add_step(&expr, OP_Constant, out.dtype, 0, 0);
        expr.steps[0].imm[0] = count;
        add_step(&expr, OP_Div, out.dtype, 0, 1);
    }
    if (op == REDUCE_L2)
        exact_root(&expr, 0, out.dtype);
    if (expr.n_steps)
        map_emit(l, &expr, out, &out);
}

void exact_reduce(Lowering *l, const char *name, int op, View in, const bool *gone, View out)
{
    Expr expr = step_of(op, in.dtype);
    View first = in;
    double count = 1;
    for (int dim = 0; dim < in.rank; dim++)
        if (gone[dim]) {
            first = view_slice(first, dim, pos_at(0), 1, 1);
            count *= (double)in.dims[dim];
        }
    phase_open(l, name, view_count(&in));
    section_open(l, 1);
    if (op == REDUCE_MAX || op == REDUCE_MIN)
        copy_emit(l, out, first);
    else
        fill_emit(l, out, op == REDUCE_PROD);
    take_up(l, &expr, out, &in, gone);
    finish(l, op, count, out);
    loop_close(l);
}

bool exact_product(Lowering *l, const char *name, View a, View b, View out)
{
    Expr expr = {.n_operands = 3};
    bool gone[VIEW_RANK] = {false};
    int perm[VIEW_RANK], m = out.rank - 2;
    add_step(&expr, OP_Mul, out.dtype, 1, 2);
    add_step(&expr, OP_Add, out.dtype, 0, 3);
    for (int i = 0; i < b.rank; i++)
        perm[i] = i < b.rank - 2 ? i : 2 * b.rank - 3 - i;
    int64_t k = a.dims[a.rank - 1];
    View operands[] = {view_insert(a, a.rank - 1, 1, 0), view_insert(view_permute(b, perm), b.rank - 2, 1, 0)};
    View space = view_insert(out, out.rank, k, 0); /* [batches…, m, n, k] */
    for (int i = 0; i < 2; i++)
        if (!view_broadcast(&operands[i], space.rank, space.dims))
            return false;
    out = view_insert(out, out.rank, 1, 0);
    gone[m + 2] = true;
    phase_open(l, name, 2 * view_count(&space));
    section_open(l, 1);
    fill_emit(l, out, 0);
    take_up(l, &expr, out, operands, gone);
    loop_close(l);
    return true;
}
