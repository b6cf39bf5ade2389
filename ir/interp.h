/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The reference interpreter: runs any graph of the op table with plain loops and double accumulation. */
#ifndef CNXC_IR_INTERP_H
#define CNXC_IR_INTERP_H

#include "ir/graph.h"

/* Runs graph on inputs (one for each graph input, types matching but for the free batch); fills outputs, in
 * memory of arena. observe, if not NULL, sees every value as it is computed; the tensors stay in arena. False after
 * a diagnostic. */
bool graph_interpret(Graph *graph, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag,
                     void (*observe)(void *context, const Value *value, const Tensor *tensor), void *context);

/* Runs one node whose inputs are given; outputs allocated from arena. Used by constant folding. */
bool node_interpret(Node *node, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag);

#endif
