/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Constant folding: a node whose inputs are constants becomes a constant, computed by the interpreter.
 *
 *   t = Transpose<perm = [1, 0]>(w)              (t is an initializer, w goes)
 *   y = MatMul(x, t)                     ->      y = MatMul(x, t)
 *
 * What would grow big, such as Expand to a large shape, stays a node, and so does what is left once all that folded comes to
 * several times the weights: a model of a kilobyte can double a constant thirty times. So does, until pass_weights, the Transpose of a
 * large weight matrix: pass_affine copies most of them anyway, and a portable print needs no copy. DequantizeLinear stays until it
 * is legalized.
 *
 * Arithmetic on shapes folds too: inference knows each element as a number or a symbol, and a Reshape can take the free
 * batch as 0:
 *
 *   s = Shape(x)                   x: [batch,64,1,1]
 *   b = Gather(s, {0})                                     t = {0, 64}  (constant)
 *   t = Concat<axis = 0>(b, {-1})                  ->      y = Reshape(x, t)
 *   y = Reshape(x, t)
 *
 * Requires types; preserves names. */
#include "compiler/passes/passes.h"

#include "compiler/passes/permute.h"
#include "compiler/passes/rewrite.h"
#include "compiler/passes/strided.h"

#include "ir/infer.h"
#include "ir/interp.h"

#include <math.h>

enum {
    SMALL_BYTES = 1 << 20,    /* results up to this size fold whatever they grew from; larger ones must not grow */
    LARGE_WEIGHTS = 64 << 10, /* bytes of a matrix that is worth not copying twice */
    FOLDED_BYTES = 256 << 20, /* of all results, and this many times the bytes of the weights: */
    FOLDED_TIMES = 4,
};

static bool has_constant_inputs(const Node *node)
{
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i] && !node->inputs.at[i]->constant)
            return false;
    return node->inputs.len > 0;
}

/* Bytes of a value of known shape; -1: not known, or no number type. */
static int64_t bytes_of(const Value *value)
{
    int64_t count = shape_count(&value->type.shape), size = dtype_size(value->type.dtype), bytes;
    if (count < 0 || size == 0 || !dtype_is_computable(value->type.dtype))
        return -1;
    return __builtin_mul_overflow(count, size, &bytes) ? -1 : bytes;
}

static double count_of(const Value *value) { return value ? (double)shape_count(&value->type.shape) : 1; }

/* Elements of a window, or of what is multiplied for each result of a convolution. */
static double window_of(const Node *node, const Value *weights)
{
    const int64_t *kernel;
    double elements = 1;
    int64_t n = node_attr_ints(node, "kernel_shape", &kernel);
    if (weights)
        return count_of(weights) / (double)(weights->type.shape.dims[0].size > 0 ? weights->type.shape.dims[0].size : 1);
    for (int64_t i = 0; i < n; i++)
        elements *= (double)kernel[i];
    return elements;
}

/* Steps of the interpreter, where they are more than results: of a product m × k × n the root of mk * kn * mn. What is spelled by
 * products and sums of them takes at most as many as all of its inputs have elements, multiplied. */
static double steps_of(const Node *node)
{
    const Value *const *in = (const Value *const *)node->inputs.at;
    double out = count_of(node->outputs.at[0]), all = 1;
    switch (node->op->kind) {
    case OP_AveragePool:
    case OP_LpPool:
    case OP_MaxPool:
    case OP_QLinearAveragePool: return out * window_of(node, NULL);
    case OP_Conv:
    case OP_ConvInteger:
    case OP_ConvNHWC: return out * window_of(node, in[1]);
    case OP_ConvTranspose: return count_of(in[0]) * window_of(node, in[1]);
    case OP_QLinearConv: return out * window_of(node, in[3]);
    case OP_Attention:
    case OP_DynamicQuantizeMatMul:
    case OP_Einsum:
    case OP_MatMulIntegerToFloat:
    case OP_QGemm:
    case OP_QLinearMatMul:
        for (int64_t i = 0; i < node->inputs.len; i++)
            all *= count_of(in[i]);
        return all;
    default: return node->op->class == CLASS_CONTRACTION ? sqrt(count_of(in[0]) * count_of(in[1]) * out) : 0;
    }
}

/* Bytes of the result, or steps where those are more. */
static int64_t cost_of(const Node *node)
{
    int64_t bytes = bytes_of(node->outputs.at[0]);
    double steps = steps_of(node);
    return steps > (double)bytes ? (int64_t)fmin(steps, 0x1p62) : bytes;
}

static bool is_worthwhile(const Node *node)
{
    int64_t in = 0, out = bytes_of(node->outputs.at[0]);
    for (int64_t i = 0; i < node->inputs.len; i++) {
        int64_t bytes = node->inputs.at[i] ? bytes_of(node->inputs.at[i]) : 0;
        if (bytes < 0)
            return false;
        in += bytes;
    }
    return out >= 0 && cost_of(node) <= node->graph->model->may_fold &&
           (out <= SMALL_BYTES || out <= in || node->op->kind == OP_Cast);
}

/* The turned right operand of MatMuls. */
static bool is_large_weight(const Node *node)
{
    const Value *turned = node->outputs.at[0];
    if (node->op->kind != OP_Transpose || value_rank(turned) != 2 || bytes_of(turned) < LARGE_WEIGHTS)
        return false;
    for (int64_t i = 0; i < turned->users.len; i++)
        if (turned->users.at[i]->op->kind != OP_MatMul || turned->users.at[i]->inputs.at[0] == turned)
            return false;
    return !turned->is_output;
}

