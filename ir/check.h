/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Checking a node against the op table. */
#ifndef CNXC_IR_CHECK_H
#define CNXC_IR_CHECK_H

#include "ir/graph.h"

/* Arity and attributes, coercing int literals to float attributes. */
bool node_check(Node *node, Diag *diag);

#endif
