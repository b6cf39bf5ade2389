/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Legalize: one opset and one spelling, at every level. ONNX says the same thing in many ways, and says more of it with each
 * opset; beyond this pass each is said in one way, the table at the end of this file, and nothing later looks for another.
 *
 *   <opset_import: ["" : 11]>                       <opset_import: ["" : 20]>
 *   m = ReduceMean<axes = [-1]>(x)         ->       m = ReduceMean(x, {2})
 *   s = Softmax<axis = 1>(m)     [2,3,1]            s = Softmax<axis = 1>(m)
 *   t = Slice<starts, ends>(s)                      t = Slice(s, starts, ends)
 *   p = MaxPool<auto_pad = "SAME_UPPER">(t)         p = MaxPool<pads, strides, dilations>(t)
 *   y = Flatten(p)                                  y = Reshape(p, {0, -1})
 *
 * The opset is 20 whatever it was: what changed its meaning since opset 11 is rewritten, and what is newer only gained
 * element types. Requires types, and sizes of all dimensions but the batch's; preserves names and results. */
#include "compiler/passes/legalize.h"

#include "compiler/passes/dequantized.h"
#include "compiler/passes/integer.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"
#include "ir/region.h"
#include "ir/resize.h"
#include "ir/spell.h"

#include <limits.h>
#include <string.h>

enum { OPSET = 20 };

/* node makes what op makes of value alone. */
static void become(Node *node, OpKind op, Value *const *inputs, int64_t n) { node_infer(node_replace(node, op, inputs, n)); }

static void become_value(Node *node, Value *value)
{
    if (!node_forward(node, value))
        become(node, OP_Identity, &value, 1);
}

/* ── What were attributes and are inputs ─────────────────────────────────────────────────────────────── */

/* Where ONNX moved attributes to; "": it always was an input. */
static const struct Moved {
    OpKind op;
    const char *attr;
    int64_t input;
} moved_ints[] = {{OP_Slice, "starts", 1}, {OP_Slice, "ends", 2}, {OP_Slice, "axes", 3}, {OP_Slice, "", 4},
                  {OP_Split, "split", 1},  {OP_Pad, "pads", 1},   {OP_Pad, "", 3},       {OP_Tile, "", 1},
                  {OP_TopK, "k", 1},       {OP_CumProd, "", 1},   {OP_CumSum, "", 1}},
  moved_floats[] = {{OP_Pad, "value", 2}, {OP_Clip, "min", 1}, {OP_Clip, "max", 2}};

static bool is_moved(const Node *node, const struct Moved *moved)
{
    return node->op->kind != moved->op || !node_attr(node, moved->attr);
}

/* Integers are constants; shape arithmetic that inference has followed is not asked for later. */
static bool is_constant(const Node *node, int64_t input)
{
    const Value *value = node_input(node, input);
    return !value || value->constant;
}

static bool inputs_are_legal(const Node *node)
{
    for (int64_t i = 0; i < countof(moved_ints); i++)
        if (!is_moved(node, &moved_ints[i]) || (node->op->kind == moved_ints[i].op && !is_constant(node, moved_ints[i].input)))
            return false;
    for (int64_t i = 0; i < countof(moved_floats); i++)
        if (!is_moved(node, &moved_floats[i]))
            return false;
    return true;
}

static void put_input(Node *node, int64_t input, const char *attr, Tensor *tensor)
{
    const char *base = arena_printf(node->graph->model->arena, "%s_%s", node->outputs.at[0]->name, *attr ? attr : "ints");
    while (node->inputs.len <= input)
        node_add_input(node, NULL);
    node_set_input(node, input, constant_new(node->graph, base, tensor, node->span));
    node_drop_attr(node, attr);
}

static Tensor *scalar_of(const Node *node, const char *attr)
{
    Tensor *tensor = tensor_new(node->graph->model->arena, node->inputs.at[0]->type.dtype, 0, NULL);
    tensor_set(tensor, 0, node_attr_float(node, attr));
    return tensor;
}

