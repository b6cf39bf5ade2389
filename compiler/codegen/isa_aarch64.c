/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* NEON: 32 vectors of 16 bytes, FMA in every one of its CPUs. */
#include "compiler/codegen/isa.h"

#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>

#include <string.h>

static void start_llvm(void)
{
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64Disassembler();
}

/* "ldr\tq3, [sp, #16]": whole vectors are q registers; the halves that callees save are d registers. */
static bool touches_stack(const char *instruction)
{
    const char *operands = strchr(instruction + 1, '\t');
    return operands && operands[1] == 'q' && (strstr(operands, "[sp") || strstr(operands, "[x29"));
}

static IrType bytes_type(const Emit *e) { return LLVMVectorType(e->i8, 16); }

/* tbl picks bytes from two vectors as fast as from one: eight floats. Lane number n becomes the bytes 4n, 4n + 1, 4n + 2,
 * 4n + 3 by one multiply-add, which also takes off the bits above the number: 0x4b400000, those of 1.5 * 2^23, times 4. */
static IrValue permute(Emit *e, IrValue table, IrValue index)
{
    IrType bytes = bytes_type(e);
    IrValue four = LLVMBuildMul(e->ir, index, emit_splat_i32(e, 0x04040404), "");
    four = LLVMBuildAdd(e->ir, four, emit_splat_i32(e, 0x03020100 - (int64_t)0x2d000000), "");
    IrValue args[] = {emit_load_scalar(e, bytes, table), emit_load_scalar(e, bytes, emit_offset(e, table, 16)),
                      LLVMBuildBitCast(e->ir, four, bytes, "")};
    return LLVMBuildBitCast(e->ir, emit_intrinsic(e, "llvm.aarch64.neon.tbl2", bytes, args, 3), e->vf, "");
}

/* A mode is FPCR's bits. */
static IrValue flushing_mode(Emit *e)
{
    enum { FZ = 1 << 24 };
    return emit_i64(e, FZ);
}

static IrValue present_mode(Emit *e) { return emit_intrinsic_fixed(e, "llvm.aarch64.get.fpcr", NULL, 0); }

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

static IrValue dot_bytes(Emit *e, const char *intrinsic, IrValue a, IrValue b, IrValue c)
{
    IrValue args[] = {c, LLVMBuildBitCast(e->ir, a, bytes_type(e), ""), LLVMBuildBitCast(e->ir, b, bytes_type(e), "")};
    return emit_intrinsic_of(e, intrinsic, (IrType[]){e->vi, bytes_type(e)}, 2, args, 3);
}

static IrValue smmla(Emit *e, IrValue a, IrValue b, IrValue c) { return dot_bytes(e, "llvm.aarch64.neon.smmla", a, b, c); }
static IrValue sdot(Emit *e, IrValue a, IrValue b, IrValue c) { return dot_bytes(e, "llvm.aarch64.neon.sdot", b, a, c); }

/* The products of eight bytes, 0 or 8 and on, each added to its neighbour's: two of -128 by -128 do not fit 16 bits. */
static IrValue multiply_half(Emit *e, IrValue a, IrValue b, int64_t first)
{
    IrType half = LLVMVectorType(LLVMInt16TypeInContext(e->context), 8);
    IrValue lanes[8], args[2];
    for (int64_t i = 0; i < 8; i++)
        lanes[i] = LLVMConstInt(e->i32, (unsigned long long)(first + i), 0);
    for (int i = 0; i < 2; i++) {
        IrValue bytes = LLVMBuildBitCast(e->ir, i ? b : a, bytes_type(e), "");
        args[i] = LLVMBuildShuffleVector(e->ir, bytes, LLVMGetPoison(bytes_type(e)), LLVMConstVector(lanes, 8), "");
    }
    IrValue products = emit_intrinsic(e, "llvm.aarch64.neon.smull", half, args, 2);
    return emit_intrinsic_of(e, "llvm.aarch64.neon.saddlp", (IrType[]){e->vi, half}, 2, &products, 1);
}

static IrValue multiply_bytes(Emit *e, IrValue a, IrValue b, IrValue c)
{
    IrValue halves[] = {multiply_half(e, a, b, 0), multiply_half(e, a, b, 8)};
    return LLVMBuildAdd(e->ir, c, emit_intrinsic(e, "llvm.aarch64.neon.addp", e->vi, halves, 2), "");
}

/* Two pairs of K for each of four sums, which rounds to odd, the products of a pair before the sum takes them: not the bits of
 * other CPUs (Arm ARM, BFMMLA). bfdot has the same bits, for half as many products. */
static IrValue bfmmla(Emit *e, IrValue a, IrValue b, IrValue c)
{
    IrType halves = LLVMVectorType(LLVMBFloatTypeInContext(e->context), 8);
    IrValue args[] = {c, LLVMBuildBitCast(e->ir, a, halves, ""), LLVMBuildBitCast(e->ir, b, halves, "")};
    return emit_intrinsic_fixed(e, "llvm.aarch64.neon.bfmmla", args, 3);
}

/* Subnormals stay, for bfmmla to take them for zero. */
static IrValue round_bfcvtn(Emit *e, IrValue x)
{
    if (!cpu_has_dot_bf16(e->cpu))
        return bf16_round(e, x);
    IrType halves = emit_vector_of(e, LLVMBFloatTypeInContext(e->context));
    return LLVMBuildFPExt(e->ir, LLVMBuildFPTrunc(e->ir, x, halves, ""), e->vf, "");
}

static const IsaDot dots[] = {{DT_FLOAT, .emit = emit_fma},
                              {DT_BFLOAT16, CNXRT_CPU_ARM_BF16, .pairs = true, .emit = bfmmla},
                              {DT_BFLOAT16, .flushes = true, .emit = bf16_dot},
                              {DT_INT8, CNXRT_CPU_ARM_I8MM, .pairs = true, .emit = smmla},
                              {DT_INT8, CNXRT_CPU_ARM_DOTPROD, .by_lane = true, .emit = sdot},
                              {DT_INT8, .emit = multiply_bytes},
                              {0}};

const Isa isa_neon = {
    .name = "neon",
    .start_llvm = start_llvm,
    .hold = 'w',
    .touches_stack = touches_stack,
    .max = emit_maximum, /* fmax hands on any NaN */
    .min = emit_minimum,
    .table_floats = 8,
    .permute = permute,
    .dots = dots,
    .round_bf16 = round_bfcvtn,
    .flushing_mode = flushing_mode,
    .present_mode = present_mode,
    .set_mode = "llvm.aarch64.set.fpcr",
};
