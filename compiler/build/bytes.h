/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Bytes of a file: written at a place, hashed. */
#ifndef CNXC_BUILD_BYTES_H
#define CNXC_BUILD_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of them, or false: errno says why. */
bool bytes_write(int file, const void *bytes, size_t size, int64_t offset);

/* XXH3-64 of the file's bytes [from, to). False: errno says why. */
bool bytes_hash(int file, int64_t from, int64_t to, uint64_t *hash);

#endif
