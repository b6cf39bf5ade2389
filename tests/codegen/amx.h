/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* AMX without AMX: generated code runs as it is, and each instruction that the processor refuses is done in C. */
#ifndef CNXC_TESTS_CODEGEN_AMX_H
#define CNXC_TESTS_CODEGEN_AMX_H

#include <stdint.h>

typedef struct AmxCounts {
    int64_t configured, released, loaded, streamed, stored, products; /* instructions of all threads so far */
} AmxCounts;

/* From now on SIGILL means AMX, unless the processor has it: then the kernel is asked to grant it to this process. */
void amx_install(void);
AmxCounts amx_counts(void);

#endif
