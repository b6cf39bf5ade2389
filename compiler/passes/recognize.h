/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The rules of pass_recognize, by file. */
#ifndef CNXC_PASSES_RECOGNIZE_H
#define CNXC_PASSES_RECOGNIZE_H

#include "ir/graph.h"

bool recognize_gelu(Node *root);       /* Erf or Tanh */
bool recognize_norm(Node *root);       /* Div or Mul: (x - mean) / sqrt(variance + epsilon), x / sqrt(mean of x² + epsilon) */
bool recognize_norm_scale(Node *root); /* Mul after a LayerNormalization without scale */
bool recognize_norm_bias(Node *root);  /* Add after a LayerNormalization without bias */
bool recognize_batch_norm(Node *node); /* of constants; in pass_layout already */

#endif