static void make_inputs(Node *node)
{
    for (int64_t i = 0; i < countof(moved_ints); i++) {
        const struct Moved *m = &moved_ints[i];
        if (node->op->kind != m->op || (!node_attr(node, m->attr) && is_constant(node, m->input)))
            continue;
        Ints ints = node_ints(node, m->attr, m->input);
        put_input(node, m->input, m->attr, tensor_from_i64(node->graph->model->arena, ints.at, ints.count));
    }
    for (int64_t i = 0; i < countof(moved_floats); i++) {
        const struct Moved *m = &moved_floats[i];
        if (is_moved(node, m))
            continue;
        if (node_input(node, m->input))
            node_drop_attr(node, m->attr);
        else
            put_input(node, m->input, m->attr, scalar_of(node, m->attr));
    }
}

/* ── Axes ────────────────────────────────────────────────────────────────────────────────────────────── */

static bool has_axis(const Node *node)
{
    AttrSpec spec;
    return op_attr_spec(node->op, "axis", &spec);
}

static bool axis_is_legal(const Node *node)
{
    return !has_axis(node) || (node_attr(node, "axis") && node_attr_int(node, "axis") >= 0);
}

static void make_axis(Node *node) { node_set_int(node, "axis", node_axis(node)); }

static bool perm_is_legal(const Node *node) { return node_attr(node, "perm"); }

static void make_perm(Node *node)
{
    int64_t perm[MAX_RANK];
    int rank = node_perm(node, perm);
    node_set_ints(node, "perm", perm, rank);
}

static bool reduce_is_legal(const Node *node)
{
    const Value *axes = node_input(node, 1);
    return !node_is_reduce(node) || (!node_attr(node, "axes") && axes && axes->constant && axes->constant->count);
}

/* Over no dimension each element is reduced alone. */
static void reduce_nothing(Node *node)
{
    Value *x = node->inputs.at[0];
    if (node->op->kind == OP_ReduceL1 || node->op->kind == OP_ReduceL2)
        become(node, OP_Abs, &x, 1);
    else if (node->op->kind == OP_ReduceSumSquare)
        become(node, OP_Mul, (Value *[]){x, x}, 2);
    else
        become_value(node, x);
}

static void make_reduce(Node *node)
{
    int64_t axes[MAX_RANK], n = node_reduced_axes(node, axes);
    if (n == 0) {
        reduce_nothing(node);
        return;
    }
    node_set_axes(node, axes, n);
}

/* GlobalAveragePool(x) -> ReduceMean(x, spatial axes); GlobalMaxPool likewise. */
static void make_global_pool(Node *node)
{
    Value *x = node->inputs.at[0];
    int64_t axes[MAX_RANK], n = 0;
    for (int i = 2; i < value_rank(x); i++)
        axes[n++] = i;
    Node *reduce = node_replace(node, node->op->kind == OP_GlobalMaxPool ? OP_ReduceMax : OP_ReduceMean, &x, 1);
    node_set_int(reduce, "keepdims", 1);
    node_set_axes(reduce, axes, n);
    node_infer(reduce);
}

/* ── Softmax of before opset 13 ──────────────────────────────────────────────────────────────────────── */

/* Over all dimensions from axis on together: the same thing if only one of them is not 1. That one; -1: there are more. */
static int long_axis(const Node *node)
{
    const Shape *shape = &node->inputs.at[0]->type.shape;
    int axis = shape->rank - 1, n_long = 0;
    for (int i = node_axis(node); i < shape->rank; i++)
        if (shape->dims[i].size != 1) {
            axis = i;
            n_long++;
        }
    return n_long <= 1 && node_axis(node) < shape->rank ? axis : -1;
}

