/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* How rows of floats become 8-bit integers where a product finds its scales itself, said once for the interpreter, the passes
 * and the code generator.
 *
 *   step = (high - low) / 255        a ~ low + q * step        q in 0 … 255; low and high include 0
 *
 * q is the nearest integer, halves to even, of the exact product of (a - low), a float, and 1 / step, which is computed as the
 * float 255 / (high - low). A row of zeros, or nearly so, has the step of LEAST_SPAN. A NaN makes all of its row NaN, an
 * infinity no finite number of it. */
#ifndef CNXC_IR_QUANTIZE_H
#define CNXC_IR_QUANTIZE_H

#include <stdint.h>

static const float LEAST_SPAN = 0x1p-100f;

enum { SPAN_STEPS = 255, WEIGHT_STEPS = 127 /* on either side of 0, of a column of weights */ };

typedef struct RowScale {
    float step, low, inverse;
} RowScale;

RowScale quantize_scale(const double *row, int64_t n);
int32_t quantize_element(const RowScale *scale, double element);

#endif
