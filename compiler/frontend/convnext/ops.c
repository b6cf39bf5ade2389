/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The builder's vocabulary: small pieces of ONNX (opset 20), named so that the graph reads like the model. */
#include "compiler/frontend/convnext/build.h"

#include "ir/op.h"

#include <string.h>

Value *hf_op(HfBuild *build, OpKind kind, const char *base, Value *a, Value *b, Value *c)
{
    Value *inputs[] = {a, b, c};
    int64_t n = c ? 3 : b ? 2 : 1;
    return graph_add_op(build->graph, NULL, op_get(kind), inputs, n, base, NO_SPAN)->outputs.at[0];
}

/* base + suffix, in the graph's arena. */
const char *hf_name(HfBuild *build, const char *base, const char *suffix)
{
    return arena_printf(build->graph->model->arena, "%s%s", base, suffix);
}

Value *hf_constant(HfBuild *build, const char *name, Tensor *tensor)
{
    Value *value = graph_find(build->graph, name);
    return value ? value : graph_add_constant(build->graph, name, tensor, NO_SPAN);
}

Value *hf_scalar(HfBuild *build, double value)
{
    Arena *arena = build->graph->model->arena;
    return hf_constant(build, arena_printf(arena, "scalar_%.9g", value), tensor_scalar_f32(arena, (float)value));
}

Value *hf_ints(HfBuild *build, const char *what, const int64_t *values, int64_t count)
{
    StrBuf name = {.arena = build->graph->model->arena};
    sb_put(&name, what);
    for (int64_t i = 0; i < count; i++)
        sb_printf(&name, "_%lld", (long long)values[i]);
    return hf_constant(build, name.text, tensor_from_i64(name.arena, values, count));
}

/* Stands for a tensor that is missing, so that building goes on and finds all that are. */
static Value *missing(HfBuild *build, const char *name, int rank, const int64_t *dims)
{
    return graph_add_value(build->graph, graph_fresh_name(build->graph, name), (Type){DT_FLOAT, shape_of(rank, dims)}, NO_SPAN);
}

Value *hf_weight(HfBuild *build, const char *name, int rank, const int64_t *dims)
{
    const char *full_name;
    Tensor *tensor = parameters_take(build->weights, name, rank, dims, &full_name);
    if (!tensor)
        return missing(build, name, rank, dims);
    Value *value = graph_find(build->graph, full_name);
    if (!value)
        value = graph_add_constant(build->graph, full_name, tensor, NO_SPAN);
    if (tensor->dtype == DT_FLOAT)
        return value;
    value = hf_op(build, OP_Cast, hf_name(build, full_name, ".float"), value, NULL, NULL);
    node_set_int(value->producer, "to", DT_FLOAT);
    return value;
}

static Value *transpose(HfBuild *build, Value *x, const char *base, const int64_t *perm, int64_t rank)
{
    Value *y = hf_op(build, OP_Transpose, base, x, NULL, NULL);
    node_set_ints(y->producer, "perm", perm, rank);
    return y;
}

Value *hf_channels_last(HfBuild *build, Value *x, const char *base)
{
    return transpose(build, x, hf_name(build, base, ".nhwc"), (const int64_t[]){0, 2, 3, 1}, 4);
}

Value *hf_channels_first(HfBuild *build, Value *x, const char *base)
{
    return transpose(build, x, hf_name(build, base, ".nchw"), (const int64_t[]){0, 3, 1, 2}, 4);
}

Value *hf_layer_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon)
{
    Value *gain = hf_weight(build, hf_name(build, name, ".weight"), 1, &width);
    Value *bias = hf_weight(build, hf_name(build, name, ".bias"), 1, &width);
    Value *y = hf_op(build, OP_LayerNormalization, name, x, gain, bias);
    node_set_int(y->producer, "axis", -1);
    node_set_float(y->producer, "epsilon", (float)epsilon);
    return y;
}

