/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* SSE4, AVX2 and AVX-512: vectors of 16, 32 and 64 bytes. */
#include "compiler/codegen/isa.h"

#include "runtime/model.h"

#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>

#include <string.h>

static void start_llvm(void)
{
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86Disassembler();
}

static bool touches_stack(const char *instruction)
{
    return (strstr(instruction, "(%rsp") || strstr(instruction, "(%rbp")) &&
           (strstr(instruction, "%zmm") || strstr(instruction, "%ymm") || strstr(instruction, "%xmm"));
}

/* maxps and minps choose by a comparison. */
static IrValue max(Emit *e, IrValue a, IrValue b) { return emit_select(e, LLVMBuildFCmp(e->ir, LLVMRealOLT, a, b, ""), b, a); }

static IrValue min(Emit *e, IrValue a, IrValue b) { return emit_select(e, LLVMBuildFCmp(e->ir, LLVMRealOLT, b, a, ""), b, a); }

/* ── Permutations ────────────────────────────────────────────────────────────────────────────────────── */

/* SSE permutes bytes: lane number n becomes the bytes 4n, 4n + 1, 4n + 2, 4n + 3. */
static IrValue permute_bytes(Emit *e, IrValue table, IrValue index)
{
    table = emit_load(e, table);
    IrType bytes = LLVMVectorType(e->i8, 16);
    IrValue first = LLVMBuildShl(e->ir, LLVMBuildAnd(e->ir, index, emit_splat_i32(e, 3), ""), emit_splat_i32(e, 2), "");
    IrValue two = LLVMBuildOr(e->ir, first, LLVMBuildShl(e->ir, first, emit_splat_i32(e, 8), ""), "");
    IrValue four = LLVMBuildOr(e->ir, two, LLVMBuildShl(e->ir, two, emit_splat_i32(e, 16), ""), "");
    four = LLVMBuildAdd(e->ir, four, emit_splat_i32(e, 0x03020100), "");
    IrValue args[] = {LLVMBuildBitCast(e->ir, table, bytes, ""), LLVMBuildBitCast(e->ir, four, bytes, "")};
    return LLVMBuildBitCast(e->ir, emit_intrinsic_fixed(e, "llvm.x86.ssse3.pshuf.b.128", args, 2), e->vf, "");
}

static IrValue permute_avx2(Emit *e, IrValue table, IrValue index)
{
    return emit_intrinsic_fixed(e, "llvm.x86.avx2.permps", (IrValue[]){emit_load(e, table), index}, 2);
}

/* The set's functions take half vectors as well. */
static bool is_half(const Emit *e) { return e->lanes == 8; }

static IrValue permute_avx512(Emit *e, IrValue table, IrValue index)
{
    if (is_half(e)) {
        IrValue args[] = {emit_load(e, table), index, emit_load(e, emit_offset(e, table, 32))};
        return emit_intrinsic_fixed(e, "llvm.x86.avx512.vpermi2var.ps.256", args, 3);
    }
    return emit_intrinsic_fixed(e, "llvm.x86.avx512.permvar.sf.512", (IrValue[]){emit_load(e, table), index}, 2);
}

static IrValue scale_avx512(Emit *e, IrValue value, IrValue power)
{
    IrValue all = LLVMConstAllOnes(LLVMIntTypeInContext(e->context, (unsigned)e->lanes));
    IrValue current_rounding = LLVMConstInt(e->i32, 4, 0);
    IrValue args[] = {value, power, LLVMConstNull(e->vf), all, current_rounding};
    return is_half(e) ? emit_intrinsic_fixed(e, "llvm.x86.avx512.mask.scalef.ps.256", args, 4)
                      : emit_intrinsic_fixed(e, "llvm.x86.avx512.mask.scalef.ps.512", args, 5);
}

/* ── bf16 ────────────────────────────────────────────────────────────────────────────────────────────── */

static IrType pairs_type(const Emit *e) { return LLVMVectorType(LLVMBFloatTypeInContext(e->context), (unsigned)(2 * e->lanes)); }

static IrValue vdpbf16ps(Emit *e, IrValue a, IrValue b, IrValue c)
{
    IrValue args[] = {c, LLVMBuildBitCast(e->ir, b, pairs_type(e), ""), LLVMBuildBitCast(e->ir, a, pairs_type(e), "")};
    return emit_intrinsic_fixed(e, is_half(e) ? "llvm.x86.avx512bf16.dpbf16ps.256" : "llvm.x86.avx512bf16.dpbf16ps.512", args, 3);
}

static IrValue round_avx512(Emit *e, IrValue x)
{
    if (!(e->cpu->runtime_features & CNXRT_CPU_AVX512_BF16))
        return bf16_round(e, x);
    IrType i16 = LLVMInt16TypeInContext(e->context);
    const char *name = is_half(e) ? "llvm.x86.avx512bf16.cvtneps2bf16.256" : "llvm.x86.avx512bf16.cvtneps2bf16.512";
    IrValue halves = emit_intrinsic_fixed(e, name, &x, 1);
    halves = LLVMBuildZExt(e->ir, LLVMBuildBitCast(e->ir, halves, emit_vector_of(e, i16), ""), e->vi, "");
    return LLVMBuildBitCast(e->ir, LLVMBuildShl(e->ir, halves, emit_splat_i32(e, 16), ""), e->vf, "");
}

