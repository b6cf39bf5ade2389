/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Entries of the cache: files that are whole, in use, or in the way. */
#ifndef CNXC_BUILD_ENTRY_H
#define CNXC_BUILD_ENTRY_H

#include "ir/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

/* The entry at path can be run: it is what was put there, to the last bit. Until this process ends nobody removes it. */
bool entry_open(const char *path);

/* Puts a finished file into the cache as path, opens it so, and removes others, those first that were not used for longest,
 * until all hold at most `limit` bytes or nothing is left that nobody uses. False after a diagnostic. */
bool entry_put(const char *made, const char *path, int64_t limit, Arena *arena, Diag *diag);

#endif
