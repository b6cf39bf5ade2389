/* Products of bf16 with sums in float. */
#ifndef CNXC_SCHEDULE_BF16_H
#define CNXC_SCHEDULE_BF16_H

#include "compiler/schedule/gemm.h"

bool bf16_wanted(const Lowering *l, const View *a); /* for constant weights times these rows */
/* [m, k] as a product with the panels reads them: rows end in zeros where panels are deeper. */
View bf16_rows(Lowering *l, const char *name, int64_t m, int64_t k, const Panels *panels);  /* in the arena */
View bf16_scratch(Lowering *l, int64_t m, int64_t k, const Panels *panels); /* whoever uses it calls bf16_end_rows */
void bf16_end_rows(Lowering *l, View rows, const Panels *panels);           /* the zeros, where control is */
View bf16_rounded(Lowering *l, const char *name, View rows, const Panels *panels); /* a phase that rounds them */
View bf16_pairs(View rows);                           /* as a product's left operand: [m, k/2] of four bytes */
bool bf16_fuse(const Fusion *fusion, Fusion *rounded); /* the expression (NULL: none), then rounding; false: too long */
void bf16_copy_phase(Lowering *l, const char *name, View out, View in);
Panels bf16_panels(Lowering *l, const char *name, const Tensor *weights, WeightLayout layout, int64_t nr);
bool bf16_layout_fits(const WeightLayout *layout);    /* no pair crosses from one t to the next */

#endif
