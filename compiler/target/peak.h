/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* This machine's peak of multiply-adds, measured. */
#ifndef CNXC_TARGET_PEAK_H
#define CNXC_TARGET_PEAK_H

#include "ir/tensor.h"

/* FLOP/s, or operations of integers, of so many threads at once, for each of which there must be a processor, in registers only,
 * with the matrix unit or else the widest vectors there are; 0: can't be measured. precision: what is multiplied: floats, bf16 with
 * sums in float, quads of bytes. Where the CPU has no instruction for them, that of floats. */
double peak_flops(DType precision, int64_t n_threads);
bool peak_is_own(DType precision); /* the CPU has an instruction for them */

#endif
