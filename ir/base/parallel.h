/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Parallel: a loop over independent ranges, on a few threads. */
#ifndef CNXC_IR_BASE_PARALLEL_H
#define CNXC_IR_BASE_PARALLEL_H

#include <stdint.h>

/* How many threads loops may use from now on; 0: as many as there are processors, at most 8. */
void parallel_set_jobs(int64_t jobs);

int64_t parallel_jobs(void); /* that number */

/* Processors that this process may use at once. */
int64_t parallel_cores(void);

typedef void RangeBody(void *context, int64_t begin, int64_t end);

/* Calls body for ranges that together are [0, count). What it computes must not depend on how they are cut; it must not
 * allocate from an arena or report diagnostics. `grain`: a range of fewer iterations is not worth a thread. */
void parallel_ranges(int64_t count, int64_t grain, RangeBody *body, void *context);

#endif