/* Over the images of a free batch: refused when it is scheduled. */
static bool takes_images(const Node *node) { return node_axis(node) == 0 && node->inputs.at[0]->type.shape.dims[0].size < 0; }

static bool softmax_is_legal(const Node *node)
{
    return !softmax_flattens(node) || takes_images(node) || long_axis(node) == node_axis(node);
}

/* Softmax<axis = 1>(x) of [2,3,4] -> Softmax of [2,12], and back. */
static void make_softmax(Node *node)
{
    Value *x = node->inputs.at[0];
    int64_t target[MAX_RANK + 1] = {0}, axis = long_axis(node);
    if (axis >= 0) {
        node_set_int(node, "axis", axis);
        return;
    }
    axis = node_axis(node);
    target[axis] = axis < value_rank(x) ? -1 : 1;
    Tensor *tensor = tensor_from_i64(node->graph->model->arena, target, axis + 1);
    Value *shape = constant_new(node->graph, "flat", tensor, node->span);
    Node *flat = node_before(node, OP_Reshape, (Value *[]){x, shape}, 2, x->name);
    node_infer(flat);
    Node *softmax = node_before(node, node->op->kind, flat->outputs.at, 1, node->outputs.at[0]->name);
    node_set_int(softmax, "axis", axis);
    node_infer(softmax);
    node_become_reshape(node, softmax->outputs.at[0]);
}

/* ── Parts, windows, operands ────────────────────────────────────────────────────────────────────────── */

static bool split_is_legal(const Node *node) { return node_input(node, 1) && !node_attr(node, "num_outputs"); }

static void make_split(Node *node)
{
    Arena *arena = node->graph->model->arena;
    put_input(node, 1, "split", tensor_from_i64(arena, node_parts(node), node->outputs.len));
    node_drop_attr(node, "num_outputs");
}

/* Padding in numbers, nothing left out; how large a convolution's kernel is, its weights say. */
static bool window_is_legal(const Node *node)
{
    return !node_attr(node, "auto_pad") && node_attr(node, "pads") && node_attr(node, "strides") &&
           node_attr(node, "dilations") && (node->op->kind != OP_Conv || !node_attr(node, "kernel_shape"));
}

static void make_window(Node *node)
{
    int64_t pads[2 * MAX_RANK];
    Window window;
    node_window(node, &window);
    for (int i = 0; i < window.n; i++) {
        pads[i] = window.begin[i];
        pads[window.n + i] = window.end[i];
    }
    node_drop_attr(node, "auto_pad");
    if (node->op->kind == OP_Conv)
        node_drop_attr(node, "kernel_shape");
    node_set_ints(node, "pads", pads, 2 * window.n);
    node_set_ints(node, "strides", window.stride, window.n);
    node_set_ints(node, "dilations", window.dilation, window.n);
}

/* ── Resize ──────────────────────────────────────────────────────────────────────────────────────────── */

/* The axes that are resized, and no others: of a picture two, so that a free batch is none of them. Where they share one
 * scale, all have a say in it. */
static bool resize_is_legal(const Node *node)
{
    ResizeAxis axes[MAX_RANK];
    if (resize_is_old(node) || !node_attr(node, "axes") || (resize_sizes(node) && node_input(node, 2)))
        return false;
    for (int64_t i = 1; i < node->inputs.len; i++)
        if (!is_constant(node, i))
            return false;
    Ints named = node_ints(node, "axes", -1);
    for (int i = node_resize(node, axes); i > 0; i--)
        if (named.at[i - 1] < 0 || (axes[i - 1].stays && !resize_keeps_ratio(node)))
            return false;
    return true;
}

/* Before opset 11: its one rule of coordinates by name. Smaller or larger, what is nearest differs. */
static void name_rules(Node *node, bool smaller)
{
    node_set_string(node, "coordinate_transformation_mode", "asymmetric");
    node_set_string(node, "nearest_mode", smaller ? "ceil" : "floor");
}

