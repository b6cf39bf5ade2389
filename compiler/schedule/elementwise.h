/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elementwise expressions as phases of their own. */
#ifndef CNXC_SCHEDULE_ELEMENTWISE_H
#define CNXC_SCHEDULE_ELEMENTWISE_H

#include "compiler/schedule/expr.h"

void fusion_phase(Lowering *l, const Fusion *fusion); /* closed, all operands there: computes its result */

#endif
