/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Rounds: work that all threads begin at the same moment, some times over, for measuring what a machine can do. */
#ifndef CNXC_TARGET_ROUNDS_H
#define CNXC_TARGET_ROUNDS_H

#include <stdint.h>

typedef double RoundWork(const void *argument); /* returns how much it has done */

enum { ROUNDS_MOST_THREADS = 1024 };

/* The best rate of all threads together, in the work's units a second; 0: the threads can't be started. Thread i is given the
 * i-th argument; arguments NULL: NULL. */
double rounds_best(RoundWork *work, const void *const *arguments, int64_t n_threads, int rounds);

#endif
