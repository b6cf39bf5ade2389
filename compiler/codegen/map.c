/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elementwise kernels: rows × n elements of any types and strides, through an expression.
 *
 *     out[r, i] = expr(operand0[r, i], operand1[r, i], …)       strides of 0 broadcast; others gather or scatter */
#include "compiler/codegen/emit.h"

typedef struct MapRow {
    const Kernel *kernel;
    int n_operands;
    IrValue out, operands[MAX_OPERANDS]; /* addresses of the row */
} MapRow;

static void map_elements(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const MapRow *m = context;
    int64_t lanes = emit_narrow(e, active);
    IrValue values[MAX_OPERANDS];
    for (int q = 0; q < m->n_operands; q++) {
        const Operand *operand = &m->kernel->operands[q];
        values[q] = expr_load(e, operand, emit_index(e, m->operands[q], first, operand->step), active);
    }
    IrValue at = emit_index(e, m->out, first, m->kernel->map.out.step);
    expr_store(e, &m->kernel->map.out, expr_eval(e, m->kernel, values), at, active);
    emit_set_lanes(e, lanes);
}

void kernel_map(Emit *e, const Kernel *kernel)
{
    MapRow m = {.kernel = kernel, .n_operands = kernel->expr.n_steps ? kernel->expr.n_operands : 1};
    Loop rows = emit_loop_begin(e, kernel->map.rows, NULL, 0);
    m.out = emit_index(e, emit_arg(e, MAP_OUT), rows.index, kernel->map.out.row);
    for (int q = 0; q < m.n_operands; q++)
        m.operands[q] = emit_index(e, emit_arg(e, N_MAP_ARGS + q), rows.index, kernel->operands[q].row);
    emit_for_vectors(e, kernel->map.n, map_elements, &m, NULL, 0);
    emit_loop_end(e, &rows, NULL);
}
