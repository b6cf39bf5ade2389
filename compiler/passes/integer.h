/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of integers: the form that kernels multiply, and products of floats that are exact. */
#ifndef CNXC_PASSES_INTEGER_H
#define CNXC_PASSES_INTEGER_H

#include "ir/graph.h"

/* By constant int8 [K,N] without zero points, and one zero point of the rows: what the kernels of products multiply. */
bool integer_matmul_is_legal(const Node *node);
void integer_make_matmul(Node *node); /* that, or products of floats */
void integer_make_conv(Node *node);   /* that, or convolutions of floats; unsupported where a group's sums are too long */

/* Whether a convolution's windows lie side by side, so that it is a product of patches. */
bool integer_patches(const Node *conv);

#endif
