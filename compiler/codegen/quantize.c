/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Rows of floats as 8-bit integers (ir/quantize.h says which).
 *
 * The span of a row is found on the bits of its elements: as signed integers, those above 0 are ordered as floats are, with NaN
 * above infinity; as unsigned ones those below, the lowest last. One instruction compares them. An element becomes an integer by
 * one multiply-add: what is added, 1.5 * 2^23, leaves no bits below 1, so that the sum is rounded to an integer, which are its low
 * bits.
 *
 *     high, low;  (x - low) * 255 / (high - low) + 1.5 * 2^23  =  0x4b40_00q0     step = (high - low) / 255     */
#include "compiler/codegen/emit.h"

#include "ir/quantize.h"

enum { F32 = 4 };

typedef struct RowBytes {
    const Kernel *kernel;
    IrValue in, out;             /* addresses of the present row */
    IrValue low, inverse;        /* vectors */
} RowBytes;

/* ── The span ────────────────────────────────────────────────────────────────────────────────────────── */

static IrType integers_like(const Emit *e, IrValue vector)
{
    return LLVMVectorType(e->i32, LLVMGetVectorSize(LLVMTypeOf(vector)));
}

static IrValue combine_bits(Emit *e, const char *intrinsic, IrValue a, IrValue b)
{
    IrType type = integers_like(e, a);
    IrValue bits[] = {LLVMBuildBitCast(e->ir, a, type, ""), LLVMBuildBitCast(e->ir, b, type, "")};
    return LLVMBuildBitCast(e->ir, emit_intrinsic(e, intrinsic, type, bits, 2), LLVMTypeOf(a), "");
}

/* Of two that are not negative the greater, of any the greatest above 0: as signed numbers the bits of others are below. */
static IrValue greater(Emit *e, IrValue a, IrValue b) { return combine_bits(e, "llvm.smax", a, b); }
/* The farther below 0: as unsigned numbers the bits of others are below. */
static IrValue lesser(Emit *e, IrValue a, IrValue b) { return combine_bits(e, "llvm.umax", a, b); }

void quantize_widen(Emit *e, IrValue *spans, int slot, IrValue x)
{
    spans[slot] = greater(e, spans[slot], x);
    spans[QUANTIZE_SLOTS + slot] = lesser(e, spans[QUANTIZE_SLOTS + slot], x);
}

static IrValue load_at(Emit *e, const RowBytes *r, IrValue first, int64_t active)
{
    return emit_load_lanes(e, e->f32, emit_index(e, r->in, first, F32), active);
}

static void widen_span(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *spans)
{
    quantize_widen(e, spans, slot, load_at(e, context, first, active));
}

static IrValue combine_slots(Emit *e, const IrValue *slots, EmitCombine *combine)
{
    return emit_across(e, combine(e, combine(e, slots[0], slots[1]), combine(e, slots[2], slots[3])), combine);
}

/* ── Steps and bytes ─────────────────────────────────────────────────────────────────────────────────── */

/* A NaN stays. */
static IrValue at_least_span(Emit *e, IrValue span)
{
    IrValue least = LLVMConstReal(e->f32, LEAST_SPAN);
    return emit_select(e, LLVMBuildFCmp(e->ir, LLVMRealOLT, span, least, ""), least, span);
}

/* 0 where no element is below it: then `bits` are those of one above. */
static IrValue low_of(Emit *e, IrValue bits)
{
    IrValue below = LLVMBuildICmp(e->ir, LLVMIntSLT, LLVMBuildBitCast(e->ir, bits, e->i32, ""), LLVMConstInt(e->i32, 0, 0), "");
    return emit_select(e, below, bits, LLVMConstReal(e->f32, 0));
}

QuantizeStep quantize_step(Emit *e, const IrValue *spans)
{
    IrValue low = low_of(e, combine_slots(e, spans + QUANTIZE_SLOTS, lesser)), steps = LLVMConstReal(e->f32, SPAN_STEPS);
    IrValue span = at_least_span(e, LLVMBuildFSub(e->ir, combine_slots(e, spans, greater), low, ""));
    return (QuantizeStep){LLVMBuildFDiv(e->ir, span, steps, ""), LLVMBuildFDiv(e->ir, steps, span, ""), low};
}

IrValue quantize_bytes(Emit *e, IrValue x, IrValue inverse, DType dtype)
{
    IrValue magic = emit_splat_const(e, 0x1.8p23 + (dtype == DT_UINT8 ? 0 : -128));
    IrValue bits = LLVMBuildBitCast(e->ir, emit_fma(e, x, inverse, magic), e->vi, "");
    return LLVMBuildTrunc(e->ir, bits, emit_vector_of(e, e->i8), "");
}

static void write_bytes(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const RowBytes *r = context;
    IrValue x = LLVMBuildFSub(e->ir, load_at(e, r, first, active), r->low, "");
    emit_store_lanes(e, quantize_bytes(e, x, r->inverse, r->kernel->quantize.out), emit_index(e, r->out, first, 1), active);
}

void kernel_quantize(Emit *e, const Kernel *kernel)
{
    RowBytes r = {.kernel = kernel};
    IrValue spans[2 * QUANTIZE_SLOTS];
    Loop rows = emit_loop_begin(e, kernel->quantize.rows, NULL, 0);
    for (int i = 0; i < 2 * QUANTIZE_SLOTS; i++)
        spans[i] = emit_splat_const(e, 0);
    r.in = emit_index(e, emit_arg(e, QUANTIZE_IN), rows.index, kernel->quantize.in_row);
    r.out = emit_index(e, emit_arg(e, QUANTIZE_OUT), rows.index, kernel->quantize.out_row);
    emit_for_vectors(e, kernel->quantize.n, widen_span, &r, spans, 2 * QUANTIZE_SLOTS);
    QuantizeStep step = quantize_step(e, spans);
    emit_store_scalar(e, step.low, emit_index(e, emit_arg(e, QUANTIZE_LOW), rows.index, F32));
    emit_store_scalar(e, step.step, emit_index(e, emit_arg(e, QUANTIZE_STEP), rows.index, F32));
    r.low = emit_splat(e, step.low);
    r.inverse = emit_splat(e, step.inverse);
    emit_for_vectors(e, kernel->quantize.n, write_bytes, &r, NULL, 0);
    emit_loop_end(e, &rows, NULL);
}
