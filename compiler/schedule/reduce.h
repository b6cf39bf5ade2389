/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reductions, also over the images of a free batch. */
#ifndef CNXC_SCHEDULE_REDUCE_H
#define CNXC_SCHEDULE_REDUCE_H

#include "compiler/schedule/view.h"

/* out[kept…] = reduce over the axes that are set; out has in's rank, 1 where reduced. Phases. */
void reduce_phases(Lowering *l, const char *name, int op, View in, const bool *axes, View out);
/* Running sums over the images: cleared in `begin`; into = op(into, from). */
View batch_accumulator(Lowering *l, const char *name, DType dtype, int rank, const int64_t *dims, double start);
void batch_join(Lowering *l, const char *name, OpKind op, View into, View from);

#endif
