/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The cost model: cycles, by kernels' parameters and the CPU profile alone. Operands are taken to lie in the innermost cache. */
#ifndef CNXC_SCHEDULE_COST_H
#define CNXC_SCHEDULE_COST_H

#include "compiler/schedule/program.h"

double kernel_cycles(const Kernel *kernel, const CpuProfile *cpu); /* of one call */
double phase_cycles(const Phase *phase, const CpuProfile *cpu, int64_t threads); /* of the thread that has most to do */

/* Of a step in K over m rows of a product's panel of nr columns, in tiles of at most `rows` rows. */
double panel_step_cycles(const CpuProfile *cpu, Product product, int64_t m, int64_t rows, int64_t nr);

#endif
