/* This machine's peak of multiply-adds, measured. */
#ifndef CNXC_TARGET_PEAK_H
#define CNXC_TARGET_PEAK_H

#include <stdint.h>

/* FLOP/s of so many threads at once, for each of which there must be a processor, in registers only, with the widest vectors
 * there are; 0: can't be measured. */
double peak_flops(int64_t n_threads);
/* The same of bf16 with sums in fp32; where the CPU has no instruction for them, of fp32. */
double peak_flops_bf16(int64_t n_threads);

#endif
