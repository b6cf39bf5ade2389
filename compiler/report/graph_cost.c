/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Costs, from shapes alone. A free batch counts as 1. */
#include "compiler/report/graph_cost.h"

#include "ir/op.h"

static int64_t dim_at(const Shape *shape, int index) { return shape->dims[index].size < 0 ? 1 : shape->dims[index].size; }

static int64_t count_of(const Type *type)
{
    int64_t count = 1;
    for (int i = 0; i < type->shape.rank; i++)
        if (__builtin_mul_overflow(count, dim_at(&type->shape, i), &count))
            return 0;
    return type->shape.rank < 0 ? 0 : count;
}

/* Of the inner product that makes one output element. */
static int64_t inner_length(const Node *node)
{
    const Value *a = node_input(node, 0), *b = node_input(node, 1);
    if (!a || !b || b->type.shape.rank < 1 || a->type.shape.rank < 1)
        return 0;
    const Shape *w = &b->type.shape;
    int64_t length = 1;
    switch (node->op->kind) {
    case OP_Conv:
    case OP_ConvNHWC: /* weights (M, C/group, kernel…): all but M */
        for (int i = 1; i < w->rank; i++)
            length *= dim_at(w, i);
        return length;
    case OP_RowQuantizedMatMul:
    case OP_MatMulInteger:
    case OP_MatMul: return dim_at(&a->type.shape, a->type.shape.rank - 1);
    case OP_Gemm: return dim_at(&a->type.shape, node_attr_int(node, "transA") ? 0 : a->type.shape.rank - 1);
    default: return 0;
    }
}

int64_t node_macs(const Node *node)
{
    const Graph *body = node->op->kind == OP_Region ? node_attr_graph(node, "body") : NULL;
    if (body) {
        int64_t sum = 0;
        FOR_NODES (inner, body)
            sum += node_macs(inner);
        return sum;
    }
    const Value *output = node_output(node, 0);
    int64_t macs = 0;
    if (!output || __builtin_mul_overflow(count_of(&output->type), inner_length(node), &macs))
        return 0;
    return macs;
}

static void add_constants(Cost *cost, const Graph *graph)
{
    for (int64_t i = 0; i < graph->constants.len; i++) {
        const Value *value = graph->constants.at[i];
        if (!value->constant || (value->users.len == 0 && !value->is_output))
            continue;
        cost->parameters += value->constant->count;
        cost->parameter_bytes += value->constant->count * dtype_size(value->constant->dtype);
    }
    FOR_NODES (node, graph)
        if (node->op->kind == OP_Region)
            add_constants(cost, node_attr_graph(node, "body"));
}

static int64_t is_half(const Value *value) { return value && dtype_is_half(value->type.dtype); }

int64_t graph_halves(const Graph *graph)
{
    int64_t n = 0;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        n += is_half(graph->inputs.at[i]);
    for (int64_t i = 0; i < graph->constants.len; i++)
        n += is_half(graph->constants.at[i]);
    FOR_NODES (node, graph) {
        for (int64_t i = 0; i < node->outputs.len; i++)
            n += is_half(node->outputs.at[i]);
        if (node->op->kind == OP_Region)
            n += graph_halves(node_attr_graph(node, "body"));
    }
    return n;
}

Cost graph_cost(const Graph *graph)
{
    Cost cost = {0};
    add_constants(&cost, graph);
    FOR_NODES (node, graph) {
        cost.macs += node_macs(node);
        for (int64_t i = 0; i < node->outputs.len; i++) {
            const Value *value = node->outputs.at[i];
            int64_t bytes = value ? count_of(&value->type) * dtype_size(value->type.dtype) : 0;
            cost.largest_value = bytes > cost.largest_value ? bytes : cost.largest_value;
        }
    }
    return cost;
}
