/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Installed: what lies beside this program, wherever it was moved. */
#ifndef CNXC_IR_BASE_INSTALLED_H
#define CNXC_IR_BASE_INSTALLED_H

#include "ir/base/arena.h"

const char *installed_dir(Arena *arena); /* PREFIX/lib/cnxc of PREFIX/bin/PROGRAM, all links followed */

#endif
