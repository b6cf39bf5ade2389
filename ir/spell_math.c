/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Operators that are a few elementwise ones and reductions in a row. Floats of 16 bits are floats in between.
 *
 *   y = Shrink(x)    ->    Where(x < -lambd, x + bias, Where(x > lambd, x - bias, 0)) */
#include "ir/spell_util.h"

#include "ir/params.h"

#include <math.h>

static Value *number(Node *at, const Value *x, double value) { return spell_number(at, x->type.dtype, value); }

/* x times or by a number, unless that changes nothing. */
static Value *scaled(Node *at, OpKind op, Value *x, double factor)
{
    return factor == 1 ? x : SPELL(at, op, x, number(at, x, factor));
}

/* Integers as doubles, which hold most of them. */
static Value *real(Node *at, Value *x)
{
    return dtype_is_float(x->type.dtype) ? spell_wide(at, x) : spell_cast(at, x, DT_DOUBLE);
}

/* ── Elementwise ─────────────────────────────────────────────────────────────────────────────────────── */

void spell_IsNaN(Node *node)
{
    Value *x = node->inputs.at[0];
    spell_output(node, 0, SPELL(node, OP_Not, SPELL(node, OP_Equal, x, x)));
}

/* Nothing equals a NaN. */
void spell_IsInf(Node *node)
{
    Value *x = node->inputs.at[0];
    bool above = node_attr_int(node, "detect_positive"), below = node_attr_int(node, "detect_negative");
    if (above && below)
        x = SPELL(node, OP_Abs, x);
    spell_output(node, 0, SPELL(node, OP_Equal, x, number(node, x, above ? INFINITY : below ? -INFINITY : NAN)));
}

void spell_Celu(Node *node)
{
    double alpha = node_attr_float(node, "alpha");
    Value *x = scaled(node, OP_Div, spell_wide(node, node->inputs.at[0]), alpha);
    spell_result(node, scaled(node, OP_Mul, SPELL(node, OP_Elu, x), alpha));
}

void spell_Shrink(Node *node)
{
    double bias = node_attr_float(node, "bias"), bound = node_attr_float(node, "lambd");
    Value *x = real(node, node->inputs.at[0]), *zero = number(node, x, 0);
    Value *above = SPELL(node, OP_Greater, x, number(node, x, bound)), *below = SPELL(node, OP_Less, x, number(node, x, -bound));
    Value *y = SPELL(node, OP_Where, above, SPELL(node, OP_Sub, x, number(node, x, bias)), zero);
    spell_result(node, SPELL(node, OP_Where, below, SPELL(node, OP_Add, x, number(node, x, bias)), y));
}

void spell_Swish(Node *node)
{
    Value *x = spell_wide(node, node->inputs.at[0]);
    Value *gate = SPELL(node, OP_Sigmoid, scaled(node, OP_Mul, x, node_attr_float(node, "alpha")));
    spell_result(node, SPELL(node, OP_Mul, x, gate));
}

void spell_ThresholdedRelu(Node *node)
{
    Value *x = node->inputs.at[0], *above = SPELL(node, OP_Greater, x, number(node, x, node_attr_float(node, "alpha")));
    spell_output(node, 0, SPELL(node, OP_Where, above, x, number(node, x, 0)));
}

/* One after the other. */
static Value *sum_of(Node *node)
{
    Value *sum = spell_wide(node, node->inputs.at[0]);
    for (int64_t i = 1; i < node->inputs.len; i++)
        sum = SPELL(node, OP_Add, sum, spell_wide(node, node->inputs.at[i]));
    return sum;
}

void spell_Sum(Node *node)
{
    spell_result(node, node->inputs.len > 1 ? sum_of(node) : SPELL(node, OP_Identity, node->inputs.at[0]));
}

void spell_Mean(Node *node)
{
    Value *sum = sum_of(node);
    spell_result(node, SPELL(node, OP_Div, sum, number(node, sum, (double)node->inputs.len)));
}

/* ── Reductions ──────────────────────────────────────────────────────────────────────────────────────── */

/* What node reduces, of x, by another operation. */
static Node *reduction(Node *node, OpKind op, Value *x)
{
    Node *reduce = spell_node(node, op, (Value *[]){x, node_input(node, 1)}, 2);
    node_copy_attrs(reduce, node);
    return reduce;
}

void spell_ReduceLogSum(Node *node)
{
    spell_result(node, SPELL(node, OP_Log, spelled(reduction(node, OP_ReduceSum, real(node, node->inputs.at[0])))));
}

static Value *kept(Node *reduce)
{
    node_set_int(reduce, "keepdims", 1);
    return spelled(reduce);
}

/* Without the dimensions that node reduces. */
static Value *squeezed(Node *node, Value *x)
{
    bool reduced[MAX_RANK];
    int64_t axes[MAX_RANK], n = 0;
    node_reduced(node, reduced);
    for (int i = 0; i < MAX_RANK; i++)
        if (reduced[i])
            axes[n++] = i;
    return n ? SPELL(node, OP_Squeeze, x, spell_ints(node, axes, n)) : x;
}

/* log Σ e^x = m + log Σ e^(x - m) with m the greatest, unless that is infinite. */
void spell_ReduceLogSumExp(Node *node)
{
    Value *x = real(node, node->inputs.at[0]), *most = kept(reduction(node, OP_ReduceMax, x));
    Value *infinite = SPELL(node, OP_Equal, SPELL(node, OP_Abs, most), number(node, most, INFINITY));
    Value *shift = SPELL(node, OP_Where, infinite, number(node, most, 0), most);
    Value *sum = kept(reduction(node, OP_ReduceSum, SPELL(node, OP_Exp, SPELL(node, OP_Sub, x, shift))));
    Value *y = SPELL(node, OP_Add, SPELL(node, OP_Log, sum), shift);
    spell_result(node, node_attr_int(node, "keepdims") ? y : squeezed(node, y));
}

/* Dimensions from axis on as one. */
static Shape flattened(const Shape *shape, int axis)
{
    Shape flat = *shape;
    flat.rank = axis + 1;
    flat.dims[axis] = (Dim){.size = 1};
    for (int i = axis; i < shape->rank; i++)
        flat.dims[axis].size *= shape->dims[i].size;
    return flat;
}

void spell_Hardmax(Node *node)
{
    Value *x = node->inputs.at[0];
    Shape shape = x->type.shape, flat = shape;
    int axis = node_axis(node);
    if (softmax_flattens(node)) {
        flat = flattened(&shape, axis);
        x = spell_reshape_to(node, x, &flat);
    }
    Node *best = spell_node(node, OP_ArgMax, &x, 1);
    node_set_int(best, "axis", axis);
    Value *y = SPELL(node, OP_Equal, spelled(best), spell_counted(node, flat.dims[axis].size, 0, flat.rank - axis - 1));
    y = spell_cast(node, y, x->type.dtype);
    spell_result(node, softmax_flattens(node) ? spell_reshape_to(node, y, &shape) : y);
}
