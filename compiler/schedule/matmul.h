/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of matrices, and their epilogues. */
#ifndef CNXC_SCHEDULE_MATMUL_H
#define CNXC_SCHEDULE_MATMUL_H

#include "compiler/schedule/gemm.h"

bool product_lower(Lowering *l, const Node *node, Epilogue *epilogue); /* MatMul or Gemm; NULL: no epilogue */
bool epilogue_is_linear(const Fusion *epilogue); /* every operand is rows × columns with one row stride */
View matrix_rows(Lowering *l, View a);           /* [..., k] as floats [m, k] */
Ref split_bias(Lowering *l, const char *name, const Fusion **epilogue, int64_t n); /* buffer NULL: it has none */

#endif
