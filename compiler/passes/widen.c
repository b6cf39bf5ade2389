/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Halves, float16 and bfloat16, are computed in float: the graph takes and gives them, and between there are none.
 *
 *   halves (float16[1,8] x) => (float16[1,4] y)        f = Cast<to = 1>(x)
 *   p = MatMul(x, w)                                   p = MatMul(f, w')           w' = w in float
 *   y = Relu(p)                                 ->     r = Relu(p)
 *                                                      y = Cast<to = 10>(r)
 *
 * So they are fused, folded and scheduled as floats are. Results are nearer to exact than the graph's, which rounds each value;
 * at -O0 it is done as it says. Casts to halves and back go, also those that an exporter put around a part that needs floats.
 * Numbers of Gelu that were rounded to halves are what they were, so that it is recognised. Doubles that come of halves and end as
 * halves, as torch writes LayerNorm of before opset 17, are floats, too. Requires types, and no legal forms, for `cnxc verify` has
 * the interpreter compute likewise; preserves names of inputs and outputs. */
#include "compiler/passes/passes.h"

#include "compiler/passes/rewrite.h"

#include "ir/base/parallel.h"
#include "ir/edge.h"

#include <math.h>

static bool has_halves(const Value *value) { return value && dtype_is_half(value->type.dtype); }

/* ── What the graph takes and gives ──────────────────────────────────────────────────────────────────── */

/* Nothing but a Cast to float reads it. */
static bool is_read_as_float(const Value *value)
{
    const Node *user = value->users.len == 1 ? value->users.at[0] : NULL;
    return user && user->op->kind == OP_Cast && value_is_float(user->outputs.at[0]);
}

/* Of an input, or a constant that the graph gives out, nodes read a Cast. */
static bool take_as_float(Value *value)
{
    if (!has_halves(value) || value->producer || !value->users.len || is_read_as_float(value))
        return false;
    edge_take(value, DT_FLOAT);
    return true;
}

/* Rounds what is no half, and nothing else needs it. */
static bool is_rounded_last(const Value *value)
{
    return value->producer->op->kind == OP_Cast && !has_halves(value->producer->inputs.at[0]) && !value->users.len;
}

/* What made an output makes another value, which a Cast at the end rounds. */
static bool give_rounded(Value *value)
{
    if (!has_halves(value) || !value->producer || is_rounded_last(value))
        return false;
    edge_give(value, DT_FLOAT);
    return true;
}

/* ── What lies between ───────────────────────────────────────────────────────────────────────────────── */

typedef struct Copy {
    const Tensor *from;
    Tensor *to;
} Copy;

static void copy_range(void *context, int64_t begin, int64_t end)
{
    const Copy *copy = context;
    for (int64_t i = begin; i < end; i++)
        tensor_set(copy->to, i, tensor_get(copy->from, i));
}

/* What a scalar was before it was rounded: roots of 2, of 2/pi, and Gelu's cubic coefficient. */
static double before_rounding(const Tensor *scalar)
{
    static const double numbers[] = {M_SQRT2, M_SQRT1_2, 0.7978845608028654, 0.044715};
    double rounded = tensor_get(scalar, 0);
    for (int64_t i = 0; i < countof(numbers); i++) {
        float number = (float)numbers[i];
        if (rounded == (double)(scalar->dtype == DT_FLOAT16 ? f16_to_f32(f32_to_f16(number)) : bf16_to_f32(f32_to_bf16(number))))
            return numbers[i];
    }
    return rounded;
}

static Tensor *as_floats(Arena *arena, const Tensor *tensor)
{
    enum { GRAIN = 1 << 18 };
    Copy copy = {tensor, tensor_new(arena, DT_FLOAT, tensor->rank, tensor->dims)};
    parallel_ranges(tensor->count, GRAIN, copy_range, &copy);
    if (tensor->count == 1 && dtype_is_half(tensor->dtype))
        tensor_set(copy.to, 0, before_rounding(tensor));
    tensor_release(tensor);
    return copy.to;
}

/* Whether the graph gives it out as halves: that of a body is seen by the graph around it alone. */
static bool stays(const Value *value) { return !value->graph->parent && (value->is_input || value->is_output); }

typedef bool TypeSet(DType dtype); /* of those that become float */

static bool widen_value(Value *value, TypeSet *of)
{
    if (!value || !of(value->type.dtype) || stays(value))
        return false;
    if (value->constant)
        value->constant = as_floats(value->graph->model->arena, value->constant);
    value->type.dtype = DT_FLOAT;
    value->known = NULL;
    return true;
}

/* Attributes that name a type; constants. */
static void widen_attr(Arena *arena, Attr *attr, TypeSet *of)
{
    static const char *const types[] = {"to", "dtype", "output_dtype"};
    for (int64_t i = 0; i < countof(types); i++)
        if (attr->kind == ATTR_INT && str_equal(attr->name, types[i]) && of((DType)attr->i))
            attr->i = DT_FLOAT;
    if (attr->kind == ATTR_TENSOR && of(attr->tensor->dtype))
        attr->tensor = as_floats(arena, attr->tensor);
}

static bool widen_inside(Graph *graph, TypeSet *of);

static bool widen_node(Node *node, TypeSet *of)
{
    bool changed = false;
    if (has_halves(node_output(node, 0)) && stays(node->outputs.at[0])) /* its Cast at the end */
        return false;
    for (int64_t i = 0; i < node->attrs.len; i++)
        widen_attr(node->graph->model->arena, &node->attrs.at[i], of);
    for (int64_t i = 0; i < node->outputs.len; i++)
        changed |= widen_value(node->outputs.at[i], of);
    return node->op->kind == OP_Region ? widen_inside(node_attr_graph(node, "body"), of) || changed : changed;
}

static bool widen_inside(Graph *graph, TypeSet *of)
{
    bool changed = false;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        changed |= widen_value(graph->inputs.at[i], of);
    for (int64_t i = 0; i < graph->constants.len; i++)
        changed |= widen_value(graph->constants.at[i], of);
    FOR_NODES (node, graph)
        changed |= widen_node(node, of);
    return changed;
}

/* ── Doubles on the way ──────────────────────────────────────────────────────────────────────────────── */

static bool is_double(DType dtype) { return dtype == DT_DOUBLE; }

static bool one_is_double(Value *const *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (values[i] && is_double(values[i]->type.dtype))
            return true;
    return false;
}

/* Doubles begin as a Cast of halves or a constant, and end as a Cast to halves. */
static bool keeps_detour(const Node *node)
{
    bool reads = one_is_double(node->inputs.at, node->inputs.len), makes = one_is_double(node->outputs.at, node->outputs.len);
    bool casts = node->op->kind == OP_Cast;
    if (reads == makes)
        return !makes || node->op->kind != OP_Region;
    if (makes)
        return casts ? has_halves(node->inputs.at[0]) : node->op->kind == OP_Constant;
    return casts && has_halves(node->outputs.at[0]);
}

static bool doubles_are_detours(const Graph *graph)
{
    if (one_is_double(graph->inputs.at, graph->inputs.len) || one_is_double(graph->outputs.at, graph->outputs.len))
        return false;
    FOR_NODES (node, graph)
        if (!keeps_detour(node))
            return false;
    return true;
}

static const Rule rules[] = {{OP_Cast, "float to float", node_forward_same_type}};

bool pass_widen(Graph *graph)
{
    bool changed = doubles_are_detours(graph) && widen_inside(graph, is_double);
    for (int64_t i = 0; i < graph->outputs.len; i++)
        changed |= give_rounded(graph->outputs.at[i]) || take_as_float(graph->outputs.at[i]);
    for (int64_t i = 0; i < graph->inputs.len; i++)
        changed |= take_as_float(graph->inputs.at[i]);
    changed |= widen_inside(graph, dtype_is_half);
    return changed && (rewrite(graph, rules, countof(rules)), pass_prune(graph), true);
}
