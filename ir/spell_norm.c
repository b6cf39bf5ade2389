/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Normalisations and pools by powers as other operators. Floats of 16 bits are floats in between.
 *
 *   y = InstanceNormalization(x, scale, b)     ->     n = LayerNormalization <axis = 2> (x, 1)   y = n * scale + b, by channel
 *   y = LpPool <p = 2> (x)                     ->     y = Sqrt(Conv(x * x, ones)), each channel for itself */
#include "ir/spell_util.h"

#include "ir/params.h"

/* ── Mean and variance ───────────────────────────────────────────────────────────────────────────────── */

/* Over the dimensions from 2 on together. */
static Value *normalised(Node *node, Value *x)
{
    Node *norm = spell_node(node, OP_LayerNormalization, (Value *[]){x, spell_number(node, x->type.dtype, 1)}, 2);
    node_set_int(norm, "axis", 2);
    node_set_float(norm, "epsilon", node_attr_float(node, "epsilon"));
    return spelled(norm);
}

/* x * (input 1) + (input 2), one of each for each index of dimension 1. */
static Value *affine(Node *node, Value *x)
{
    Value *part[2];
    for (int i = 0; i < 2; i++)
        part[i] = spell_by_channel(node, spell_cast(node, node->inputs.at[i + 1], x->type.dtype), x->type.shape.rank);
    return SPELL(node, OP_Add, SPELL(node, OP_Mul, x, part[0]), part[1]);
}

void spell_InstanceNormalization(Node *node)
{
    spell_result(node, affine(node, normalised(node, spell_wide(node, node->inputs.at[0]))));
}

/* Scale and bias are those of groups, as opset 18 has it, or of channels. */
void spell_GroupNormalization(Node *node)
{
    Value *x = spell_wide(node, node->inputs.at[0]);
    Shape shape = x->type.shape,
          groups = {.rank = 3, .dims = {shape.dims[0], {node_attr_int(node, "num_groups"), NULL}, {1, NULL}}};
    bool by_group = node->inputs.at[1]->type.shape.dims[0].size != shape.dims[1].size;
    for (int i = 1; i < shape.rank; i++)
        groups.dims[2].size *= shape.dims[i].size;
    groups.dims[2].size /= groups.dims[1].size;
    x = normalised(node, spell_reshape_to(node, x, &groups));
    if (by_group)
        x = affine(node, x);
    x = spell_reshape_to(node, x, &shape);
    spell_result(node, by_group ? x : affine(node, x));
}

static Value *reduced(Node *node, OpKind op, Value *x, const int64_t *axes, int64_t n)
{
    return SPELL(node, op, x, spell_ints(node, axes, n));
}

/* With ONNX's epsilon, which is added to the deviation. */
void spell_MeanVarianceNormalization(Node *node)
{
    Ints axes = node_mvn_axes(node);
    Value *x = spell_wide(node, node->inputs.at[0]);
    x = SPELL(node, OP_Sub, x, reduced(node, OP_ReduceMean, x, axes.at, axes.count));
    Value *variance = reduced(node, OP_ReduceMean, SPELL(node, OP_Mul, x, x), axes.at, axes.count);
    Value *deviation = SPELL(node, OP_Add, SPELL(node, OP_Sqrt, variance), spell_number(node, x->type.dtype, 1e-9));
    spell_result(node, SPELL(node, OP_Div, x, deviation));
}

/* ── Powers ──────────────────────────────────────────────────────────────────────────────────────────── */

/* What is all zeros stays. */
void spell_LpNormalization(Node *node)
{
    Value *x = spell_wide(node, node->inputs.at[0]);
    int64_t axis = node_axis(node);
    Value *norm = reduced(node, node_attr_int(node, "p") == 1 ? OP_ReduceL1 : OP_ReduceL2, x, &axis, 1);
    Value *zero = SPELL(node, OP_Equal, norm, spell_number(node, x->type.dtype, 0));
    spell_result(node, SPELL(node, OP_Div, x, SPELL(node, OP_Where, zero, spell_number(node, x->type.dtype, 1), norm)));
}

/* |x|^p */
static Value *powered(Node *node, Value *x)
{
    int64_t p = node_attr_int(node, "p");
    if (p == 2)
        return SPELL(node, OP_Mul, x, x);
    x = SPELL(node, OP_Abs, x);
    return p == 1 ? x : SPELL(node, OP_Pow, x, spell_number(node, x->type.dtype, (double)p));
}

static Value *rooted(Node *node, Value *sum)
{
    int64_t p = node_attr_int(node, "p");
    if (p <= 2)
        return p == 1 ? sum : SPELL(node, OP_Sqrt, sum);
    return SPELL(node, OP_Pow, sum, spell_number(node, sum->type.dtype, 1 / (double)p));
}

void spell_GlobalLpPool(Node *node)
{
    int64_t axes[MAX_RANK], n = 0;
    for (int i = 2; i < node->inputs.at[0]->type.shape.rank; i++)
        axes[n++] = i;
    Value *sum = reduced(node, OP_ReduceSum, powered(node, spell_wide(node, node->inputs.at[0])), axes, n);
    spell_result(node, rooted(node, sum));
}

/* Weights of 1, one kernel for each channel. */
static Value *ones(Node *node, DType dtype, const Window *w)
{
    int64_t dims[MAX_RANK] = {node->inputs.at[0]->type.shape.dims[1].size, 1};
    for (int i = 0; i < w->n; i++)
        dims[i + 2] = w->kernel[i];
    Tensor *tensor = tensor_new(node->graph->model->arena, dtype, w->n + 2, dims);
    if (!tensor)
        out_of_memory();
    for (int64_t i = 0; i < tensor->count; i++)
        tensor_set(tensor, i, 1);
    return spell_constant(node, tensor);
}

/* Sums of windows; the last one of ceil_mode may need more padding. Large ones are means times their elements: AveragePool's way
 * does not take each element by itself. */
static Value *window_sums(Node *node, Value *x)
{
    enum { MANY_TAPS = 64 };
    Window w;
    int64_t pads[2 * MAX_RANK];
    double taps = 1;
    const Shape *in = &x->type.shape, *out = &node->outputs.at[0]->type.shape;
    node_window(node, &w);
    for (int i = 0; i < w.n; i++) {
        int64_t last = (out->dims[i + 2].size - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1;
        int64_t more = last - w.begin[i] - in->dims[i + 2].size;
        taps *= (double)w.kernel[i];
        pads[i] = w.begin[i];
        pads[w.n + i] = more > w.end[i] ? more : w.end[i];
    }
    bool many = taps > MANY_TAPS;
    Node *sums = many ? spell_node(node, OP_AveragePool, &x, 1)
                      : spell_node(node, OP_Conv, (Value *[]){x, ones(node, x->type.dtype, &w)}, 2);
    if (many)
        node_set_ints(sums, "kernel_shape", w.kernel, w.n);
    node_set_int(sums, many ? "count_include_pad" : "group", many ? 1 : in->dims[1].size);
    node_set_ints(sums, "pads", pads, 2 * w.n);
    node_set_ints(sums, "strides", w.stride, w.n);
    node_set_ints(sums, "dilations", w.dilation, w.n);
    return many ? SPELL(node, OP_Mul, spelled(sums), spell_number(node, x->type.dtype, taps)) : spelled(sums);
}

void spell_LpPool(Node *node)
{
    spell_result(node, rooted(node, window_sums(node, powered(node, spell_wide(node, node->inputs.at[0])))));
}
