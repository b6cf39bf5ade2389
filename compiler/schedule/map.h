/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elementwise loops and copies. */
#ifndef CNXC_SCHEDULE_MAP_H
#define CNXC_SCHEDULE_MAP_H

#include "compiler/schedule/view.h"

/* out = expr(operands), where control is, or as a phase of its own. Views have equal dimensions. */
void map_emit(Lowering *l, const Expr *expr, View out, const View *operands);
void map_phase(Lowering *l, const char *name, const Expr *expr, View out, const View *operands);
void copy_emit(Lowering *l, View out, View in); /* converts if dtypes differ */
void copy_phase(Lowering *l, const char *name, View out, View in);
/* in amid `number`: out is larger, by before[i] elements before it in dimension i. One phase. */
void pad_phase(Lowering *l, const char *name, View out, View in, const int64_t *before, double number);
void fill_emit(Lowering *l, View out, double number);
void fill_phase(Lowering *l, const char *name, View out, double number);

View view_contiguous(Lowering *l, View view); /* row-major and dense, copied if need be */
View view_float(Lowering *l, View view);      /* as float, converted if need be */
View view_float_step(Lowering *l, View view); /* the same for an operand of a step, which turns halves into floats itself */

#endif