/* ── Bytes ───────────────────────────────────────────────────────────────────────────────────────────── */

static IrValue integers(Emit *e, IrValue x, IrType type) { return LLVMBuildBitCast(e->ir, x, type, ""); }

static IrValue vpdpbusd(Emit *e, IrValue a, IrValue b, IrValue c)
{
    IrValue args[] = {c, integers(e, a, e->vi), integers(e, b, e->vi)};
    return emit_intrinsic_fixed(e, e->lanes == 16 ? "llvm.x86.avx512.vpdpbusd.512" : "llvm.x86.avx512.vpdpbusd.256", args, 3);
}

/* c and the products of every other byte of a, unsigned, and b: the even ones, or the odd ones. In 16 bits each they are exact,
 * as pmaddubsw's sums would not be. */
static IrValue add_every_other(Emit *e, IrValue a, IrValue b, IrValue c, bool odd)
{
    static const char *const multiply[] = {"llvm.x86.sse2.pmadd.wd", "llvm.x86.avx2.pmadd.wd", "llvm.x86.avx512.pmaddw.d.512"};
    IrType i16 = LLVMInt16TypeInContext(e->context), type = LLVMVectorType(i16, (unsigned)(2 * e->lanes));
    IrValue eight = integers(e, emit_splat_i32(e, 0x00080008), type), factors[] = {integers(e, a, type), integers(e, b, type)};
    factors[0] = odd ? LLVMBuildLShr(e->ir, factors[0], eight, "")
                     : LLVMBuildAnd(e->ir, factors[0], integers(e, emit_splat_i32(e, 0x00ff00ff), type), "");
    factors[1] = LLVMBuildAShr(e->ir, odd ? factors[1] : LLVMBuildShl(e->ir, factors[1], eight, ""), eight, "");
    return LLVMBuildAdd(e->ir, c, emit_intrinsic_fixed(e, multiply[e->lanes / 8], factors, 2), "");
}

static IrValue multiply_bytes(Emit *e, IrValue a, IrValue b, IrValue c)
{
    return add_every_other(e, a, b, add_every_other(e, a, b, c, false), true);
}

/* ── The rounding mode: the address of MXCSR's bits ──────────────────────────────────────────────────── */

static IrValue flushing_mode(Emit *e)
{
    enum { FLUSH_AND_NEAREST = 0x9fc0 }; /* exceptions masked, FTZ, DAZ, to nearest */
    IrValue slot = LLVMGetNamedGlobal(e->module, "flush_and_nearest");
    if (slot)
        return slot;
    slot = LLVMAddGlobal(e->module, e->i32, "flush_and_nearest");
    LLVMSetInitializer(slot, LLVMConstInt(e->i32, FLUSH_AND_NEAREST, 0));
    LLVMSetGlobalConstant(slot, 1);
    LLVMSetLinkage(slot, LLVMPrivateLinkage);
    return slot;
}

static IrValue present_mode(Emit *e)
{
    IrValue slot = LLVMBuildAlloca(e->ir, e->i32, "mode");
    emit_intrinsic_fixed(e, "llvm.x86.sse.stmxcsr", &slot, 1);
    return slot;
}

/* ── The sets ────────────────────────────────────────────────────────────────────────────────────────── */

static const IsaDot dots[] = {
    {DT_FLOAT, .emit = emit_fma}, {DT_BFLOAT16, .flushes = true, .emit = bf16_dot}, {DT_INT8, .emit = multiply_bytes}, {0}};
static const IsaDot dots_avx2[] = {{DT_FLOAT, .emit = emit_fma},
                                   {DT_BFLOAT16, .flushes = true, .emit = bf16_dot},
                                   {DT_INT8, CNXRT_CPU_AVX_VNNI, .emit = vpdpbusd},
                                   {DT_INT8, .emit = multiply_bytes},
                                   {0}};
static const IsaDot dots_avx512[] = {{DT_FLOAT, .emit = emit_fma},
                                     {DT_BFLOAT16, CNXRT_CPU_AVX512_BF16, .emit = vdpbf16ps},
                                     {DT_BFLOAT16, .flushes = true, .emit = bf16_dot},
                                     {DT_INT8, CNXRT_CPU_AVX512_VNNI, .emit = vpdpbusd},
                                     {DT_INT8, .emit = multiply_bytes},
                                     {0}};

/* LLVM reads `v` as all vector registers that there are, 32 with AVX-512. */
#define COMMON                                                                                     \
    .start_llvm = start_llvm, .hold = 'v', .touches_stack = touches_stack, .max = max, .min = min, \
    .flushing_mode = flushing_mode, .present_mode = present_mode, .set_mode = "llvm.x86.sse.ldmxcsr"

const Isa isa_sse4 = {COMMON,       .name = "sse4",          .table_floats = 4, .permute = permute_bytes,
                      .dots = dots, .round_bf16 = bf16_round};
const Isa isa_avx2 = {
    COMMON, .name = "avx2", .table_floats = 8, .permute = permute_avx2, .dots = dots_avx2, .round_bf16 = bf16_round};
const Isa isa_avx512 = {COMMON,
                        .name = "avx512",
                        .table_floats = 16,
                        .permute = permute_avx512,
                        .scale = scale_avx512,
                        .dots = dots_avx512,
                        .round_bf16 = round_avx512,
                        .tiles = &isa_amx};
