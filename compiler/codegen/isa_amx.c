/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* AMX: eight tile registers, multiplied by tdpbf16ps, or as bytes, unsigned by signed, by tdpbusd, whose sums are exact.
 *
 * What tdpbf16ps computes (Intel SDM volume 2, TDPBF16PS; Bochs does the same), for each row m and column n of a tile:
 *
 *     even = odd = 0
 *     for k in 16 pairs:  even = round(even + a[m][2k] * b[k][2n]);  odd = round(odd + a[m][2k+1] * b[k][2n+1])
 *     c[m][n] = round(c[m][n] + round(even + odd))
 *
 * to nearest even, subnormal operands and results as zero, whatever MXCSR says. These are not vdpbf16ps's bits.
 *
 * The intrinsics name registers (llvm.x86.tdpbf16ps, not .internal, for which LLVM allocates them and configures them
 * in every function). All tiles have one shape, 16 rows of 64 bytes. */
#include "compiler/codegen/isa.h"

enum { CONFIG_BYTES = 64, N_TILES = 8 };

/* Palette 1: bytes of a row at 16, two each; rows at 48, one each (Intel SDM volume 2, LDTILECFG). */
static IrValue configuration(Emit *e)
{
    enum { ROW_BYTES_AT = 16, ROWS_AT = 48 };
    IrValue config = LLVMGetNamedGlobal(e->module, "tile_configuration"), bytes[CONFIG_BYTES];
    int64_t unit = e->lanes, values[CONFIG_BYTES] = {1};
    if (config)
        return config;
    for (int i = 0; i < N_TILES; i++) {
        values[ROW_BYTES_AT + 2 * i] = unit * (int64_t)sizeof(float);
        values[ROWS_AT + i] = unit;
    }
    for (int i = 0; i < CONFIG_BYTES; i++)
        bytes[i] = LLVMConstInt(e->i8, (unsigned long long)values[i], 0);
    config = LLVMAddGlobal(e->module, LLVMArrayType2(e->i8, CONFIG_BYTES), "tile_configuration");
    LLVMSetInitializer(config, LLVMConstArray2(e->i8, bytes, CONFIG_BYTES));
    LLVMSetGlobalConstant(config, 1);
    LLVMSetLinkage(config, LLVMPrivateLinkage);
    LLVMSetAlignment(config, CONFIG_BYTES);
    return config;
}

static void begin(Emit *e)
{
    IrValue config = configuration(e);
    emit_intrinsic_fixed(e, "llvm.x86.ldtilecfg", &config, 1);
}

static void end(Emit *e) { emit_intrinsic_fixed(e, "llvm.x86.tilerelease", NULL, 0); }

static IrValue tile_register(const Emit *e, int64_t number) { return LLVMConstInt(e->i8, (unsigned long long)number, 0); }

static void move(Emit *e, const char *intrinsic, int64_t tile, IrValue address, int64_t stride)
{
    emit_intrinsic_fixed(e, intrinsic, (IrValue[]){tile_register(e, tile), address, emit_i64(e, stride)}, 3);
}

static void clear(Emit *e, int64_t tile) { emit_intrinsic_fixed(e, "llvm.x86.tilezero", (IrValue[]){tile_register(e, tile)}, 1); }

static void load(Emit *e, int64_t tile, IrValue address, int64_t stride, bool stream)
{
    move(e, stream ? "llvm.x86.tileloaddt164" : "llvm.x86.tileloadd64", tile, address, stride);
}

static void store(Emit *e, int64_t tile, IrValue address, int64_t stride)
{
    move(e, "llvm.x86.tilestored64", tile, address, stride);
}

static void multiply(Emit *e, DType element, int64_t sums, int64_t a, int64_t b)
{
    IrValue args[] = {tile_register(e, sums), tile_register(e, a), tile_register(e, b)};
    emit_intrinsic_fixed(e, element == DT_INT8 ? "llvm.x86.tdpbusd" : "llvm.x86.tdpbf16ps", args, 3);
}

const IsaTiles isa_amx = {begin, end, clear, load, store, multiply};
