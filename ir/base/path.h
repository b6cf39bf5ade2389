/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Paths as text: nothing is looked up. */
#ifndef CNXC_IR_BASE_PATH_H
#define CNXC_IR_BASE_PATH_H

#include "ir/base/arena.h"

const char *path_directory(Arena *arena, const char *path); /* "a/b" → "a", "/b" → "/", "b" → "." */
const char *path_base(const char *path);                    /* "a/b" → "b" */
const char *path_stem(Arena *arena, const char *path);      /* "a/libb.so" → "a/libb", ".c" → ".c" */

#endif
