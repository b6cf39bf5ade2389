/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elementwise expressions, made node by node. */
#ifndef CNXC_SCHEDULE_EXPR_H
#define CNXC_SCHEDULE_EXPR_H

#include "compiler/schedule/view.h"

/* A value and its id in an expression that grows. */
typedef struct Computed {
    const Value *value;
    int id;
} Computed;

/* An elementwise expression in the making: the operands' views have the result's rank and dimensions. */
typedef struct Fusion {
    Expr expr;
    View operands[MAX_OPERANDS]; /* operand 0 may be a kernel's own result: then its view is not used */
    const Value *sources[MAX_OPERANDS];
    const Tensor *tensors[MAX_OPERANDS]; /* of operands that are constants, else NULL */
    const Value *result;    /* what it computes */
    VEC(Computed) computed; /* while it grows: values that operands and steps are */
} Fusion;

/* Elementwise work behind a node, for its kernel to do on the way; whoever takes it writes the fusion's result. */
typedef struct Epilogue {
    const Fusion *fusion;   /* NULL: there is none */
    bool taken;
} Epilogue;

/* The fusion, taken if it fits; NULL: not taken, or none (also of epilogue NULL). */
const Fusion *epilogue_take(Epilogue *epilogue, bool (*fits)(const Fusion *fusion));

/* Begins an expression over a space of `dims`; operand 0 is `first` if that is not NULL. */
void fusion_begin(Lowering *l, Fusion *fusion, const Value *first);
/* Adds an elementwise node's computation; false: too big, or not a matter of expressions. */
bool fusion_node(Lowering *l, Fusion *fusion, const Node *node, int rank, const int64_t *dims);
bool fusion_step(Fusion *fusion, OpKind op, DType dtype, int a, int b, int c, double imm0, double imm1, int *value);
bool fusion_operand(Fusion *fusion, const Value *source, View view, const Tensor *tensor, int *value);
/* Replays a closed expression on `*value`, which stands for its operand 0. */
bool fusion_append(Fusion *fusion, const Fusion *rest, int *value);
bool fusion_constant(Fusion *fusion, double number, DType dtype, int *value);
/* Closes it: value ids become those of Expr. An expression that is just an operand gets no steps. */
void fusion_end(Fusion *fusion);
/* Takes "result + constant vector along the last dimension" off the front; false: it does not begin so. */
bool fusion_take_bias(Fusion *fusion, View *bias);
bool expr_wants_strip(const Expr *expr); /* worth a loop of its own over data in L1 rather than a GEMM's epilogue */

#endif
