/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Recognition: what exporters took apart is put together again, by its operations, never by names.
 *
 *   Div, Erf, Add, Mul, Mul                          ->  Gelu                  (recognize_gelu.c)
 *   ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div ->  LayerNormalization    (recognize_norm.c)
 *   Sqrt(ReduceSum(x * x))                           ->  ReduceL2
 *   Gemm(x, w, b)                                    ->  Add(MatMul(x, w'), b)
 *   BatchNormalization                               ->  Mul, Add by constants, which fold into weights (during layout: Transposes
 *                                                        sink below these)
 *
 * Requires types; preserves names of outputs. Results change by rounding only. Runs after
 * layout, so that chains over a channel axis in the middle have their axis last. */
#include "compiler/passes/recognize.h"

#include "compiler/passes/passes.h"
#include "compiler/passes/permute.h"
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

#include <math.h>

/* ── Gemm and BatchNormalization ─────────────────────────────────────────────────────────────────────── */

/* A constant matrix turns at compile time; a computed one cannot be transposed for free, so its Gemm stays. */
static Value *right_matrix(Node *node)
{
    Value *b = node->inputs.at[1];
    if (!node_attr_int(node, "transB"))
        return b;
    if (!b->constant)
        return NULL;
    return constant_permuted(node, b, (const int64_t[]){1, 0});
}

static bool recognize_gemm(Node *node)
{
    Value *bias = node_input(node, 2), *output = node->outputs.at[0];
    if (node_attr_float(node, "alpha") != 1 || (bias && node_attr_float(node, "beta") != 1) || node_attr_int(node, "transA") ||
        !value_is_float(output))
        return false;
    Value *matrix = right_matrix(node);
    if (!matrix)
        return false;
    Value *operands[] = {node->inputs.at[0], matrix};
    if (!bias) {
        node_infer(node_replace(node, OP_MatMul, operands, 2));
        return true;
    }
    Node *product = node_before(node, OP_MatMul, operands, 2, arena_printf(node->graph->model->arena, "%s_matmul", output->name));
    node_infer(product);
    node_infer(node_replace(node, OP_Add, (Value *[]){product->outputs.at[0], bias}, 2));
    return true;
}

/* Scale and shift of each channel, computed in double and rounded once. */
static bool channel_affine(const Node *node, Tensor *scale, Tensor *shift)
{
    double epsilon = node_attr_float(node, "epsilon");
    for (int64_t i = 0; i < scale->count; i++) {
        double variance = tensor_get(node->inputs.at[4]->constant, i) + epsilon;
        double s = tensor_get(node->inputs.at[1]->constant, i) / sqrt(variance);
        double b = tensor_get(node->inputs.at[2]->constant, i) - s * tensor_get(node->inputs.at[3]->constant, i);
        tensor_set(scale, i, s);
        tensor_set(shift, i, b);
        if (!(variance > 0) || !isfinite(tensor_get(scale, i)) || !isfinite(tensor_get(shift, i)))
            return false;
    }
    return true;
}

static Value *channel_constant(Node *node, const char *suffix, Tensor *tensor)
{
    const char *base = arena_printf(node->graph->model->arena, "%s_%s", node->outputs.at[0]->name, suffix);
    return constant_new(node->graph, base, tensor, node->span);
}

bool recognize_batch_norm(Node *node)
{
    Arena *arena = node->graph->model->arena;
    Value *x = node->inputs.at[0];
    int rank = value_rank(x);
    if (rank < 2 || !value_is_float(x) || node_attr_int(node, "training_mode") || !node_has_one_output(node))
        return false;
    for (int64_t i = 1; i < 5; i++)
        if (!node->inputs.at[i]->constant)
            return false;
    int64_t dims[MAX_RANK];
    for (int i = 0; i < rank - 1; i++)
        dims[i] = i == 0 ? node->inputs.at[1]->constant->count : 1;
    Tensor *scale = tensor_new(arena, DT_FLOAT, rank - 1, dims), *shift = tensor_new(arena, DT_FLOAT, rank - 1, dims);
    if (!channel_affine(node, scale, shift))
        return false;
    Value *by = channel_constant(node, "scale", scale), *plus = channel_constant(node, "shift", shift);
    Node *scaled = node_before(node, OP_Mul, (Value *[]){x, by}, 2, by->name);
    node_infer(scaled);
    node_infer(node_replace(node, OP_Add, (Value *[]){scaled->outputs.at[0], plus}, 2));
    return true;
}

/* ── ReduceL2 ────────────────────────────────────────────────────────────────────────────────────────── */

static bool recognize_l2(Node *node)
{
    Node *sum = value_made_by(node->inputs.at[0], OP_ReduceSum);
    Node *squares = value_made_by(node->inputs.at[0], OP_ReduceSumSquare);
    Value *x = squares ? squares->inputs.at[0] : sum ? value_squared(sum->inputs.at[0]) : NULL;
    Node *reduce = squares ? squares : sum;
    if (!x || !value_is_float(x) || !value_only_user(reduce->outputs.at[0]))
        return false;
    Node *l2 = node_replace(node, OP_ReduceL2, (Value *[]){x, node_input(reduce, 1)}, reduce->inputs.len);
    node_copy_attrs(l2, reduce);
    node_infer(l2);
    return true;
}

static const Rule rules[] = {
    {OP_Gemm, "gemm", recognize_gemm},
    {OP_Erf, "gelu", recognize_gelu},
    {OP_Tanh, "gelu tanh", recognize_gelu},
    {OP_Sqrt, "l2", recognize_l2},
    {OP_Div, "norm", recognize_norm},
    {OP_Mul, "norm", recognize_norm},
    {OP_Mul, "norm scale", recognize_norm_scale},
    {OP_Add, "norm bias", recognize_norm_bias},
};

bool pass_recognize(Graph *graph)
{
    bool changed = rewrite(graph, rules, countof(rules));
    return pass_prune(graph) || changed;
}
