/* What things cost, in cycles: see cost.c. Operands are taken to lie in the innermost cache. */
#ifndef CNXC_SCHEDULE_COST_H
#define CNXC_SCHEDULE_COST_H

#include "compiler/schedule/tile.h"

double kernel_cycles(const Kernel *kernel, const CpuProfile *cpu); /* of one call */
double phase_cycles(const Phase *phase, const CpuProfile *cpu, int64_t threads); /* of the thread that has most to do */

#endif