/* Integers that stand for floats are smaller, and products of integers want them. */
static bool is_kept(const Node *node)
{
    return node->op->class == CLASS_META || node->op->kind == OP_Identity || node->op->kind == OP_DequantizeLinear;
}

static bool is_foldable(const Node *node)
{
    if (is_kept(node) || is_large_weight(node))
        return false;
    return node->outputs.len == 1 && has_constant_inputs(node) && is_worthwhile(node);
}

bool node_fold_whole(Node *node)
{
    Model *model = node->graph->model;
    Tensor *output = NULL, **inputs = NEW_ARRAY(model->arena, Tensor *, node->inputs.len);
    if (node->outputs.len != 1 || !has_constant_inputs(node) || diag_failed(model->diag))
        return false;
    for (int64_t i = 0; i < node->inputs.len; i++)
        inputs[i] = node->inputs.at[i] ? node->inputs.at[i]->constant : NULL;
    if (!node_interpret(node, inputs, &output, model->arena, model->diag))
        return false;
    node_become_constant(node, output);
    return true;
}

bool node_fold_spelled(Node *node)
{
    enum { GROWN = 8 };
    int64_t in = 0, cost = (int64_t)fmin(steps_of(node), 0x1p62), out = bytes_of(node->outputs.at[0]);
    for (int64_t i = 0; i < node->inputs.len; i++)
        in += node->inputs.at[i] ? bytes_of(node->inputs.at[i]) : 0;
    cost = out > SMALL_BYTES && out / GROWN > in && out > cost ? out : cost;
    if (cost > node->graph->model->may_fold || !node_fold_whole(node))
        return false;
    node->graph->model->may_fold -= cost;
    return true;
}

bool node_fold(Node *node)
{
    int64_t cost = is_foldable(node) ? cost_of(node) : 0;
    if (!is_foldable(node) || !node_fold_whole(node))
        return false;
    node->graph->model->may_fold -= cost;
    return true;
}

/* ── Arithmetic on shapes ────────────────────────────────────────────────────────────────────────────── */

static bool fold_known(Node *node)
{
    Value *value = node_output(node, 0);
    const Tensor *tensor = value && node->outputs.len == 1 ? value_constant(value) : NULL;
    if (!tensor || is_kept(node))
        return false;
    node_become_constant(node, tensor_reshaped(node->graph->model->arena, tensor, tensor->rank, tensor->dims));
    return true;
}

static bool set_target(Node *node, const int64_t *target)
{
    Tensor *tensor = tensor_from_i64(node->graph->model->arena, target, value_rank(node->outputs.at[0]));
    node_set_input(node, 1, constant_new(node->graph, node->inputs.at[1]->name, tensor, node->span));
    return true;
}

static bool is_empty(const Shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i].size == 0)
            return true;
    return false;
}

/* The target that is made has no 0 but for what is kept, so that allowzero goes. */
static bool fold_reshape_target(Node *node)
{
    const Shape *from = &node->inputs.at[0]->type.shape, *to = &node->outputs.at[0]->type.shape;
    int64_t target[MAX_RANK];
    bool zeros = node_attr_int(node, "allowzero") && is_empty(to);
    if (node->inputs.at[1]->constant || zeros || !reshape_target(from, to, target))
        return false;
    node_drop_attr(node, "allowzero");
    return set_target(node, target);
}

/* A 1 keeps what the data has, be it free. */
static bool fold_expand_target(Node *node)
{
    const Shape *from = &node->inputs.at[0]->type.shape, *to = &node->outputs.at[0]->type.shape;
    int64_t target[MAX_RANK];
    if (node->inputs.at[1]->constant || to->rank < from->rank)
        return false;
    for (int i = 0; i < to->rank; i++) {
        int at = i - (to->rank - from->rank);
        target[i] = at >= 0 && dim_equal(from->dims[at], to->dims[i]) ? 1 : to->dims[i].size;
        if (target[i] < 0)
            return false;
    }
    return set_target(node, target);
}

static const Rule rules[] = {
    {ANY_OP, "constant inputs", node_fold},
    {ANY_OP, "known elements", fold_known},
    {OP_Reshape, "constant target", fold_reshape_target},
    {OP_Expand, "constant target", fold_expand_target},
    {OP_Gather, "strided view of a free batch", strided_to_reshape},
};

bool pass_fold(Graph *graph)
{
    graph->model->may_fold = FOLDED_BYTES;
    for (int64_t i = 0; i < graph->constants.len; i++)
        graph->model->may_fold += FOLDED_TIMES * bytes_of(graph->constants.at[i]);
    bool changed = rewrite(graph, rules, countof(rules));
    return pass_prune(graph) || changed;
}

/* ── What is left of weights ─────────────────────────────────────────────────────────────────────────── */

static bool turn_weights(Node *node)
{
    int64_t perm[MAX_RANK];
    const Tensor *source = node->inputs.at[0]->constant;
    if (!source || !is_large_weight(node))
        return false;
    node_perm(node, perm);
    node_become_constant(node, tensor_permuted(node->graph->model->arena, source, perm));
    tensor_release(source);
    return true;
}

static const Rule weight_rules[] = {{OP_Transpose, "turn weights", turn_weights}};

bool pass_weights(Graph *graph)
{
    bool changed = rewrite(graph, weight_rules, countof(weight_rules));
    return pass_prune(graph) || changed;
}
