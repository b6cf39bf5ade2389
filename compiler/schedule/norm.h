/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* LayerNormalization and Softmax of rows. */
#ifndef CNXC_SCHEDULE_NORM_H
#define CNXC_SCHEDULE_NORM_H

#include "compiler/schedule/expr.h"

bool layernorm_lower(Lowering *l, const Node *node, Epilogue *epilogue); /* NULL: none */

/* Rows of C elements: (x - mean) / sqrt(variance + epsilon), then the expression; in place is fine. */
void layernorm_rows(Lowering *l, View in, View out, double epsilon, const Fusion *epilogue, const View *operands);

/* LayerNormalization's scale and shift, then the epilogue (NULL: none), as one closed expression. */
bool layernorm_fusion(Lowering *l, const Node *node, const Fusion *epilogue, Fusion *fusion);
View softmax_phases(Lowering *l, const char *name, View in, int axis, bool log, const Value *value); /* value NULL: a temporary */

#endif
