/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* CPU profiles: what the schedule and the code generator know of a processor.
 *
 * A profile is an XML file (profile.rng says its form, docs/cpu-profiles.md explains it). The shipped ones are part of
 * the compiler and read when they are asked for; others come from the user, or from this machine. */
#ifndef CNXC_TARGET_CPU_H
#define CNXC_TARGET_CPU_H

#include "ir/base/arena.h"
#include "ir/base/diag.h"
#include "ir/tensor.h"
#include "runtime/model.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum CpuArch { ARCH_X86_64, ARCH_AARCH64 } CpuArch;

typedef enum ScheduleOp { SCHEDULE_GEMM, SCHEDULE_BLOCK } ScheduleOp;

enum { SCHEDULE_DIMS = 5, PREFETCH_UNSAID = -1 };

/* What a choice of the schedule is for. */
typedef struct ScheduleShape {
    ScheduleOp op;
    DType precision;             /* of the weights: other tiles are best for other products */
    int64_t dims[SCHEDULE_DIMS]; /* gemm: m, k, n; block: images, height, width, channels, hidden; the rest 0 */
} ScheduleShape;

/* A choice that overrides the model's; 0: not said, except where noted. */
typedef struct ScheduleChoice {
    ScheduleShape shape;
    int64_t tile_rows, tile_columns; /* of the kernel */
    int64_t row_block;               /* rows of a chunk: of A (gemm), of the picture (block) */
    int64_t hidden_chunk;            /* columns of the wide side that are kept at a time (block) */
    int64_t prefetch;                /* panels ahead; 0: none; PREFETCH_UNSAID */
    int64_t thread_split;            /* chunks that the work is cut into */
    int64_t tried;                   /* candidates that `cnxc tune` has compared with it */
} ScheduleChoice;

typedef struct CpuProfile {
    const char *name;         /* as in -mcpu= */
    const char *summary;      /* one line for people; "" if there is none */
    CpuArch arch;
    const char *llvm_cpu;     /* LLVM's scheduling model */
    const char *features;     /* LLVM's feature string: exactly what the code may use */
    const char *isa;          /* suffix of kernel names: sse4, avx2, avx512, neon */
    const char *tile_isa;     /* that of kernels for the matrix unit: amx */
    int64_t runtime_features; /* CNXRT_CPU_ bits that say the same */
    int64_t vector_bytes;     /* 16, 32 or 64 */
    int64_t n_vectors;        /* architectural vector registers: 16 or 32 */
    int64_t fma_per_cycle;    /* multiply-adds of whole vectors */
    int64_t fma_latency;      /* cycles */
    int64_t datapath_bytes;   /* of a vector that a unit takes at a time; 0: not known, taken for all */
    int64_t matrix_registers, matrix_rows, matrix_row_bytes; /* the matrix unit; 0 registers: none */
    int64_t l1d_bytes, l2_bytes, l3_bytes;             /* l3_bytes 0: none */
    int64_t line_bytes;
    int64_t l2_shared_by, l3_shared_by;                /* cores that share one */
    int64_t cores;
    int64_t mhz;              /* in vector code; 0: not known */
    int64_t l1_bandwidth, l2_bandwidth, l3_bandwidth;  /* bytes a core reads in a cycle; 0: not known */
    int64_t memory_bandwidth; /* 10^9 bytes a second, all cores together; 0: not known */
    const ScheduleChoice *choices;
    int64_t n_choices;
} CpuProfile;

/* What an x86-64 processor says of itself in CPUID leaves 0 and 1 (Intel SDM volume 2). */
typedef struct CpuId {
    bool is_intel, is_amd;
    unsigned family, model;
} CpuId;

CpuId cpu_id(void); /* of this machine; all zero: it is no x86-64 */
const char *cpu_id_name(CpuId id, int64_t features); /* its profile's name; NULL: not one of ours */

const CpuProfile *cpu_find(const char *name); /* NULL: unknown; "native" is cpu_host() */
const CpuProfile *cpu_host(void);             /* what this machine is; NULL: none of the shipped ones runs here */
CpuArch cpu_host_arch(void);
int64_t cpu_count(void);                      /* of the shipped ones */
const CpuProfile *cpu_at(int64_t index);
const char *cpu_name_at(int64_t index);       /* the same profile's name, without reading it */
const char *cpu_nearest(const char *name);    /* for did-you-mean; NULL */

