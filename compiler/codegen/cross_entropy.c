/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Cross entropy of logits against one integer label each.
 *
 *     loss = log Σ exp(x-m) - (x[label]-m),  weight = 1;  an ignored label: loss = weight = 0
 *
 * A label outside [0, n) yields NaN, which no caller can overlook, rather than a read outside the row. */
#include "compiler/codegen/emit.h"

#include <math.h>

enum { F32 = 4 };

/* The label of a row as int64. Floats that are not whole numbers of that range become their nearest. */
static IrValue load_label(Emit *e, DType dtype, IrValue row)
{
    IrType type = emit_memory_type(e, dtype);
    IrValue label = emit_load_scalar(e, type, emit_index(e, emit_arg(e, CROSS_ENTROPY_LABELS), row, dtype_size(dtype)));
    if (dtype == DT_INT64)
        return label;
    if (dtype == DT_FLOAT) {
        IrType types[] = {e->i64, e->f32};
        return emit_intrinsic_of(e, "llvm.fptosi.sat", types, 2, &label, 1);
    }
    return LLVMBuildSExt(e->ir, label, e->i64, "");
}

static void store_row(Emit *e, const Kernel *kernel, IrValue row, IrValue label, IrValue loss)
{
    IrValue zero = LLVMConstReal(e->f32, 0), weight = LLVMConstReal(e->f32, 1);
    if (kernel->cross_entropy.has_ignore) {
        IrValue ignored = LLVMBuildICmp(e->ir, LLVMIntEQ, label, emit_i64(e, kernel->cross_entropy.ignore), "");
        loss = emit_select(e, ignored, zero, loss);
        weight = emit_select(e, ignored, zero, weight);
    }
    emit_store_scalar(e, loss, emit_index(e, emit_arg(e, CROSS_ENTROPY_LOSS), row, F32));
    emit_store_scalar(e, weight, emit_index(e, emit_arg(e, CROSS_ENTROPY_WEIGHT), row, F32));
}

void kernel_cross_entropy(Emit *e, const Kernel *kernel)
{
    int64_t n = kernel->cross_entropy.n;
    Loop rows = emit_loop_begin(e, kernel->cross_entropy.rows, NULL, 0);
    IrValue in = emit_index(e, emit_arg(e, CROSS_ENTROPY_LOGITS), rows.index, kernel->cross_entropy.row);
    SoftmaxSums sums = softmax_sums(e, in, n, NULL);
    IrValue label = load_label(e, kernel->cross_entropy.label, rows.index);
    IrValue valid = LLVMBuildICmp(e->ir, LLVMIntULT, label, emit_i64(e, n), "");
    IrValue safe = emit_select(e, valid, label, emit_i64(e, 0));
    IrValue picked = emit_load_scalar(e, e->f32, emit_index(e, in, safe, F32));
    IrValue distance = LLVMBuildFSub(e->ir, picked, sums.max, "");
    IrValue log_sum = LLVMBuildExtractElement(e->ir, math_Log(e, emit_splat(e, sums.sum)), emit_i64(e, 0), "");
    IrValue loss = LLVMBuildFSub(e->ir, log_sum, distance, "");
    loss = emit_select(e, valid, loss, LLVMConstReal(e->f32, NAN));
    store_row(e, kernel, rows.index, label, loss);
    emit_loop_end(e, &rows, NULL);
}
