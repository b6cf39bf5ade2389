/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Time, for what is measured and said: seconds of a clock that nobody sets back. */
#ifndef CNXC_IR_BASE_CLOCK_H
#define CNXC_IR_BASE_CLOCK_H

#include <time.h>

static inline double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif
