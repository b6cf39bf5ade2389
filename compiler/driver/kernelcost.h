/* Cycles of a kernel whose operands lie in the innermost cache. */
#ifndef CNXC_DRIVER_KERNELCOST_H
#define CNXC_DRIVER_KERNELCOST_H

#include "compiler/schedule/tile.h"

double kernel_cycles(const Kernel *kernel, const CpuProfile *cpu);

#endif
