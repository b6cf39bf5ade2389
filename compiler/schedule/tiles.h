/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products on a matrix unit. */
#ifndef CNXC_SCHEDULE_TILES_H
#define CNXC_SCHEDULE_TILES_H

#include "compiler/schedule/gemm.h"

Tiling tiles_rows(const Panels *panels, int64_t m);
Ref tiles_take(Lowering *l, const Gemm *g, Kernel *kernel); /* makes it KERNEL_TILES; its argument for the sums */

#endif
