/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Hash. The runtime is compiled for the baseline, where XXH3 hashes 6 GB/s on a machine that hashes 16 GB/s with AVX2: of
 * 115 MB of weights that is 19 ms or 7, in programs that take 50 for a picture. */
#include "runtime/hash.h"

#include "runtime/cpu.h"
#include "runtime/model.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_bytes(const void *bytes, size_t size)
{
#if defined(__x86_64__)
    if (!cpu_missing(CNXRT_CPU_AVX2))
        return hash_bytes_avx2(bytes, size);
#endif
    return XXH3_64bits(bytes, size);
}
