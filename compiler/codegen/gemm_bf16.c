/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pairs of bf16 multiplied and added in float without vdpbf16ps, to the same bits.
 *
 * A lane holds two bf16, which are the upper halves of floats. The instruction computes, for each lane,
 *
 *     c = round(c + a.high * b.high);  c = round(c + a.low * b.low)
 *
 * each a fused multiply-add, rounded once to nearest even; subnormal operands count as zero and subnormal results become
 * zero of their sign, whatever MXCSR says (Intel SDM, VDPBF16PS; AMD's was compared on random bits). Elsewhere two FMAs
 * do it, with MXCSR (aarch64: FPCR) set to flush and to round so while a tile is computed. NaNs differ only in payload.
 * Without FMA the product, which is exact in a float, is rounded apart: that differs where it is subnormal by itself, or
 * overflows. aarch64 takes a sum for subnormal by its size before rounding: one that would round up to the least normal
 * number is zero.
 *
 * Rounding a float to bf16 follows vcvtneps2bf16: to nearest even, subnormals to zero, NaNs quiet. The instructions themselves
 * are in isa_x86.c, and Arm's, which has bits of its own, in isa_aarch64.c. */
#include "compiler/codegen/isa.h"

static IrValue high(Emit *e, IrValue pairs)
{
    IrValue bits = LLVMBuildBitCast(e->ir, pairs, e->vi, "");
    return LLVMBuildBitCast(e->ir, LLVMBuildAnd(e->ir, bits, emit_splat_i32(e, -65536), ""), e->vf, "");
}

static IrValue low(Emit *e, IrValue pairs)
{
    IrValue bits = LLVMBuildBitCast(e->ir, pairs, e->vi, "");
    return LLVMBuildBitCast(e->ir, LLVMBuildShl(e->ir, bits, emit_splat_i32(e, 16), ""), e->vf, "");
}

IrValue bf16_dot(Emit *e, IrValue a, IrValue b, IrValue c)
{
    return emit_fma(e, low(e, a), low(e, b), emit_fma(e, high(e, a), high(e, b), c));
}

/* LLVM takes the mode for a constant: what it may not move across the change must depend on something in between. */
static void set_mode(Emit *e, IrValue mode, IrValue *sums, int count)
{
    emit_hold(e, sums, count);
    emit_intrinsic_fixed(e, e->isa->set_mode, &mode, 1);
    emit_hold(e, sums, count);
}

void bf16_begin(Emit *e, IrValue *sums, int count)
{
    e->saved_mode = e->isa->present_mode(e);
    set_mode(e, e->isa->flushing_mode(e), sums, count);
}

void bf16_end(Emit *e, IrValue *sums, int count) { set_mode(e, e->saved_mode, sums, count); }

IrValue bf16_round(Emit *e, IrValue x)
{
    IrValue bits = LLVMBuildBitCast(e->ir, x, e->vi, "");
    IrValue odd = LLVMBuildAnd(e->ir, LLVMBuildLShr(e->ir, bits, emit_splat_i32(e, 16), ""), emit_splat_i32(e, 1), "");
    IrValue rounded = LLVMBuildAdd(e->ir, bits, LLVMBuildAdd(e->ir, odd, emit_splat_i32(e, 0x7fff), ""), "");
    IrValue exponent = LLVMBuildAnd(e->ir, bits, emit_splat_i32(e, 0x7f800000), "");
    IrValue subnormal = LLVMBuildICmp(e->ir, LLVMIntEQ, exponent, emit_splat_i32(e, 0), "");
    IrValue sign = LLVMBuildAnd(e->ir, bits, emit_splat_i32(e, INT32_MIN), "");
    IrValue is_nan = LLVMBuildFCmp(e->ir, LLVMRealUNO, x, x, "");
    rounded = emit_select(e, is_nan, LLVMBuildOr(e->ir, bits, emit_splat_i32(e, 0x400000), ""), rounded);
    rounded = emit_select(e, subnormal, sign, rounded);
    return LLVMBuildBitCast(e->ir, LLVMBuildAnd(e->ir, rounded, emit_splat_i32(e, -65536), ""), e->vf, "");
}
