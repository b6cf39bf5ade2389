/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Rounding weights so that errors make up for each other on the rows they are multiplied by. */
#ifndef CNXC_BUILD_CALIBRATE_ROUNDING_H
#define CNXC_BUILD_CALIBRATE_ROUNDING_H

#include <stdint.h>

/* rounded, [k,n]: weights over scales, given rows [m,k] of what they multiply. */
void round_by_rows(const float *rows, int64_t m, const float *weights, int64_t k, int64_t n, const float *scales,
                   int8_t *rounded);

#endif
