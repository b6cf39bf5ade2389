/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Lowerings: one for each operator, and that of a node. */
#ifndef CNXC_SCHEDULE_NODE_H
#define CNXC_SCHEDULE_NODE_H

#include "compiler/schedule/view.h"

/* Whether code reads the elements of an input: a target shape is in the output's type. */
bool node_reads(const Node *node, int64_t input);
bool lower_node(Lowering *l, const Node *node); /* no region */

/* What is done around the lowering of any node: when it runs, which is noted for its outputs, too. False after a diagnostic. */
bool node_begin(Lowering *l, const Node *node, When *when);
void node_end(Lowering *l, const Node *node, When when);

/* One lowering for each operator; false after a diagnostic. */
typedef bool Lower(Lowering *l, const Node *node);
bool lower_elementwise(Lowering *l, const Node *node); /* every operator of CLASS_ELEMENTWISE */
/* lower_NAME for all the others: a row of the op table without one does not link. */
#define LOWER_CLASS_ELEMENTWISE(name)
#define LOWER_CLASS_MOVE(name) Lower lower_##name;
#define LOWER_CLASS_REDUCTION(name) Lower lower_##name;
#define LOWER_CLASS_CONTRACTION(name) Lower lower_##name;
#define LOWER_CLASS_META(name) Lower lower_##name;
#define LOWER_CLASS_SPELLING(name)
#define OP(name, domain, class, ...) LOWER_##class(name)
#include "ir/ops.def"
#undef OP

#endif
