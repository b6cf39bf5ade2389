/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* LayerNormalization, its kin, and Softmax of rows. */
#ifndef CNXC_SCHEDULE_NORM_H
#define CNXC_SCHEDULE_NORM_H

#include "compiler/schedule/expr.h"

bool norm_lower(Lowering *l, const Node *node, Epilogue *epilogue); /* NULL: none */

/* Rows of C elements, normalised as the node says: (x - mean) / sqrt(variance + epsilon), x / sqrt(mean of x² + epsilon) or
 * x / sqrt(variance + epsilon); then the expression. In place is fine. */
void norm_rows(Lowering *l, const Node *node, View in, View out, const Fusion *epilogue, const View *operands);

/* The normalisation's scale and shift, then the epilogue (NULL: none), as one closed expression. */
bool norm_fusion(Lowering *l, const Node *node, const Fusion *epilogue, Fusion *fusion);
View softmax_phases(Lowering *l, const char *name, View in, int axis, bool log, const Value *value); /* value NULL: a temporary */

#endif
