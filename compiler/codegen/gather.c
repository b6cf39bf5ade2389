/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Gather: rows of bytes picked by index.
 *
 *     out[r] = data[index[r]];  -1 is the last row; an index out of range takes the nearest row                */
#include "compiler/codegen/emit.h"

/* One piece of `bytes`, a power of two up to a vector. */
static void copy_piece(Emit *e, IrValue from, IrValue to, int64_t bytes)
{
    IrType type = bytes > 8 ? LLVMVectorType(e->i8, (unsigned)bytes) : LLVMIntTypeInContext(e->context, (unsigned)bytes * 8);
    IrValue piece = LLVMBuildLoad2(e->ir, type, from, "");
    LLVMSetAlignment(piece, 1);
    LLVMSetAlignment(LLVMBuildStore(e->ir, piece, to), 1);
}

static void copy_row(Emit *e, IrValue from, IrValue to, int64_t bytes)
{
    int64_t width = e->cpu->vector_bytes, whole = bytes / width, done = whole * width;
    if (whole) {
        Loop loop = emit_loop_begin(e, whole, NULL, 0);
        copy_piece(e, emit_index(e, from, loop.index, width), emit_index(e, to, loop.index, width), width);
        emit_loop_end(e, &loop, NULL);
    }
    for (int64_t piece = width / 2; piece; piece /= 2)
        if ((bytes - done) >= piece) {
            copy_piece(e, emit_offset(e, from, done), emit_offset(e, to, done), piece);
            done += piece;
        }
}

/* The row's index within [0, n_data). */
static IrValue load_index(Emit *e, const Kernel *kernel, IrValue row)
{
    DType dtype = kernel->gather.index;
    IrValue at = emit_index(e, emit_arg(e, GATHER_INDEX), row, dtype_size(dtype));
    IrValue index = emit_load_scalar(e, emit_memory_type(e, dtype), at), zero = emit_i64(e, 0);
    if (dtype != DT_INT64)
        index = LLVMBuildSExt(e->ir, index, e->i64, "");
    IrValue negative = LLVMBuildICmp(e->ir, LLVMIntSLT, index, zero, "");
    IrValue from_end = LLVMBuildAdd(e->ir, index, emit_i64(e, kernel->gather.n_data), "");
    index = emit_select(e, negative, from_end, index);
    index = emit_intrinsic(e, "llvm.smax", e->i64, (IrValue[]){index, zero}, 2);
    return emit_intrinsic(e, "llvm.smin", e->i64, (IrValue[]){index, emit_i64(e, kernel->gather.n_data - 1)}, 2);
}

void kernel_gather(Emit *e, const Kernel *kernel)
{
    Loop rows = emit_loop_begin(e, kernel->gather.rows, NULL, 0);
    IrValue from = emit_index(e, emit_arg(e, GATHER_DATA), load_index(e, kernel, rows.index), kernel->gather.row_bytes);
    IrValue to = emit_index(e, emit_arg(e, GATHER_OUT), rows.index, kernel->gather.row_bytes);
    copy_row(e, from, to, kernel->gather.row_bytes);
    emit_loop_end(e, &rows, NULL);
}
