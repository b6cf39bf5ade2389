/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Prefixes of C symbols. */
#ifndef CNXC_BUILD_PREFIX_H
#define CNXC_BUILD_PREFIX_H

#include "ir/base/arena.h"

#include <stdbool.h>

/* A C identifier from a file's name: "lib" and extensions dropped, other characters replaced. */
const char *prefix_from_path(Arena *arena, const char *path);
bool prefix_is_valid(const char *prefix); /* an identifier, and no keyword */

#endif
