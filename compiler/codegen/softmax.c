/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Softmax and log-softmax over contiguous elements.
 *
 * The row's greatest element is subtracted first, so that exp cannot overflow:
 *
 *     m = max x;  s = Σ exp(x-m);  softmax = exp(x-m) / s;  log-softmax = x - m - log s                        */
#include "compiler/codegen/emit.h"

#include <math.h>

enum { F32 = 4 };

typedef struct RowSoftmax {
    IrValue in, out;             /* addresses; out NULL: nothing is stored while summing */
    bool log;
    IrValue max, sum;            /* vectors; log: the sum's logarithm */
} RowSoftmax;

static IrValue load_at(Emit *e, IrValue row, IrValue first, int64_t active)
{
    return emit_load_lanes(e, e->f32, emit_index(e, row, first, F32), active);
}

static void find_max(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *max)
{
    const RowSoftmax *r = context;
    IrValue x = emit_keep_lanes(e, load_at(e, r->in, first, active), active, -INFINITY);
    max[slot] = emit_max(e, x, max[slot]);
}

static void add_exponentials(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *sums)
{
    const RowSoftmax *r = context;
    IrValue x = math_Exp(e, LLVMBuildFSub(e->ir, load_at(e, r->in, first, active), r->max, ""));
    if (r->out)
        emit_store_lanes(e, x, emit_index(e, r->out, first, F32), active);
    sums[slot] = LLVMBuildFAdd(e->ir, sums[slot], emit_keep_lanes(e, x, active, 0), "");
}

SoftmaxSums softmax_sums(Emit *e, IrValue in, int64_t n, IrValue out)
{
    RowSoftmax r = {.in = in, .out = out};
    SoftmaxSums sums;
    sums.max = emit_collect(e, n, find_max, &r, -INFINITY, emit_max);
    r.max = emit_splat(e, sums.max);
    sums.sum = emit_collect(e, n, add_exponentials, &r, 0, emit_combine_add);
    return sums;
}

static void write_elements(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const RowSoftmax *r = context;
    IrValue value;
    if (r->log) {
        value = LLVMBuildFSub(e->ir, load_at(e, r->in, first, active), r->max, "");
        value = LLVMBuildFSub(e->ir, value, r->sum, "");
    } else {
        value = LLVMBuildFDiv(e->ir, load_at(e, r->out, first, active), r->sum, "");
    }
    emit_store_lanes(e, value, emit_index(e, r->out, first, F32), active);
}

void kernel_softmax(Emit *e, const Kernel *kernel)
{
    RowSoftmax r = {.log = kernel->softmax.log};
    Loop rows = emit_loop_begin(e, kernel->softmax.rows, NULL, 0);
    r.in = emit_index(e, emit_arg(e, SOFTMAX_IN), rows.index, kernel->softmax.in_row);
    r.out = emit_index(e, emit_arg(e, SOFTMAX_OUT), rows.index, kernel->softmax.out_row);
    SoftmaxSums sums = softmax_sums(e, r.in, kernel->softmax.n, r.log ? NULL : r.out);
    r.max = emit_splat(e, sums.max);
    r.sum = emit_splat(e, sums.sum);
    if (r.log)
        r.sum = math_Log(e, r.sum);
    emit_for_vectors(e, kernel->softmax.n, write_elements, &r, NULL, 0);
    emit_loop_end(e, &rows, NULL);
}
