/* This machine's peak of fp32 multiply-adds, measured. */
#ifndef CNXC_DRIVER_PEAK_H
#define CNXC_DRIVER_PEAK_H

#include <stdint.h>

/* FLOP/s of so many threads at once, in registers only, with the widest vectors there are; 0: can't be measured. */
double peak_flops(int64_t n_threads);

#endif
