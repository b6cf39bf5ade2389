/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Rows of floats as 8-bit integers, in plain loops. */
#include "ir/quantize.h"

#include <math.h>
#include <stdbool.h>

RowScale quantize_scale(const double *row, int64_t n)
{
    float low = 0, high = 0;
    bool is_nan = false;
    for (int64_t i = 0; i < n; i++) {
        float a = (float)row[i];
        is_nan |= isnan(a);
        low = a < low ? a : low;
        high = a > high ? a : high;
    }
    float span = high - low < LEAST_SPAN ? LEAST_SPAN : high - low;
    return (RowScale){is_nan ? NAN : span / SPAN_STEPS, low, SPAN_STEPS / span};
}

int32_t quantize_element(const RowScale *scale, double element)
{
    double q = rint((double)((float)element - scale->low) * scale->inverse);
    return isfinite(q) ? (int32_t)q : 0;
}
