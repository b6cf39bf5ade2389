/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Channels-last layout. Vector kernels want the channels of a pixel side by side, exporters want them apart: they put
 * Transposes around every LayerNorm and MLP. Here convolutions become channels-last between two Transposes, and
 * Transposes sink (layout_sink.c) until inverse pairs meet and cancel, through the residual Adds too:
 *
 *   c = Conv(x, w)                                 t = Transpose<perm = [0, 2, 3, 1]>(x)
 *   a = Transpose<perm = [0, 2, 3, 1]>(c)     ->   c = cnxc.ConvNHWC(t, w)
 *   n = LayerNormalization(a, g, b)                y = LayerNormalization(c, g, b)
 *   y = Transpose<perm = [0, 3, 1, 2]>(n)
 *   z = Conv(y, v)                                 z = cnxc.ConvNHWC(y, v)
 *
 * In ConvNeXt only the picture and outputs in ONNX's layout keep a Transpose. Then pointwise convolutions become
 * MatMuls, and everything that only renames dimensions one Reshape. Requires types; preserves names of outputs. */
#include "compiler/passes/layout.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/permute.h"
#include "compiler/passes/recognize.h"
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

static const int64_t to_last[] = {0, 2, 3, 1}, to_first[] = {0, 3, 1, 2};

/* ── Convolution and pooling ─────────────────────────────────────────────────────────────────────────── */

/* node computes the same on channels-last operands: made gets a Transpose back, which takes node's output. */
static void wrap(Node *node, Node *made)
{
    node_infer(made);
    Node *back = node_replace(node, OP_Transpose, made->outputs.at, 1);
    back->name = "";
    node_set_ints(back, "perm", to_first, 4);
    node_infer(back);
}

static bool conv_channels_last(Node *node)
{
    Value *x = node->inputs.at[0], *output = node->outputs.at[0];
    if (value_rank(x) != 4 || value_rank(node->inputs.at[1]) != 4 || !value_is_float(x))
        return false;
    Value *operands[] = {value_permuted(node, x, 4, to_last), node->inputs.at[1], node_input(node, 2)};
    Node *conv = node_before(node, OP_ConvNHWC, operands, node_input(node, 2) ? 3 : 2, output->name);
    conv->name = node->name;
    node_copy_attrs(conv, node);
    wrap(node, conv);
    return true;
}

/* ── Transposes ──────────────────────────────────────────────────────────────────────────────────────── */

/* Transpose(Transpose(x)) -> one Transpose, or none. */
static bool merge_transposes(Node *node)
{
    int64_t outer[MAX_RANK], inner[MAX_RANK], perm[MAX_RANK];
    Node *before = value_made_by(node->inputs.at[0], OP_Transpose);
    int rank = node_perm(node, outer);
    if (before)
        node_perm(before, inner);
    for (int i = 0; i < rank; i++)
        perm[i] = before ? inner[outer[i]] : outer[i];
    Value *x = before ? before->inputs.at[0] : node->inputs.at[0];
    if (perm_is_identity(rank, perm) && node_forward(node, x))
        return true;
    if (!before)
        return false;
    node_set_input(node, 0, x);
    node_set_ints(node, "perm", perm, rank);
    return true;
}

static const Rule sink_rules[] = {
    {OP_BatchNormalization, "batch norm", recognize_batch_norm},
    {OP_Conv, "channels-last", conv_channels_last},
    {OP_Transpose, "merge", merge_transposes},
    {OP_MatMul, "sink", sink_through_matmul},
    {OP_LayerNormalization, "sink", sink_through_norm},
    {OP_RMSNormalization, "sink", sink_through_norm},
    {OP_Split, "sink", sink_through_split},
    {OP_Slice, "sink", sink_through_slice},
    {OP_Softmax, "sink", sink_through_softmax},
    {OP_LogSoftmax, "sink", sink_through_softmax},
    {OP_Concat, "sink", sink_through_concat},
    {OP_Resize, "sink", sink_through_resize},
    {OP_Gather, "sink", sink_through_gather},
    {ANY_OP, "sink", sink_through_reduce},
    {ANY_OP, "sink", sink_through_elementwise},
};

/* ── Afterwards ──────────────────────────────────────────────────────────────────────────────────────── */

static bool all_are(const int64_t *numbers, int n, int64_t expected)
{
    for (int i = 0; i < n; i++)
        if (numbers[i] != expected)
            return false;
    return true;
}

static bool is_pointwise(const Node *conv)
{
    Window w;
    if (!conv->inputs.at[1]->constant || node_attr_int(conv, "group") != 1)
        return false;
    node_window(conv, &w);
    return all_are(w.kernel, w.n, 1) && all_are(w.stride, w.n, 1) && all_are(w.begin, w.n, 0) && all_are(w.end, w.n, 0);
}

/* ConvNHWC with a 1x1 kernel -> MatMul by the transposed weights [C,M], and Add. */
static bool pointwise_to_matmul(Node *node)
{
    if (!is_pointwise(node))
        return false;
    Arena *arena = node->graph->model->arena;
    Value *weights = node->inputs.at[1], *bias = node_input(node, 2), *output = node->outputs.at[0];
    const Tensor *flat = tensor_reshaped(arena, weights->constant, 2, weights->constant->dims);
    Tensor *turned = tensor_permuted(arena, flat, (const int64_t[]){1, 0});
    Value *operands[] = {node->inputs.at[0], constant_new(node->graph, weights->name, turned, weights->span)};
    if (!bias) {
        node_infer(node_replace(node, OP_MatMul, operands, 2));
        return true;
    }
    Node *product = node_before(node, OP_MatMul, operands, 2, arena_printf(arena, "%s_matmul", output->name));
    node_infer(product);
    node_infer(node_replace(node, OP_Add, (Value *[]){product->outputs.at[0], bias}, 2));
    return true;
}

/* Whether a Transpose moves only dimensions of 1, so that the elements keep their order. */
static bool keeps_order(const Node *node)
{
    int64_t perm[MAX_RANK], last = -1;
    int rank = node_perm(node, perm);
    for (int i = 0; i < rank; i++) {
        if (node->inputs.at[0]->type.shape.dims[perm[i]].size == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

/* A Transpose of ones, Reshape after Reshape -> one Reshape. */
static bool one_reshape(Node *node)
{
    Value *x = node->inputs.at[0], *output = node->outputs.at[0];
    Node *before = value_made_by(x, OP_Reshape);
    if ((node->op->kind == OP_Transpose && !keeps_order(node)) || (node->op->kind == OP_Reshape && !before))
        return false;
    x = before ? before->inputs.at[0] : x;
    if (value_same_type(x, output) && node_forward(node, x))
        return true;
    return node_become_reshape(node, x);
}

static const Rule tidy_rules[] = {
    {OP_ConvNHWC, "pointwise", pointwise_to_matmul},
    {OP_Transpose, "reshape", one_reshape},
    {OP_Reshape, "reshape", one_reshape},
};

bool pass_layout(Graph *graph)
{
    model_set_opset(graph->model, "cnxc", 1);
    bool changed = rewrite(graph, sink_rules, countof(sink_rules));
    changed |= rewrite(graph, tidy_rules, countof(tidy_rules));
    return pass_prune(graph) || changed;
}