static void put_value(Node *node, int64_t input, Value *value)
{
    while (node->inputs.len <= input)
        node_add_input(node, NULL);
    node_set_input(node, input, value);
}

/* The inputs of opset 11 for those axes. */
static void put_axes(Node *node, const ResizeAxis *axes, int n, bool by_sizes, bool crops)
{
    Arena *arena = node->graph->model->arena;
    const char *name = node->outputs.at[0]->name;
    int64_t numbers[MAX_RANK] = {0};
    double scales[MAX_RANK], roi[2 * MAX_RANK];
    for (int i = 0; i < n; i++) {
        numbers[i] = axes[i].axis;
        scales[i] = (double)axes[i].scale;
        roi[i] = (double)axes[i].from;
        roi[n + i] = (double)axes[i].to;
    }
    node_set_ints(node, "axes", numbers, n);
    for (int i = 0; i < n; i++)
        numbers[i] = axes[i].out;
    put_value(node, 1, crops ? vector_new(node, arena_printf(arena, "%s_roi", name), roi, 2 * n) : NULL);
    put_value(node, 2, by_sizes ? NULL : vector_new(node, arena_printf(arena, "%s_scales", name), scales, n));
    if (by_sizes)
        put_input(node, 3, "sizes", tensor_from_i64(arena, numbers, n));
    else if (node->inputs.len > 3)
        node_set_input(node, 3, NULL);
}

/* Larger along some axes first, by a node before; smaller along the others is left to do. */
static void enlarge_before(Node *node, ResizeAxis *axes, int *n)
{
    ResizeAxis larger[MAX_RANK], smaller[MAX_RANK];
    int n_larger = 0, n_smaller = 0;
    for (int i = 0; i < *n; i++)
        if (axes[i].scale < 1)
            smaller[n_smaller++] = axes[i];
        else
            larger[n_larger++] = axes[i];
    name_rules(node, n_smaller > 0);
    if (!n_larger || !n_smaller)
        return;
    Node *before = node_before(node, OP_Resize, node->inputs.at, 1, node->outputs.at[0]->name);
    node_copy_attrs(before, node);
    name_rules(before, false);
    put_axes(before, larger, n_larger, false, false);
    node_infer(before);
    node_set_input(node, 0, before->outputs.at[0]);
    memcpy(axes, smaller, sizeof smaller);
    *n = n_smaller;
}

/* Of sizes that share one scale, as they are given. */
static void put_given(Node *node, const ResizeAxis *axes, int n)
{
    ResizeAxis given[MAX_RANK];
    Ints sizes = node_ints(node, "", 3);
    memcpy(given, axes, sizeof given);
    for (int i = 0; i < n; i++)
        given[i].out = sizes.at[i];
    put_axes(node, given, n, true, resize_roi(node) != NULL);
}

static void make_resize(Node *node)
{
    ResizeAxis axes[MAX_RANK];
    int all = node_resize(node, axes), n = 0;
    if (all && resize_keeps_ratio(node)) {
        put_given(node, axes, all);
        return;
    }
    for (int i = 0; i < all; i++)
        if (!axes[i].stays)
            axes[n++] = axes[i];
    bool by_sizes = resize_sizes(node), crops = resize_roi(node);
    if (!n) {
        become_value(node, node->inputs.at[0]);
        return;
    }
    if (resize_is_old(node))
        enlarge_before(node, axes, &n);
    put_axes(node, axes, n, by_sizes, crops);
}

static bool is_no_spelling(const Node *node) { return !op_is_spelled(node->op->kind); }

/* Of weights, which would leave several copies of themselves, the result alone. */
static void make_spelled(Node *node)
{
    if (!node_fold_spelled(node))
        node_spell(node);
}

static bool is_binary(const Node *node) { return node->inputs.len == 2; }

static void swap_inputs(Node *node, int64_t i, int64_t j)
{
    Value *first = node->inputs.at[i];
    node_set_input(node, i, node->inputs.at[j]);
    node_set_input(node, j, first);
}

