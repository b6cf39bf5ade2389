/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Features: LLVM's names of instruction sets, and the bits that an artifact checks for them before it runs. */
#ifndef CNXC_TARGET_FEATURES_H
#define CNXC_TARGET_FEATURES_H

#include "compiler/target/cpu.h"

/* A set: bit i is row i of the table. */
typedef uint64_t FeatureSet;

/* Index of a name among an architecture's features; -1: there is none, or nothing would check it. */
int feature_find(CpuArch arch, const char *name);
const char *feature_nearest(CpuArch arch, const char *name); /* NULL: none is near */

const char *features_text(FeatureSet set, const char *before, const char *between, Arena *arena);
FeatureSet features_parse(CpuArch arch, const char *llvm_string); /* "+avx,+avx2" as features_text wrote it */
int64_t features_bits(FeatureSet set);                            /* CNXRT_CPU_ */
/* All rows that the bits allow. */
FeatureSet features_allowed(CpuArch arch, int64_t bits);
/* What vectors of so many bytes and so many registers need and the set lacks; NULL: nothing. */
const char *features_missing(CpuArch arch, FeatureSet set, int64_t vector_bytes, int64_t n_vectors, Arena *arena);

#endif
