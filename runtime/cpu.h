/* CPU: does this machine have the instructions that the model was compiled for? */
#ifndef CNXRT_CPU_H
#define CNXRT_CPU_H

#include <stddef.h>
#include <stdint.h>

/* CNXRT_CPU_ bits that the processor has and the operating system saves. */
int64_t cpu_features(void);

/* "AVX512, AVX512_BF16" for the bits of `features`, into text; returns text. */
const char *cpu_feature_names(int64_t features, char *text, size_t size);

#endif
