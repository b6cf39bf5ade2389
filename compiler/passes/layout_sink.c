/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sinking Transposes: computing first and transposing afterwards, so that a Transpose meets its inverse further down.
 *
 *   a = Transpose(p)                               s = Add(p, q)
 *   b = Transpose(q)                       ->      m = Mul(s, g')            g' = g with its axes permuted
 *   s = Add(a, b)                                  y = Transpose(m)
 *   y = Mul(s, g)
 *
 * A rule only ever moves Transposes towards the outputs, so the rewriting ends. One whose Transpose has other users
 * makes a second Transpose; in the graphs of exporters that one cancels or reaches an output. */
#include "compiler/passes/layout.h"

#include "compiler/passes/permute.h"
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

/* The Transpose that makes node's input, its permutation in perm; NULL. */
static Node *transposed_input(const Node *node, int64_t input, int64_t perm[MAX_RANK])
{
    Node *transpose = value_made_by(node_input(node, input), OP_Transpose);
    if (transpose)
        node_perm(transpose, perm);
    return transpose;
}

/* A copy of node before it, on other inputs, with its attributes; not inferred yet. */
static Node *copy_with(Node *node, Value *const *inputs, int64_t n_inputs)
{
    Node *copy = node_before(node, node->op->kind, inputs, n_inputs, node->outputs.at[0]->name);
    copy->name = node->name;
    node_copy_attrs(copy, node);
    return copy;
}

/* node's output becomes made's output, transposed. */
static bool finish(Node *node, Node *made, int rank, const int64_t *perm)
{
    node_infer(made);
    Node *back = node_replace(node, OP_Transpose, made->outputs.at, 1);
    back->name = "";
    node_set_ints(back, "perm", perm, rank);
    node_infer(back);
    return true;
}

/* ── Elementwise ─────────────────────────────────────────────────────────────────────────────────────── */

static bool is_one_element(const Value *value) { return shape_count(&value->type.shape) == 1; }

/* A constant that broadcasts to rank, its axes permuted; leading ones dropped, so that [C,1,1] ends as [C]. */
static Value *broadcast_constant(Node *at, Value *value, int rank, const int64_t *perm)
{
    Arena *arena = at->graph->model->arena;
    const Tensor *t = value->constant;
    int64_t dims[MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = i < rank - t->rank ? 1 : t->dims[i - (rank - t->rank)];
    Tensor *turned = tensor_permuted(arena, tensor_reshaped(arena, t, rank, dims), perm);
    int ones = 0;
    while (ones < rank - 1 && turned->dims[ones] == 1)
        ones++;
    turned = tensor_reshaped(arena, turned, rank - ones, turned->dims + ones);
    return constant_new(at->graph, value->name, turned, value->span);
}

/* A value that is smaller than the result and broadcasts along some axis: transposing it back costs little. */
static bool is_broadcast(const Value *value, const Value *output)
{
    return value_rank(value) == value_rank(output) && !shape_equal(&value->type.shape, &output->type.shape);
}

/* The permutation that all of node's transposed operands share, where one of them is as large as the result. Of one
 * element no Transpose matters, and follow keeps it: to sink it would not end. */
static bool common_perm(const Node *node, int rank, int64_t perm[MAX_RANK])
{
    int64_t other[MAX_RANK];
    bool found = false, full = false;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        if (!transposed_input(node, i, found ? other : perm) || value_rank(node->inputs.at[i]) != rank ||
            is_one_element(node->inputs.at[i]))
            continue;
        if (found && !perm_equal(rank, perm, other))
            return false;
        found = true;
        full |= shape_equal(&node->inputs.at[i]->type.shape, &node->outputs.at[0]->type.shape);
    }
    return full;
}

/* Whether operand value can be had in the layout before the Transpose. */
static bool can_follow(const Node *node, int64_t input, int rank)
{
    int64_t perm[MAX_RANK];
    const Value *value = node->inputs.at[input];
    if (!value || is_one_element(value) || (value->constant && value_rank(value) <= rank))
        return true;
    if (value_rank(value) != rank)
        return false;
    return transposed_input(node, input, perm) || is_broadcast(value, node->outputs.at[0]);
}

static Value *follow(Node *node, Value *value, int rank, const int64_t *inverse)
{
    if (!value || is_one_element(value))
        return value;
    if (value->constant)
        return broadcast_constant(node, value, rank, inverse);
    return value_permuted(node, value, rank, inverse);
}

bool sink_through_elementwise(Node *node)
{
    enum { MAX_INPUTS = 8 };
    int64_t perm[MAX_RANK], inverse[MAX_RANK];
    Value *inputs[MAX_INPUTS];
    int rank = node->outputs.len == 1 ? value_rank(node->outputs.at[0]) : -1;
    if (node->op->class != CLASS_ELEMENTWISE || node->op->kind == OP_BatchNormalization || rank < 0 ||
        node->inputs.len > MAX_INPUTS || !common_perm(node, rank, perm))
        return false;
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (!can_follow(node, i, rank))
            return false;
    perm_invert(rank, perm, inverse);
    for (int64_t i = 0; i < node->inputs.len; i++)
        inputs[i] = follow(node, node->inputs.at[i], rank, inverse);
    return finish(node, copy_with(node, inputs, node->inputs.len), rank, perm);
}

/* ── Reductions ──────────────────────────────────────────────────────────────────────────────────────── */

static bool contains(const int64_t *axes, int64_t n, int64_t axis)
{
    for (int64_t i = 0; i < n; i++)
        if (axes[i] == axis)
            return true;
    return false;
}

/* The Transpose left after a reduction that dropped axes of y = Transpose<perm>(x): kept axes, renumbered as they come
 * in x. */
static int remaining_perm(int rank, const int64_t *perm, const int64_t *axes, int64_t n, int64_t out[MAX_RANK])
{
    int kept = 0;
    for (int i = 0; i < rank; i++) {
        if (contains(axes, n, i))
            continue;
        out[kept] = 0;
        for (int j = 0; j < rank; j++)
            out[kept] += !contains(axes, n, j) && perm[j] < perm[i];
        kept++;
    }
    return kept;
}

static void sort_axes(int64_t *axes, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = i; j > 0 && axes[j - 1] > axes[j]; j--) {
            int64_t swap = axes[j];
            axes[j] = axes[j - 1];
            axes[j - 1] = swap;
        }
}

