/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of dequantised tensors. */
#ifndef CNXC_PASSES_DEQUANTIZED_H
#define CNXC_PASSES_DEQUANTIZED_H

#include "ir/graph.h"

/* Before QuantizeLinear and DequantizeLinear are spelled; true: the graph changed. */
bool dequantized_to_integers(Graph *graph);

#endif