/* x / sqrt(mean of squares), or of the squares of x - mean, whose variance is the unbiased one. */
static Value *uncentred_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon)
{
    static const int64_t last[] = {-1};
    bool simple = build->config->norm == HF_SIMPLE_NORM;
    Value *from = x;
    if (simple)
        from = hf_op(build, OP_Sub, hf_name(build, name, ".centred"), x,
                     hf_reduce(build, OP_ReduceMean, x, hf_name(build, name, ".mean"), last, 1, true), NULL);
    Value *squares = hf_op(build, OP_Mul, hf_name(build, name, ".squares"), from, from, NULL);
    Value *mean = hf_reduce(build, OP_ReduceMean, squares, hf_name(build, name, ".mean_square"), last, 1, true);
    if (simple)
        mean = hf_op(build, OP_Mul, hf_name(build, name, ".variance"), mean,
                     hf_scalar(build, (double)width / (double)(width - 1)), NULL);
    Value *safe = hf_op(build, OP_Add, hf_name(build, name, ".eps"), mean, hf_scalar(build, epsilon), NULL);
    Value *root = hf_op(build, OP_Sqrt, hf_name(build, name, ".root"), safe, NULL, NULL);
    Value *y = hf_op(build, OP_Div, hf_name(build, name, ".normalised"), x, root, NULL);
    return hf_op(build, OP_Mul, name, y, hf_weight(build, hf_name(build, name, ".weight"), 1, &width), NULL);
}

Value *hf_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon)
{
    bool uncentred = build->config->norm == HF_RMS_NORM || build->config->norm == HF_SIMPLE_NORM;
    return (uncentred ? uncentred_norm : hf_layer_norm)(build, x, name, width, epsilon);
}

Value *hf_batch_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon)
{
    static const char *const suffixes[] = {".weight", ".bias", ".running_mean", ".running_var"};
    Value *inputs[1 + countof(suffixes)] = {x};
    for (int i = 0; i < countof(suffixes); i++)
        inputs[1 + i] = hf_weight(build, hf_name(build, name, suffixes[i]), 1, &width);
    Node *node = graph_add_op(build->graph, NULL, op_get(OP_BatchNormalization), inputs, countof(inputs), name, NO_SPAN);
    node_set_float(node, "epsilon", (float)epsilon);
    return node->outputs.at[0];
}

Value *hf_slice(HfBuild *build, Value *x, const char *base, int64_t axis, int64_t start, int64_t end)
{
    Value *inputs[] = {x, hf_ints(build, "place", &start, 1), hf_ints(build, "place", &end, 1), hf_ints(build, "axes", &axis, 1)};
    return graph_add_op(build->graph, NULL, op_get(OP_Slice), inputs, countof(inputs), base, NO_SPAN)->outputs.at[0];
}

/* Checkpoints hold (out, in); MatMul wants (in, out). The transposition is folded later. */
Value *hf_linear(HfBuild *build, Value *x, const char *name, int64_t in, int64_t out)
{
    Value *weight = hf_weight(build, hf_name(build, name, ".weight"), 2, (const int64_t[]){out, in});
    Value *bias = hf_weight(build, hf_name(build, name, ".bias"), 1, &out);
    weight = transpose(build, weight, hf_name(build, name, ".weight.T"), (const int64_t[]){1, 0}, 2);
    Value *product = hf_op(build, OP_MatMul, hf_name(build, name, ".matmul"), x, weight, NULL);
    return hf_op(build, OP_Add, name, product, bias, NULL);
}

/* Before each axis, then behind each. */
static void pads_of(const HfConv *conv, int64_t pads[4])
{
    for (int i = 0; i < 2; i++) {
        int64_t span = (conv->dilation ? conv->dilation : 1) * (conv->kernel[i] - 1);
        pads[i] = conv->same ? span / 2 : conv->pad;
        pads[2 + i] = conv->same ? span - span / 2 : conv->pad;
    }
}

Value *hf_conv(HfBuild *build, Value *x, const char *name, const HfConv *conv)
{
    const int64_t dims[] = {conv->out, conv->in / conv->group, conv->kernel[0], conv->kernel[1]};
    Value *weight = hf_weight(build, hf_name(build, name, ".weight"), 4, dims);
    Value *bias = conv->bare ? NULL : hf_weight(build, hf_name(build, name, ".bias"), 1, &conv->out);
    Value *y = hf_op(build, OP_Conv, name, x, weight, bias);
    int64_t pads[4];
    pads_of(conv, pads);
    node_set_ints(y->producer, "kernel_shape", conv->kernel, 2);
    node_set_ints(y->producer, "strides", conv->stride, 2);
    node_set_ints(y->producer, "pads", pads, 4);
    if (conv->dilation > 1)
        node_set_ints(y->producer, "dilations", (const int64_t[]){conv->dilation, conv->dilation}, 2);
    node_set_int(y->producer, "group", conv->group);
    return y;
}

Value *hf_reduce(HfBuild *build, OpKind kind, Value *x, const char *base, const int64_t *axes, int64_t count, bool keepdims)
{
    Value *y = hf_op(build, kind, base, x, hf_ints(build, "axes", axes, count), NULL);
    node_set_int(y->producer, "keepdims", keepdims);
    return y;
}