bool sink_through_reduce(Node *node)
{
    int64_t perm[MAX_RANK], axes[MAX_RANK], moved[MAX_RANK], rest[MAX_RANK];
    Node *transpose = node_is_reduce(node) ? transposed_input(node, 0, perm) : NULL;
    int64_t n = transpose ? node_reduced_axes(node, axes) : 0;
    if (n == 0)
        return false;
    int rank = value_rank(transpose->inputs.at[0]);
    for (int64_t i = 0; i < n; i++)
        moved[i] = perm[axes[i]];
    sort_axes(moved, n);
    Node *reduce = copy_with(node, transpose->inputs.at, 1);
    node_set_axes(reduce, moved, n);
    if (node_attr_int(node, "keepdims"))
        return finish(node, reduce, rank, perm);
    int kept = remaining_perm(rank, perm, axes, n, rest);
    return finish(node, reduce, kept, rest);
}

bool sink_through_norm(Node *node)
{
    int64_t perm[MAX_RANK];
    Node *transpose = transposed_input(node, 0, perm);
    if (!transpose || !node_has_one_output(node))
        return false;
    int rank = value_rank(transpose->inputs.at[0]);
    for (int i = node_axis(node); i < rank; i++)
        if (perm[i] != i)
            return false;
    Value *inputs[] = {transpose->inputs.at[0], node->inputs.at[1], node_input(node, 2)};
    return finish(node, copy_with(node, inputs, node->inputs.len), rank, perm);
}

/* Not where the axis would move away from the last place, which is the fast one. */
bool sink_through_softmax(Node *node)
{
    int64_t perm[MAX_RANK], axis = node_axis(node);
    Node *transpose = transposed_input(node, 0, perm);
    if (!transpose)
        return false;
    int rank = value_rank(transpose->inputs.at[0]);
    if (axis == rank - 1 && perm[axis] != axis)
        return false;
    Node *softmax = copy_with(node, transpose->inputs.at, 1);
    node_set_int(softmax, "axis", perm[axis]);
    return finish(node, softmax, rank, perm);
}

/* The same rows along the axis, wherever it lies. */
bool sink_through_gather(Node *node)
{
    int64_t perm[MAX_RANK];
    Node *transpose = transposed_input(node, 0, perm);
    Value *index = node->inputs.at[1];
    if (!transpose || !index->constant || value_rank(index) != 1)
        return false;
    Node *gather = copy_with(node, (Value *[]){transpose->inputs.at[0], index}, 2);
    node_set_int(gather, "axis", perm[node_axis(node)]);
    return finish(node, gather, value_rank(transpose->inputs.at[0]), perm);
}

/* ── Contractions and moves ──────────────────────────────────────────────────────────────────────────── */

/* The rows of the left operand may come in any order, if the right one is one matrix. */
bool sink_through_matmul(Node *node)
{
    int64_t perm[MAX_RANK];
    Node *transpose = transposed_input(node, 0, perm);
    int rank = transpose ? value_rank(transpose->inputs.at[0]) : 0;
    if (rank < 2 || perm[rank - 1] != rank - 1 || value_rank(node->inputs.at[1]) != 2)
        return false;
    Value *inputs[] = {transpose->inputs.at[0], node->inputs.at[1]};
    return finish(node, copy_with(node, inputs, 2), rank, perm);
}

