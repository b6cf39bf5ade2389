/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What lies in a folder. */
#ifndef CNXC_IR_BASE_LISTING_H
#define CNXC_IR_BASE_LISTING_H

#include "ir/base/str.h"

#include <stdbool.h>

bool listing_read(const char *dir, Arena *arena, StrList *names); /* sorted, without hidden ones; false: errno says why */
bool path_is_dir(const char *path);

#endif