/* Max(a, b, c) -> Max(Max(a, b), c), beginning with one that has the result's shape. */
static void make_binary(Node *node)
{
    int64_t whole = 0;
    while (whole < node->inputs.len && !shape_equal(&node->inputs.at[whole]->type.shape, &node->outputs.at[0]->type.shape))
        whole++;
    if (whole < node->inputs.len)
        swap_inputs(node, 0, whole);
    Value *value = node->inputs.at[0];
    for (int64_t i = 1; i + 1 < node->inputs.len; i++) {
        Value *operands[] = {value, node->inputs.at[i]};
        Node *step = node_before(node, node->op->kind, operands, 2, node->outputs.at[0]->name);
        node_infer(step);
        value = step->outputs.at[0];
    }
    if (node->inputs.len == 1)
        become_value(node, value);
    else
        become(node, node->op->kind, (Value *[]){value, node->inputs.at[node->inputs.len - 1]}, 2);
}

static bool pad_is_legal(const Node *node) { return node_pad_mode(node) == PAD_CONSTANT; }

/* x with elements `before` and `after` added along axis as the Pad says. */
static Value *pad_along(Node *pad, Value *x, int axis, int64_t before, int64_t after)
{
    int64_t size = x->type.shape.dims[axis].size, n = size + before + after;
    Model *model = pad->graph->model;
    model->may_fold -= n * dtype_size(DT_INT64);
    if (model->may_fold < 0) {
        diag_unsupported(model->diag, pad->span,
                         "Pad along dimensions of so many elements, all of the model's together, is not supported");
        return x;
    }
    int64_t *sources = NEW_ARRAY(model->arena, int64_t, n);
    PadMode mode = node_pad_mode(pad);
    for (int64_t i = 0; i < n; i++)
        sources[i] = pad_source(mode, size, before, after, i);
    Value *index = constant_new(pad->graph, "sources", tensor_from_i64(model->arena, sources, n), pad->span);
    Node *gather = node_before(pad, OP_Gather, (Value *[]){x, index}, 2, pad->outputs.at[0]->name);
    node_set_int(gather, "axis", axis);
    node_infer(gather);
    return gather->outputs.at[0];
}

/* Pad<mode = "reflect">(x, {0, 1, 0, 1}) of [2,3] -> Gather<axis = 1>(x, {1, 0, 1, 2, 1}) */
static void make_pad(Node *node)
{
    int64_t before[MAX_RANK], after[MAX_RANK];
    Value *x = node->inputs.at[0];
    node_pads(node, before, after);
    for (int i = 0; i < value_rank(node->inputs.at[0]); i++)
        if (before[i] || after[i])
            x = pad_along(node, x, i, before[i], after[i]);
    become_value(node, x);
}

static void make_cast(Node *node) { cast_by_name(node); }

static void make_reshape(Node *node)
{
    Value *x = node->inputs.at[0];
    if (!node_become_reshape(node, x))
        diag_unsupported(node->graph->model->diag, node->span, "%s: an empty value for each image is not supported",
                         node->op->name);
}

/* ── The table ───────────────────────────────────────────────────────────────────────────────────────── */

