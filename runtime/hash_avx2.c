/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Hash, for processors with AVX2: the same header, which sees what it may use. */
#include "runtime/hash.h"

#if defined(__x86_64__)
#include <immintrin.h> /* before the pragma: its functions have targets of their own */
#pragma GCC target("avx2")
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_bytes_avx2(const void *bytes, size_t size) { return XXH3_64bits(bytes, size); }
#endif
