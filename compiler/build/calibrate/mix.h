/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Mixed precision: which layers are better left to bf16 or float32. */
#ifndef CNXC_BUILD_CALIBRATE_MIX_H
#define CNXC_BUILD_CALIBRATE_MIX_H

#include "compiler/build/calibrate/observe.h"

/* Gives products of the plan their precision, so that options.max_drop holds on the pictures that judge, and prints a table of what
 * was tried. False after a diagnostic: it can't be, or not in options.budget. */
bool mix_precisions(const Observation *o, const Build *build, QuantizePlan *plan, Arena *arena);

#endif
