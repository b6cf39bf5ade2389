/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* This machine's bandwidth of memory, measured. */
#ifndef CNXC_TARGET_BANDWIDTH_H
#define CNXC_TARGET_BANDWIDTH_H

#include <stdint.h>

/* Bytes a second that so many threads read together, of more than the caches are likely to hold; 0: can't be measured. */
double bandwidth_read(int64_t n_threads);

#endif
