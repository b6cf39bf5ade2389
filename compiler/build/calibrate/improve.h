/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What makes a product of integers better on pictures. */
#ifndef CNXC_BUILD_CALIBRATE_IMPROVE_H
#define CNXC_BUILD_CALIBRATE_IMPROVE_H

#include "compiler/build/calibrate/observe.h"

/* The plan, in the arena; said: what was gained by what. like: one whose code it shall have, so that it says whether there are
 * multipliers and of which precision the product is; NULL: the pictures do. */
ProductPlan *improve(const Observed *product, const ProductPlan *like, Arena *arena, const char **said);

#endif