/* A Slice of x along one axis. */
static Node *slice_of(Node *at, Value *x, int64_t axis, int64_t start, int64_t end, const char *base)
{
    Arena *arena = at->graph->model->arena;
    Value *inputs[4] = {x};
    const int64_t numbers[] = {start, end, axis};
    for (int i = 0; i < countof(numbers); i++)
        inputs[1 + i] = constant_new(at->graph, base, tensor_from_i64(arena, &numbers[i], 1), at->span);
    Node *slice = node_before(at, OP_Slice, inputs, countof(inputs), base);
    node_infer(slice);
    return slice;
}

/* Its parts, each a Slice before a Transpose of its own. */
bool sink_through_split(Node *node)
{
    int64_t perm[MAX_RANK], from = 0;
    Node *transpose = transposed_input(node, 0, perm);
    if (!transpose || !dim_is_fixed(node->inputs.at[0]->type.shape.dims[node_axis(node)]))
        return false;
    int rank = value_rank(transpose->inputs.at[0]);
    const int64_t *lengths = node_parts(node);
    for (int64_t i = 0; i < node->outputs.len; from += lengths[i++]) {
        Value *part = node->outputs.at[i];
        if (part) {
            Node *slice = slice_of(node, transpose->inputs.at[0], perm[node_axis(node)], from, from + lengths[i], part->name);
            Node *back = graph_insert_node(node->graph, node, op_get(OP_Transpose), node->span);
            node_add_input(back, slice->outputs.at[0]);
            node_add_output(back, part);
            node_set_ints(back, "perm", perm, rank);
            node_infer(back);
        }
    }
    node_remove(node);
    return true;
}

/* Along axes that it names. */
bool sink_through_slice(Node *node)
{
    int64_t perm[MAX_RANK], moved[MAX_RANK];
    Node *transpose = transposed_input(node, 0, perm);
    Ints axes = transpose ? node_ints(node, "axes", 3) : (Ints){0};
    if (!axes.given || node->inputs.len < 4)
        return false;
    int rank = value_rank(transpose->inputs.at[0]);
    for (int64_t i = 0; i < axes.count; i++)
        moved[i] = perm[axes.at[i] < 0 ? axes.at[i] + rank : axes.at[i]];
    Tensor *tensor = tensor_from_i64(node->graph->model->arena, moved, axes.count);
    Value *inputs[] = {transpose->inputs.at[0], node->inputs.at[1], node->inputs.at[2],
                       constant_new(node->graph, "axes", tensor, node->span), node_input(node, 4)};
    return finish(node, copy_with(node, inputs, node->inputs.len), rank, perm);
}

bool sink_through_concat(Node *node)
{
    enum { MAX_INPUTS = 16 };
    int64_t perm[MAX_RANK], other[MAX_RANK];
    Value *inputs[MAX_INPUTS];
    if (!transposed_input(node, 0, perm) || node->inputs.len > MAX_INPUTS)
        return false;
    int rank = value_rank(node->inputs.at[0]);
    for (int64_t i = 0; i < node->inputs.len; i++) {
        Node *transpose = transposed_input(node, i, other);
        if (!transpose || value_rank(node->inputs.at[i]) != rank || !perm_equal(rank, perm, other))
            return false;
        inputs[i] = transpose->inputs.at[0];
    }
    Node *concat = copy_with(node, inputs, node->inputs.len);
    node_set_int(concat, "axis", perm[node_axis(node)]);
    return finish(node, concat, rank, perm);
}

/* Of an item of the batch, if that is free. */
static double elements_of(const Value *value)
{
    double count = 1;
    for (int i = 0; i < value_rank(value); i++)
        count *= dim_is_fixed(value->type.shape.dims[i]) ? (double)value->type.shape.dims[i].size : 1;
    return count;
}

static bool is_enlarged_result(const Node *node)
{
    const Value *result = node->outputs.at[0];
    return result->is_output && elements_of(result) > elements_of(node->inputs.at[0]);
}

/* Not where an axis would become the last one, along which elements are neighbours, and not where the few elements before Resize would
 * turn into many that have to be transposed for the graph's output: the schedule turns them as they are made. */
bool sink_through_resize(Node *node)
{
    int64_t perm[MAX_RANK], moved[MAX_RANK];
    Node *transpose = transposed_input(node, 0, perm);
    Ints axes = node_ints(node, "axes", -1);
    int rank = transpose ? value_rank(transpose->inputs.at[0]) : 0;
    if (!transpose || is_enlarged_result(node))
        return false;
    for (int64_t i = 0; i < axes.count; i++) {
        moved[i] = perm[axes.at[i]];
        if (moved[i] == rank - 1 && axes.at[i] != rank - 1)
            return false;
    }
    Value *inputs[4] = {transpose->inputs.at[0], node_input(node, 1), node_input(node, 2), node_input(node, 3)};
    Node *resize = copy_with(node, inputs, node->inputs.len);
    node_set_ints(resize, "axes", moved, axes.count);
    return finish(node, resize, rank, perm);
}
