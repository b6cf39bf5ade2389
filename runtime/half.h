/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Half precision by integers: what LLVM calls where a CPU has no instructions for it (F16C). Their names and types are those of
 * compiler-rt and libgcc, of which artifacts link neither. */
#ifndef CNXRT_HALF_H
#define CNXRT_HALF_H

float __extendhfsf2(_Float16 half);
_Float16 __truncsfhf2(float value);   /* to the nearest, halfway cases to even */
_Float16 __truncdfhf2(double value);  /* likewise, rounded once */

#endif