/* A profile from a file. NULL after diagnostics. */
const CpuProfile *cpu_read(const char *path, Arena *arena, Diag *diag);
const CpuProfile *cpu_read_text(const char *text, Arena *arena, Diag *diag); /* what cpu_write has written */
/* The profile as XML that cpu_read reads back: whole, extending nothing. */
void cpu_write(const CpuProfile *cpu, FILE *out);

/* A choice's attributes as they stand there: op="gemm" shape="49x768x3072" row-block="49" */
void choice_write(const ScheduleChoice *choice, FILE *out);

/* The choice for a shape, NULL: the model decides. */
const ScheduleChoice *cpu_choice(const CpuProfile *cpu, const ScheduleShape *shape);
bool schedule_shape_equal(const ScheduleShape *a, const ScheduleShape *b);

static inline int64_t cpu_lanes(const CpuProfile *cpu) { return cpu->vector_bytes / 4; } /* floats in a vector */
/* Columns that hold n: whole vectors, and at the end half a one where that is enough and costs half. Only vectors of 64 bytes
 * have halves: code for AVX2 is generated for whole ones. */
static inline int64_t cpu_columns(const CpuProfile *cpu, int64_t n)
{
    bool halves = cpu->vector_bytes == 64 && cpu->datapath_bytes == 32;
    int64_t least = halves ? cpu_lanes(cpu) / 2 : cpu_lanes(cpu);
    return (n + least - 1) / least * least;
}
static inline bool cpu_has_fma(const CpuProfile *cpu)
{
    return cpu->arch == ARCH_AARCH64 || (cpu->runtime_features & CNXRT_CPU_FMA);
}
/* Instructions that multiply two rows by two columns: bfmmla, smmla. */
static inline bool cpu_pairs_rows(const CpuProfile *cpu, DType precision)
{
    int64_t wanted = precision == DT_BFLOAT16 ? CNXRT_CPU_ARM_BF16 : precision == DT_INT8 ? CNXRT_CPU_ARM_I8MM : 0;
    return (cpu->runtime_features & wanted) != 0;
}
/* vdpbf16ps on whole vectors, bfmmla */
static inline bool cpu_has_dot_bf16(const CpuProfile *cpu)
{
    return ((cpu->runtime_features & CNXRT_CPU_AVX512_BF16) && cpu->vector_bytes == 64) || cpu_pairs_rows(cpu, DT_BFLOAT16);
}
/* vpdpbusd on whole vectors, sdot */
static inline bool cpu_has_dot_int8(const CpuProfile *cpu)
{
    int64_t wanted = cpu->arch == ARCH_AARCH64 ? CNXRT_CPU_ARM_DOTPROD
                     : cpu->vector_bytes == 64 ? CNXRT_CPU_AVX512_VNNI
                                               : CNXRT_CPU_AVX_VNNI;
    return (cpu->runtime_features & wanted) != 0 && (cpu->vector_bytes >= 32 || cpu->arch == ARCH_AARCH64);
}
/* The matrix unit for bf16 or int8, 0: none. Its products are of so many rows, columns and groups of K: 16 with AMX, of which
 * a product of 2 x 2 tiles needs all eight registers. */
static inline int64_t cpu_matrix_unit(const CpuProfile *cpu, DType precision)
{
    int64_t unit = cpu_lanes(cpu), wanted = precision == DT_BFLOAT16 ? CNXRT_CPU_AMX_BF16 : CNXRT_CPU_AMX_INT8;
    bool fits = cpu->matrix_registers >= 8 && cpu->matrix_rows >= unit && cpu->matrix_row_bytes >= 4 * unit;
    return (cpu->runtime_features & wanted) && cpu->vector_bytes == 64 && fits ? unit : 0;
}
/* CNXRT_CPU_ bits that code takes which leaves the matrix unit alone. */
static inline int64_t cpu_features_without_tiles(const CpuProfile *cpu)
{
    return cpu->runtime_features & ~(int64_t)CNXRT_CPU_AMX;
}

#endif
