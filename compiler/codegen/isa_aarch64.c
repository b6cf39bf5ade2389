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

/* tbl picks bytes from two vectors as fast as from one: eight floats. Lane number n becomes the bytes 4n, 4n + 1, 4n + 2,
 * 4n + 3 by one multiply-add, which also takes off the bits above the number: 0x4b400000, those of 1.5 * 2^23, times 4. */
static IrValue permute(Emit *e, IrValue table, IrValue index)
{
    IrType bytes = LLVMVectorType(e->i8, 16);
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

/* No bfdot: it rounds to odd and in another order, so that results would not be those of other CPUs (Arm ARM, BFDOT). */
static const IsaDot dots[] = {{DT_FLOAT, .emit = emit_fma}, {DT_BFLOAT16, .flushes = true, .emit = bf16_dot}, {0}};

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
    .round_bf16 = bf16_round,
    .flushing_mode = flushing_mode,
    .present_mode = present_mode,
    .set_mode = "llvm.aarch64.set.fpcr",
};
