/* The rules of pass_recognize, by file. */
#ifndef CNXC_PASSES_RECOGNIZE_H
#define CNXC_PASSES_RECOGNIZE_H

#include "ir/graph.h"

bool recognize_gelu(Node *root);       /* Erf or Tanh */
bool recognize_layernorm(Node *root);  /* Div or Mul: (x - mean) / sqrt(variance + epsilon) */
bool recognize_norm_scale(Node *root); /* Mul after a LayerNormalization without scale */
bool recognize_norm_bias(Node *root);  /* Add after a LayerNormalization without bias */
bool recognize_l2(Node *root);         /* Sqrt of a sum of squares */
bool recognize_gemm(Node *root);       /* Gemm → MatMul and Add */
bool recognize_batch_norm(Node *root); /* BatchNormalization → Mul and Add */

#endif
