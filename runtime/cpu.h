/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* CPU: does this machine have the instructions that the model was compiled for, and which of its variants is best? */
#ifndef CNXRT_CPU_H
#define CNXRT_CPU_H

#include "runtime/model.h"

#include <stddef.h>
#include <stdint.h>

/* CNXRT_CPU_ bits that the processor has and the operating system saves. */
int64_t cpu_features(void);

/* Those of the CNXRT_CPU_ bits that cannot be used here. Asks the system for the tile registers, which it gives to those
 * who ask only, if they are among the bits. */
int64_t cpu_missing(int64_t needed);

/* Asks the system for the tile registers; 0: this process has them, else errno. */
int cpu_tiles_refused(void);

/* The best variant that this machine runs; NULL: it runs none. */
const CnxrtVariant *cpu_variant(const CnxrtModel *compiled);

/* What keeps a machine from running any variant, into text; returns text. */
const char *cpu_refusal(const CnxrtModel *compiled, char *text, size_t size);

/* "AVX512, AVX512_BF16" for the bits of `features`, into text; returns text. */
const char *cpu_feature_names(int64_t features, char *text, size_t size);

#endif
