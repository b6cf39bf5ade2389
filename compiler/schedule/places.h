/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tensors that say where elements stand. */
#ifndef CNXC_SCHEDULE_PLACES_H
#define CNXC_SCHEDULE_PLACES_H

#include "compiler/schedule/view.h"

enum { MOST_TABLED = 1 << 16 }; /* numbers of a constant that is made for a node; more are computed */

View places_along(Lowering *l, const char *name, int64_t n); /* int64[n]: 0, 1, … */
/* int64[dims]: Σ place * stride of each element; dimensions of stride 0 are broadcast. */
View places_of(Lowering *l, const char *name, int rank, const int64_t *dims, const int64_t *strides);

#endif
