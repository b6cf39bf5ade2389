/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* MatMulInteger by constant bytes, on the kernels of any product. */
#ifndef CNXC_SCHEDULE_INTEGER_H
#define CNXC_SCHEDULE_INTEGER_H

#include "compiler/schedule/expr.h"

bool integer_lower(Lowering *l, const Node *node, Epilogue *epilogue);

#endif
