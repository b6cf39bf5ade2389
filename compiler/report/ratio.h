/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The ratio of two times, and how well it is known. */
#ifndef CNXC_REPORT_RATIO_H
#define CNXC_REPORT_RATIO_H

#include <stdint.h>

typedef struct Ratio {
    double value;     /* B / A */
    double low, high; /* it lies between them with the confidence asked for; 0 and infinity: so few pairs do not say */
} Ratio;

enum { FEWEST_PAIRS = 6 }; /* that 95 % can be said of */

/* Of pairs that were measured under like conditions, each as log(B / A). error: 0.05 for 95 %. */
Ratio ratio_of_pairs(const double *logs, int64_t count, double error);

#endif
