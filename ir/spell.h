/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Operators that others make (rows SPELLED of ir/ops.def): the one place that says what each means, for the interpreter and
 * for legalization.
 *
 *   y = DequantizeLinear(x, s, z)     ->     a = Cast <to = 1> (x)   b = Sub(a, float of z)   y = Mul(b, s) */
#ifndef CNXC_IR_SPELL_H
#define CNXC_IR_SPELL_H

#include "ir/op.h"

bool op_is_spelled(OpKind kind);

/* Puts in a spelled node's place the nodes that make its outputs, which keep their names. Some may be spelled in turn. Requires
 * types, and what inference has checked. */
void node_spell(Node *node);

#endif
