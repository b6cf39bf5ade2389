/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sums and products of element types that floats do not hold. */
#ifndef CNXC_SCHEDULE_EXACT_H
#define CNXC_SCHEDULE_EXACT_H

#include "compiler/schedule/view.h"

bool exact_wanted(DType dtype); /* an integer type, or double */
double exact_neutral(int op, DType dtype); /* what changes nothing in REDUCE_SUM, …_MAX … */
void exact_root(Expr *expr, int value, DType dtype); /* appends the square root of `value`, of that type */
/* As reduce_phases and batched products do it, in the type of `in` or `a`: a phase. */
void exact_reduce(Lowering *l, const char *name, int op, View in, const bool *gone, View out);
bool exact_product(Lowering *l, const char *name, View a, View b, View out);

#endif
