/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Instruction sets: what differs between them when code is generated is one value, and nothing else in this room asks
 * which machine the code is for. (QBE's Target does the same for a whole compiler.)
 *
 *     emit_max(e, a, b)  →  e->isa->max(e, a, b)  →  a compare and a select on x86, llvm.maximum on aarch64
 *
 * A CPU profile names its set (cpu->isa); isa.c finds it. Numbers of the CPU itself, such as lanes and registers, stay
 * in the profile. What LLVM's own intrinsics give every machine as well as can be is in emit.c: loads and stores of a
 * tail by constant masks, halves, conversions. */
#ifndef CNXC_CODEGEN_ISA_H
#define CNXC_CODEGEN_ISA_H

#include "compiler/codegen/emit.h"

/* The inner step of a product: c plus, in each 32-bit lane, the products of the elements of a and b that lie there, of
 * which there are as many as fill it. a and b are vf, whatever they hold; c is vf, or vi where it sums up integers.
 *
 * Where it takes rows in pairs, a has a group of two rows each, b of two columns, and c the sums of row, column 0 0, 0 1, 1 0
 * and 1 1.
 *
 * Of the rows for a product the first counts whose features the CPU has. */
typedef struct IsaDot {
    DType element;               /* of the weights, b; DT_UNDEFINED ends the table */
    int64_t features;            /* CNXRT_CPU_ bits */
    bool pairs;                  /* takes rows in pairs */
    bool by_lane;                /* takes a lane of a as it is, if a is that lane in all */
    bool flushes;                /* right only where subnormals are flushed: between bf16_begin and bf16_end */
    IrValue (*emit)(Emit *e, IrValue a, IrValue b, IrValue c);
} IsaDot;

/* A matrix unit, whose registers have numbers and are tiles of cpu_matrix_unit rows and as many groups a row. */
typedef struct IsaTiles {
    void (*begin)(Emit *e);      /* around code that uses tiles */
    void (*end)(Emit *e);
    void (*clear)(Emit *e, int64_t tile);
    void (*load)(Emit *e, int64_t tile, IrValue address, int64_t stride, bool stream); /* stream: not for the caches */
    void (*store)(Emit *e, int64_t tile, IrValue address, int64_t stride);
    /* sums += a * b, in groups of these elements: pairs of bf16, or quads of bytes whose a is unsigned */
    void (*multiply)(Emit *e, DType element, int64_t sums, int64_t a, int64_t b);
} IsaTiles;

typedef struct Isa {
    const char *name;            /* CpuProfile.isa */
    void (*start_llvm)(void);    /* makes LLVM's back end known; may be called again */
    char hold;                   /* inline assembly's letter for a vector register */
    bool (*touches_stack)(const char *instruction); /* as LLVM prints it: moves a whole vector to or from the stack */

    EmitCombine *max, *min;      /* one instruction: emit_max, emit_min */
    int64_t table_floats;        /* of which one permutation picks: 4, 8 or 16 */
    /* Floats of the table at an address, by the low bits of `index`, numbers to which 1.5 * 2^23 was added. */
    IrValue (*permute)(Emit *e, IrValue table, IrValue index);
    IrValue (*scale)(Emit *e, IrValue value, IrValue power); /* value * 2^power, a whole float; NULL: no instruction */

    const IsaDot *dots;
    IrValue (*round_bf16)(Emit *e, IrValue x); /* vf → vf with bf16's values; subnormals become zero */
    /* The rounding mode: the one that flushes subnormals and rounds to nearest, the present one, and what takes either. */
    IrValue (*flushing_mode)(Emit *e);
    IrValue (*present_mode)(Emit *e);
    const char *set_mode;        /* an intrinsic */
    const IsaTiles *tiles;       /* NULL: the set has no matrix unit */
} Isa;

extern const Isa isa_sse4, isa_avx2, isa_avx512; /* isa_x86.c */
extern const IsaTiles isa_amx;                   /* isa_amx.c */
extern const Isa isa_neon;                       /* isa_aarch64.c */

const Isa *isa_of(const CpuProfile *cpu);
/* How the CPU multiplies vectors. */
const IsaDot *isa_dot(const CpuProfile *cpu, Product product);

#endif
