/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Scatter: rows of elements put where indices say, or joined to what is there, one after the other.
 *
 *     data[index[r]] = rows[r], or data[index[r]] + rows[r] …                                                  */
#include "compiler/codegen/emit.h"

typedef struct ScatterRow {
    const Kernel *kernel;
    Kernel join;             /* of two elements: the expression as a MAP's */
    IrValue to, from;
} ScatterRow;

/* What is there, and what comes. */
static Kernel joining(const Kernel *k)
{
    static const OpKind ops[] = {OP_Identity, OP_Add, OP_Mul, OP_Max, OP_Min};
    DType element = k->scatter.element;
    Operand operand = {.dtype = element, .step = dtype_size(element)};
    Kernel join = {.kind = KERNEL_MAP, .operands = {operand, operand}, .map.out = operand};
    join.expr = (Expr){.n_operands = 2, .n_steps = 1, .steps[0] = {.op = ops[k->scatter.op], .in = {0, 1}, .dtype = element}};
    if (k->scatter.op == SCATTER_PUT)
        join.expr.steps[0].in[0] = 1;
    return join;
}

static void scatter_vector(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const ScatterRow *row = context;
    const Operand *operand = &row->join.map.out;
    IrValue to = emit_index(e, row->to, first, operand->step), from = emit_index(e, row->from, first, operand->step);
    IrValue values[MAX_OPERANDS] = {expr_load(e, operand, to, active), expr_load(e, operand, from, active)};
    expr_store(e, operand, expr_eval(e, &row->join, values), to, active);
}

/* Elements of one row are apart from one another, rows may meet. */
void kernel_scatter(Emit *e, const Kernel *kernel)
{
    int64_t row_bytes = kernel->scatter.n * dtype_size(kernel->scatter.element);
    ScatterRow row = {.kernel = kernel, .join = joining(kernel)};
    Loop rows = emit_loop_begin(e, kernel->scatter.rows, NULL, 0);
    IrValue index = emit_load_scalar(e, e->i64, emit_index(e, emit_arg(e, SCATTER_INDEX), rows.index, dtype_size(DT_INT64)));
    row.to = emit_index(e, emit_arg(e, SCATTER_DATA), index, row_bytes);
    row.from = emit_index(e, emit_arg(e, SCATTER_ROWS), rows.index, row_bytes);
    emit_for_vectors(e, kernel->scatter.n, scatter_vector, &row, NULL, 0);
    emit_loop_end(e, &rows, NULL);
}
