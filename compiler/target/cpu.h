/* CPU profiles: what the schedule and the code generator know of a processor. */
#ifndef CNXC_TARGET_CPU_H
#define CNXC_TARGET_CPU_H

#include "ir/base/arena.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct CpuProfile {
    const char *name;       /* as in -mcpu= */
    const char *llvm_cpu;   /* LLVM's scheduling model */
    const char *features;   /* LLVM's feature string: exactly what the code may use */
    const char *isa;        /* suffix of kernel names: avx2, avx512 */
    int64_t runtime_features; /* CNXRT_CPU_ bits that say the same */
    int64_t vector_bytes;   /* 32 or 64 */
    int64_t n_vectors;      /* architectural vector registers: 16 or 32 */
    int64_t l1d_bytes, l2_bytes, l3_bytes; /* L1 and L2 for each core, L3 shared */
    int64_t cores;
} CpuProfile;

const CpuProfile *cpu_find(const char *name); /* NULL: unknown; "native" is cpu_host() */
const CpuProfile *cpu_host(void);             /* the best shipped profile that this machine can run, caches filled in */
int64_t cpu_count(void);
const CpuProfile *cpu_at(int64_t index);
static inline int64_t cpu_lanes(const CpuProfile *cpu) { return cpu->vector_bytes / 4; } /* floats in a vector */

#endif
