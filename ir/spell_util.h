/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the spellings share: nodes in another's place. */
#ifndef CNXC_IR_SPELL_UTIL_H
#define CNXC_IR_SPELL_UTIL_H

#include "ir/spell.h"

#define OP(...)
#define SPELLED(name, ...) void spell_##name(Node *node);
#include "ir/ops.def"
#undef OP

/* A node before at, of at's name and place; the last inputs may be NULL. spelled: its output when its attributes are set. */
Node *spell_node(Node *at, OpKind kind, Value *const *inputs, int64_t n);
Value *spelled(Node *node);
Value *const *spelled_all(Node *node, int64_t n); /* of one with n outputs */
Value *spell(Node *at, OpKind kind, Value *const *inputs, int64_t n); /* one that has no attributes */
#define SPELL(at, kind, ...) spell(at, kind, (Value *[]){__VA_ARGS__}, sizeof((Value *[]){__VA_ARGS__}) / sizeof(Value *))

Value *spell_constant(Node *at, Tensor *tensor);
Value *spell_number(Node *at, DType dtype, double number); /* a scalar */
Value *spell_ints(Node *at, const int64_t *values, int64_t n);
/* Element i is first + i, in [n,1,…] with so many dimensions behind. Large ones are computed when the model runs. */
Value *spell_counted(Node *at, int64_t n, int64_t first, int behind);
Value *spell_cast(Node *at, Value *x, DType to);           /* x itself if it is of the type */
Value *spell_wide(Node *at, Value *x);                     /* floats of 16 bits as float, else x itself */
Value *spell_reshape(Node *at, Value *x, int rank, const int64_t *dims);
/* To a shape without dimensions of 0, of which one may be free, or unknown. */
Value *spell_reshape_to(Node *at, Value *x, const Shape *shape);
Value *spell_by_channel(Node *at, Value *channels, int rank); /* a vector, as one for each index of dimension 1 of that rank */

/* value becomes output i of at: the last thing made of a node with several outputs, or the only one. */
void spell_output(Node *at, int64_t i, Value *value);
void spell_result(Node *at, Value *value); /* the only one, in its element type */

/* ── Quantisation (spell_quant.c) ── */

/* x as float, less its zero point (NULL: 0). */
Value *spell_centred(Node *at, Value *x, Value *zero);
/* x, a float already divided by its scale, as an integer. zero NULL: 0. */
Value *spell_rounded(Node *at, Value *x, Value *zero, DType to);
/* An int32 sum, times scale, as an integer. */
Value *spell_requantised(Node *at, Value *sum, Value *scale, Value *zero, DType to);
Value *spell_dequantised(Node *at, Value *x, Value *scale, Value *zero);            /* by one scale */
Value *spell_quantised(Node *at, Value *x, Value *scale, Value *zero, DType to);    /* by one scale */

#endif