/* A form that every node of an operator has: the check, and what gives it to a node that has not. */
static const struct Form {
    int root; /* an OpKind, or ANY_OP */
    const char *name;
    bool (*is_legal)(const Node *node); /* NULL: no node of the operator is */
    void (*make)(Node *node); /* may replace the node */
} forms[] = {
    {ANY_OP, "what it is spelled by", is_no_spelling, make_spelled}, /* first: its attributes are read as they were written */
    {OP_ConvInteger, "another product instead", NULL, integer_make_conv},
    {OP_MatMulInteger, "by constant int8, one zero point", integer_matmul_is_legal, integer_make_matmul},
    {OP_Softmax, "over one dimension", softmax_is_legal, make_softmax}, /* before its axis is named: it says what is flattened */
    {OP_LogSoftmax, "over one dimension", softmax_is_legal, make_softmax},
    {OP_CastLike, "Cast instead", NULL, make_cast},
    {OP_Flatten, "Reshape instead", NULL, make_reshape},
    {OP_Squeeze, "Reshape instead", NULL, make_reshape},
    {OP_Unsqueeze, "Reshape instead", NULL, make_reshape},
    {OP_GlobalAveragePool, "ReduceMean instead", NULL, make_global_pool},
    {OP_GlobalMaxPool, "ReduceMax instead", NULL, make_global_pool},
    {OP_Pad, "with a constant", pad_is_legal, make_pad},
    {OP_Max, "of two", is_binary, make_binary},
    {OP_Min, "of two", is_binary, make_binary},
    {OP_Transpose, "with perm", perm_is_legal, make_perm},
    {OP_Split, "with lengths", split_is_legal, make_split},
    {OP_Conv, "with its window in numbers", window_is_legal, make_window},
    {OP_ConvNHWC, "with its window in numbers", window_is_legal, make_window},
    {OP_AveragePool, "with its window in numbers", window_is_legal, make_window},
    {OP_Resize, "along axes that change, in numbers", resize_is_legal, make_resize},
    {OP_MaxPool, "with its window in numbers", window_is_legal, make_window},
    {ANY_OP, "with axes as a constant input, at least one", reduce_is_legal, make_reduce},
    {ANY_OP, "with axis, counted from the front", axis_is_legal, make_axis},
    {ANY_OP, "with numbers as constant inputs", inputs_are_legal, make_inputs},
};

static const struct Form *missing_form(const Node *node)
{
    for (int64_t i = 0; i < countof(forms); i++)
        if ((forms[i].root == ANY_OP || forms[i].root == (int)node->op->kind) && !(forms[i].is_legal && forms[i].is_legal(node)))
            return &forms[i];
    return NULL;
}

static bool legalize_node(Node *node)
{
    const struct Form *form = missing_form(node);
    if (!form || diag_failed(node->graph->model->diag))
        return false;
    form->make(node);
    return true;
}

static const Rule rules[] = {{ANY_OP, "legal", legalize_node}, {ANY_OP, "constant inputs", node_fold}};

static bool legalize(Graph *graph);

/* A body that begins with something else now is no longer of its kind. */
static bool legalize_body(Node *region)
{
    Diag quiet = {.n_errors = INT32_MAX};
    bool changed = legalize(node_attr_graph(region, "body"));
    if (changed && !region_check(region, &quiet))
        node_drop_attr(region, "kind");
    return changed;
}

static bool legalize(Graph *graph)
{
    bool changed = rewrite(graph, rules, countof(rules));
    FOR_NODES (node, graph)
        if (node->op->kind == OP_Region)
            changed |= legalize_body(node);
    return changed;
}

bool pass_legalize(Graph *graph)
{
    bool changed = dequantized_to_integers(graph);
    changed |= legalize(graph) || model_opset(graph->model, "") != OPSET;
    model_set_opset(graph->model, "", OPSET);
    return pass_prune(graph) || changed;
}

bool graph_is_legal(const Graph *graph, const char **problem)
{
    *problem = model_opset(graph->model, "") == OPSET ? NULL : "the opset is not the one that legalize leaves";
    for (const Node *node = graph->first; node && !*problem; node = node->next) {
        const struct Form *form = missing_form(node);
        const Graph *body = node_attr_graph(node, "body");
        if (form)
            *problem = arena_printf(graph->model->arena, "%s of '%s' is not legal: %s", node->op->name,
                                    node_output(node, 0) ? node->outputs.at[0]->name : "", form->name);
        else if (body)
            graph_is_legal(body, problem);
    }
    return !*problem;
}
