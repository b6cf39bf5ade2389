/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The rule of each operator, and those of the few that are about graphs, constants and shapes.
 *
 *   s = Shape(x)   x is float[N,3]: s is int64[2] */
#include "ir/infer_util.h"
#include "ir/known.h"

static bool (*const rules[OP_COUNT])(Node *node, Diag *diag) = {
#define OP(name, ...) [OP_##name] = infer_##name,
#include "ir/ops.def"
#undef OP
};

bool infer_rule(Node *node, Diag *diag) { return rules[node->op->kind](node, diag); }

/* Regions are inferred with their bodies, by whoever infers graphs (infer.c). */
bool infer_Region(Node *node, Diag *diag)
{
    (void)node, (void)diag;
    unreachable();
}

bool infer_Call(Node *node, Diag *diag)
{
    diag_unsupported(diag, node->span, "the call of '%s' is not inlined", node->callee ? node->callee : "");
    return false;
}

bool infer_Constant(Node *node, Diag *diag)
{
    if (node->attrs.len != 1)
        return FAIL(node, diag, "Constant has %lld attributes, expected one value", (long long)node->attrs.len);
    const Attr *attr = &node->attrs.at[0];
    Tensor *tensor = constant_tensor(node);
    if (attr->kind == ATTR_STRING || attr->kind == ATTR_STRINGS) {
        Shape shape = {.rank = attr->kind == ATTR_STRINGS, .dims = {dim_of(attr->count)}};
        node_set_output(node, 0, DT_STRING, shape);
        return true;
    }
    if (!tensor)
        return FAIL(node, diag, "Constant has no value");
    node_set_output(node, 0, tensor->dtype, tensor_type(tensor).shape);
    node->outputs.at[0]->known = known_tensor(node_arena(node), tensor);
    return true;
}

bool infer_Identity(Node *node, Diag *diag)
{
    (void)diag;
    node_set_output(node, 0, node_input_dtype(node, 0), *node_input_shape(node, 0));
    return true;
}

bool infer_Dropout(Node *node, Diag *diag)
{
    const Tensor *training = node_has_input(node, 2) ? value_constant(node->inputs.at[2]) : NULL;
    if (node_has_input(node, 2) && (!training || training->count != 1 || tensor_get(training, 0) != 0)) {
        diag_unsupported(diag, node->span, "Dropout in training mode is not supported");
        return false;
    }
    node_set_output(node, 0, node_input_dtype(node, 0), *node_input_shape(node, 0));
    node_set_output(node, 1, DT_BOOL, *node_input_shape(node, 0));
    return true;
}

bool infer_Shape(Node *node, Diag *diag)
{
    (void)diag;
    int64_t start, end;
    node_shape_range(node, &start, &end);
    node_set_output(node, 0, DT_INT64, (Shape){.rank = 1, .dims = {dim_of(end - start)}});
    return true;
}

bool infer_Size(Node *node, Diag *diag)
{
    (void)diag;
    node_set_output(node, 0, DT_INT64, (Shape){0});
    return true;
}

static bool range_length(const Node *node, double start, double limit, double delta, int64_t *length, Diag *diag)
{
    double n = (limit - start) / delta;
    if (!(delta != 0) || !(n < 0x1p40))
        return FAIL(node, diag, "Range from %g to %g by %g is not finite", start, limit, delta);
    *length = n <= 0 ? 0 : (int64_t)n;
    *length += n > 0 && (double)*length < n;
    return true;
}

/* Range(0, N, 1) of a symbolic N; NULL: it is another one. */
static const char *counts_symbol(const Node *node)
{
    const Known *limit = value_known(node->inputs.at[1]);
    const Tensor *start = value_constant(node->inputs.at[0]), *delta = value_constant(node->inputs.at[2]);
    double from, by;
    bool by_one = start && delta && tensor_is_scalar(start, &from) && tensor_is_scalar(delta, &by) && from == 0 && by == 1;
    return by_one && limit && limit->count == 1 && !limit->at[0].is_known ? limit->at[0].symbol : NULL;
}

bool infer_Range(Node *node, Diag *diag)
{
    double at[3];
    int64_t length;
    const char *symbol = counts_symbol(node);
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !infer_check_same_dtype(node, 0, 1, diag) ||
        !infer_check_same_dtype(node, 0, 2, diag))
        return false;
    if (symbol) {
        node_set_output(node, 0, node_input_dtype(node, 0), (Shape){.rank = 1, .dims = {{-1, symbol}}});
        return true;
    }
    for (int64_t i = 0; i < 3; i++) {
        const Tensor *tensor = value_constant(node->inputs.at[i]);
        if (!tensor) {
            diag_unsupported(diag, node->span, "the limits of Range must be known at compile time");
            return false;
        }
        if (!tensor_is_scalar(tensor, &at[i]))
            return FAIL(node, diag, "input %lld of Range has shape %s, expected a scalar", (long long)i,
                        shape_text(node_arena(node), node_input_shape(node, i)));
    }
    if (!range_length(node, at[0], at[1], at[2], &length, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), (Shape){.rank = 1, .dims = {dim_of(length)}});
    return true;
}
