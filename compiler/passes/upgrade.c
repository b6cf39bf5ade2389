/* Upgrade: from here on the graph is of opset 20 or later, so that Gelu and LayerNormalization may appear in it.
 *
 *   <opset_import: ["" : 13]>                       <opset_import: ["" : 20]>
 *   m = ReduceMean<axes = [-1]>(x)         ->       m = ReduceMean(x, axes)      axes = {-1}
 *   y = Softmax<axis = 1>(m)     [2,3,1]            y = Softmax<axis = 1>(m)
 *
 * What changed its meaning between opset 11 and 20 is rewritten; all else only gained element types. If one
 * node cannot be rewritten (Softmax over several dimensions at once, before opset 13), the opset stays.
 * Requires types; preserves names and results. */
#include "compiler/passes/passes.h"

#include "compiler/passes/rewrite.h"

enum { TARGET_OPSET = 20 };

/* Before opset 13, Softmax runs over all dimensions from axis on: the same thing if only one of them is not 1. */
static bool softmax_axis(const Node *node, int64_t *axis)
{
    const Shape *shape = &node->inputs.at[0]->type.shape;
    int64_t first = node_attr(node, "axis") ? node_attr_int(node, "axis") : 1, n_long = 0;
    if (shape->rank < 1)
        return false;
    first += first < 0 ? shape->rank : 0;
    if (first >= shape->rank)
        return false;
    *axis = shape->rank - 1;
    for (int64_t i = first; i < shape->rank; i++)
        if (shape->dims[i].size != 1) {
            *axis = i;
            n_long++;
        }
    return n_long <= 1;
}

static bool is_softmax(const Node *node) { return node->op->kind == OP_Softmax || node->op->kind == OP_LogSoftmax; }

static bool has_axes(const Node *node)
{
    return is_reduce(node) || node->op->kind == OP_Squeeze || node->op->kind == OP_Unsqueeze;
}

static bool is_upgradable(const Node *node, int64_t opset)
{
    int64_t axis;
    return !is_softmax(node) || opset >= 13 || softmax_axis(node, &axis);
}

static void upgrade_node(Node *node, int64_t opset)
{
    int64_t axis;
    if (is_softmax(node) && opset < 13 && softmax_axis(node, &axis))
        node_set_int(node, "axis", axis);
    if (has_axes(node) && node_attr(node, "axes") && !node_input(node, 1))
        axes_set(node, node_ints(node, "axes", 1).at, node_ints(node, "axes", 1).count);
}

bool pass_upgrade(Graph *graph)
{
    int64_t opset = model_opset(graph->model, "");
    if (opset >= TARGET_OPSET)
        return false;
    FOR_NODES (node, graph)
        if (!is_upgradable(node, opset))
            return false;
    FOR_NODES (node, graph)
        upgrade_node(node, opset);
    model_set_opset(graph->model, "", TARGET_OPSET);
    return true;
}
