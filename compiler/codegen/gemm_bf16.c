/* Pairs of bf16 multiplied and added in float: vdpbf16ps, or the same bits without it.
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
 * Rounding a float to bf16 follows vcvtneps2bf16: to nearest even, subnormals to zero, NaNs quiet. */
#include "compiler/codegen/emit.h"

enum { FLUSH_AND_NEAREST = 0x9fc0, FPCR_FLUSH_AND_NEAREST = 1 << 24 }; /* MXCSR: exceptions masked, FTZ, DAZ, to nearest */

static IrType pairs_type(const Emit *e) { return LLVMVectorType(LLVMBFloatTypeInContext(e->context), (unsigned)(2 * e->lanes)); }

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
    if (!cpu_has_dot_bf16(e->cpu))
        return emit_fma(e, low(e, a), low(e, b), emit_fma(e, high(e, a), high(e, b), c));
    IrValue args[] = {c, LLVMBuildBitCast(e->ir, b, pairs_type(e), ""), LLVMBuildBitCast(e->ir, a, pairs_type(e), "")};
    return emit_intrinsic_fixed(e, "llvm.x86.avx512bf16.dpbf16ps.512", args, 3);
}

/* ── The emulation's rounding mode ───────────────────────────────────────────────────────────────────── */

static IrValue mode_slot(Emit *e)
{
    IrValue slot = LLVMGetNamedGlobal(e->module, "flush_and_nearest");
    if (slot)
        return slot;
    slot = LLVMAddGlobal(e->module, e->i32, "flush_and_nearest");
    LLVMSetInitializer(slot, LLVMConstInt(e->i32, FLUSH_AND_NEAREST, 0));
    LLVMSetGlobalConstant(slot, 1);
    LLVMSetLinkage(slot, LLVMPrivateLinkage);
    return slot;
}

/* A mode is the address of MXCSR's bits, or FPCR's bits themselves. */
static IrValue flushing_mode(Emit *e)
{
    return e->cpu->arch == ARCH_AARCH64 ? emit_i64(e, FPCR_FLUSH_AND_NEAREST) : mode_slot(e);
}

static IrValue present_mode(Emit *e)
{
    if (e->cpu->arch == ARCH_AARCH64)
        return emit_intrinsic_fixed(e, "llvm.aarch64.get.fpcr", NULL, 0);
    IrValue slot = LLVMBuildAlloca(e->ir, e->i32, "mode");
    emit_intrinsic_fixed(e, "llvm.x86.sse.stmxcsr", &slot, 1);
    return slot;
}

/* LLVM takes the mode for a constant: what it may not move across the change must depend on something in between. */
static void set_mode(Emit *e, IrValue mode, IrValue *sums, int count)
{
    const char *set = e->cpu->arch == ARCH_AARCH64 ? "llvm.aarch64.set.fpcr" : "llvm.x86.sse.ldmxcsr";
    emit_hold(e, sums, count);
    emit_intrinsic_fixed(e, set, &mode, 1);
    emit_hold(e, sums, count);
}

void bf16_begin(Emit *e, IrValue *sums, int count)
{
    if (cpu_has_dot_bf16(e->cpu))
        return;
    e->saved_mode = present_mode(e);
    set_mode(e, flushing_mode(e), sums, count);
}

void bf16_end(Emit *e, IrValue *sums, int count)
{
    if (!cpu_has_dot_bf16(e->cpu))
        set_mode(e, e->saved_mode, sums, count);
}

/* ── Rounding ────────────────────────────────────────────────────────────────────────────────────────── */

static IrValue round_by_instruction(Emit *e, IrValue x)
{
    IrType i16 = LLVMInt16TypeInContext(e->context);
    IrValue halves = emit_intrinsic_fixed(e, "llvm.x86.avx512bf16.cvtneps2bf16.512", &x, 1);
    halves = LLVMBuildZExt(e->ir, LLVMBuildBitCast(e->ir, halves, emit_vector_of(e, i16), ""), e->vi, "");
    return LLVMBuildBitCast(e->ir, LLVMBuildShl(e->ir, halves, emit_splat_i32(e, 16), ""), e->vf, "");
}

IrValue bf16_round(Emit *e, IrValue x)
{
    if (cpu_has_dot_bf16(e->cpu))
        return round_by_instruction(e, x);
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
