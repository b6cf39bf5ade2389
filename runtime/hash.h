/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Hash: XXH3-64, as fast as the memory is. */
#ifndef CNXRT_HASH_H
#define CNXRT_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t size);

uint64_t hash_bytes_avx2(const void *bytes, size_t size); /* for hash_bytes */

#endif
