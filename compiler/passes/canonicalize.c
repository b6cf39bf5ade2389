/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Canonicalisation: one spelling for each thing, in plain ONNX of the model's own opset.
 *
 *   c = Constant<value = 2.0>()                                   (c is an initializer)
 *   a = Identity(x)                      ->                       b = Mul(x, c)
 *   b = Mul(c, a)                                                 y = Relu(b)
 *   d = Dropout(b)
 *   y = Relu(d)
 *
 * Requires types; preserves the names of inputs and outputs, signatures and the results bit for bit (but for the
 * sign of a zero that is added to). */
#include "compiler/passes/passes.h"

#include "compiler/passes/permute.h"
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

#include <string.h>

/* ── Constant → initializer ──────────────────────────────────────────────────────────────────────────── */

static bool make_initializer(Node *node)
{
    const Tensor *tensor = value_constant(node->outputs.at[0]); /* NULL: strings, which are not computed with */
    if (tensor)
        node_become_constant(node, (Tensor *)(uintptr_t)tensor);
    return tensor != NULL;
}

/* ── Nodes that do nothing ───────────────────────────────────────────────────────────────────────────── */

static bool remove_identity(Node *node) { return node_forward(node, node->inputs.at[0]); }

/* Inference: training_mode is absent or false, and nobody asks for the mask. */
static bool remove_dropout(Node *node)
{
    double training = 0;
    const Value *mode = node_input(node, 2);
    if ((mode && !value_is_scalar(mode, &training)) || training != 0 || !node_has_one_output(node))
        return false;
    return node_forward(node, node->inputs.at[0]);
}

static bool remove_transpose(Node *node)
{
    int64_t perm[MAX_RANK];
    return perm_is_identity(node_perm(node, perm), perm) && node_forward(node, node->inputs.at[0]);
}

static bool remove_single_concat(Node *node) { return node->inputs.len == 1 && node_forward(node, node->inputs.at[0]); }

/* x + 0, x - 0, x * 1, x / 1, x ** 1, where the constant does not change the shape. */
static bool remove_neutral(Node *node)
{
    bool additive = node->op->kind == OP_Add || node->op->kind == OP_Sub;
    bool commutes = node->op->kind == OP_Add || node->op->kind == OP_Mul;
    double scalar;
    Value *x = node_scalar_operand(node, &scalar);
    if (!x || scalar != (additive ? 0 : 1) || (!commutes && x != node->inputs.at[0]))
        return false;
    return value_same_type(x, node->outputs.at[0]) && node_forward(node, x);
}

/* ── Order of operands ───────────────────────────────────────────────────────────────────────────────── */

/* Add(c, x) -> Add(x, c): exporters write a bias on either side. */
static bool constant_last(Node *node)
{
    Value *a = node->inputs.at[0], *b = node->inputs.at[1];
    if (!a->constant || b->constant)
        return false;
    node_set_input(node, 0, b);
    node_set_input(node, 1, a);
    return true;
}

static const Rule rules[] = {
    {OP_Constant, "initializer", make_initializer},
    {OP_Identity, "identity", remove_identity},
    {OP_Dropout, "dropout", remove_dropout},
    {OP_CastLike, "named type", cast_by_name},
    {OP_Cast, "same-type cast", node_forward_same_type},
    {OP_Reshape, "same-type reshape", node_forward_same_type},
    {OP_Flatten, "same-type flatten", node_forward_same_type},
    {OP_Expand, "same-type expand", node_forward_same_type},
    {OP_Squeeze, "same-type squeeze", node_forward_same_type},
    {OP_Transpose, "identity transpose", remove_transpose},
    {OP_Concat, "single concat", remove_single_concat},
    {OP_Add, "constant last", constant_last},
    {OP_Mul, "constant last", constant_last},
    {OP_Add, "+ 0", remove_neutral},
    {OP_Sub, "- 0", remove_neutral},
    {OP_Mul, "* 1", remove_neutral},
    {OP_Div, "/ 1", remove_neutral},
    {OP_Pow, "** 1", remove_neutral},
};

bool pass_canonicalize(Graph *graph)
{
    bool changed = rewrite(graph, rules, countof(rules));
    return pass_prune(graph) || changed;
}
