/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Left operands of products that do not multiply floats. */
#ifndef CNXC_SCHEDULE_OPERAND_H
#define CNXC_SCHEDULE_OPERAND_H

#include "compiler/schedule/gemm.h"

Product product_for(const Lowering *l, const View *a); /* of constant weights times these rows */
/* What is added to 8-bit integers of `from` to be bytes that the product reads. */
int64_t operand_shift(Product product, DType from);
/* [m, k] as a product with the panels reads them: rows end in zeros where panels are deeper. */
View operand_rows(Lowering *l, const char *name, int64_t m, int64_t k, const Panels *panels);  /* in the arena */
View operand_place(Lowering *l, Space space, int64_t m, int64_t k,
                   const Panels *panels); /* without the zeros, which these are: */
void operand_end_phase(Lowering *l, const char *name, View rows, const Panels *panels);
void operand_end_rows(Lowering *l, View rows, const Panels *panels);           /* where control is */
View operand_converted(Lowering *l, const char *name, View rows, const Panels *panels); /* a phase that converts floats */
View operand_groups(View rows, Product product);      /* [m, k] as [m, k/k_pack], as a product reads it */
/* The expression (NULL: none), then the conversion; false: too long. */
bool operand_fuse(const Fusion *fusion, Product product, Fusion *converted);
void operand_copy_phase(Lowering *l, const char *name, Product product, View out, View in);

#endif
