/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Checks and small computations that inference functions share. */
#include "ir/infer_util.h"

#include <math.h>
#include <string.h>

Arena *node_arena(const Node *node) { return node->graph->model->arena; }

bool node_has_input(const Node *node, int64_t index) { return node_input(node, index) != NULL; }

const Shape *node_input_shape(const Node *node, int64_t index) { return &node->inputs.at[index]->type.shape; }

DType node_input_dtype(const Node *node, int64_t index) { return node->inputs.at[index]->type.dtype; }

Dim dim_of(int64_t size) { return (Dim){.size = size}; }

/* The word of "X W B?" at index, without marks; the last word stands for all that follow. */
static const char *input_name(const Node *node, int64_t index)
{
    const char *word = node->op->inputs;
    for (; index > 0 && strchr(word, ' '); index--)
        word = strchr(word, ' ') + 1;
    return arena_strndup(node_arena(node), word, strcspn(word, " ?."));
}

static const char *set_text(unsigned set)
{
    for (int dtype = DT_FLOAT; dtype <= DT_LAST; dtype++)
        if (set == 1u << dtype)
            return dtype_name((DType)dtype);
    switch (set) {
    case SET_FLOAT: return "float, double, float16 or bfloat16";
    case SET_INT: return "an integer type";
    case SET_INDEX: return "int32 or int64";
    case SET_NUMBER: return "a number type";
    case SET_BYTE: return "int8 or uint8";
    case SET_SCALE: return "float, float16 or bfloat16";
    case SET_SCALE | 1 << DT_INT32: return "float, float16, bfloat16 or int32";
    case SET_QUANTISED | 1 << DT_INT32: return "int8, uint8, int16, uint16 or int32";
    default: return "a number type or bool";
    }
}

bool infer_check_dtype(const Node *node, int64_t index, unsigned set, Diag *diag)
{
    if (!node_has_input(node, index) || (set >> node_input_dtype(node, index) & 1))
        return true;
    return FAIL(node, diag, "input %s of %s has element type %s, expected %s", input_name(node, index), node->op->name,
                dtype_name(node_input_dtype(node, index)), set_text(set));
}

bool infer_check_same_dtype(const Node *node, int64_t i, int64_t j, Diag *diag)
{
    if (!node_has_input(node, i) || !node_has_input(node, j) || node_input_dtype(node, i) == node_input_dtype(node, j))
        return true;
    return FAIL(node, diag, "inputs %s and %s of %s have element types %s and %s, expected the same", input_name(node, i),
                input_name(node, j), node->op->name, dtype_name(node_input_dtype(node, i)),
                dtype_name(node_input_dtype(node, j)));
}

bool infer_check_rank(const Node *node, int64_t index, int rank, Diag *diag)
{
    if (!node_has_input(node, index) || node_input_shape(node, index)->rank == rank)
        return true;
    return FAIL(node, diag, "input %s of %s has shape %s, expected rank %d", input_name(node, index), node->op->name,
                shape_text(node_arena(node), node_input_shape(node, index)), rank);
}

bool infer_check_min_rank(const Node *node, int64_t index, int rank, Diag *diag)
{
    if (node_input_shape(node, index)->rank >= rank)
        return true;
    return FAIL(node, diag, "input %s of %s has shape %s, expected rank %d or more", input_name(node, index), node->op->name,
                shape_text(node_arena(node), node_input_shape(node, index)), rank);
}

bool infer_check_dim(const Node *node, int64_t index, int dim, Dim expected, const char *why, Diag *diag)
{
    if (!node_has_input(node, index))
        return true;
    Dim got = node_input_shape(node, index)->dims[dim];
    if (!dim_is_fixed(got) || !dim_is_fixed(expected) || got.size == expected.size)
        return true;
    return FAIL(node, diag, "input %s of %s has shape %s, expected %lld in dimension %d (%s)", input_name(node, index),
                node->op->name, shape_text(node_arena(node), node_input_shape(node, index)), (long long)expected.size, dim, why);
}

bool infer_check_finite(const Node *node, const char *attr, Diag *diag)
{
    double value = node_attr_float(node, attr);
    if (isfinite(value))
        return true;
    return FAIL(node, diag, "%s of %s is %g, expected a finite number", attr, node->op->name, value);
}

bool infer_check_epsilon(const Node *node, Diag *diag)
{
    double value = node_attr_float(node, "epsilon");
    if (isfinite(value) && value >= 0)
        return true;
    return FAIL(node, diag, "epsilon of %s is %g, expected a finite number of at least 0", node->op->name,
                isnan(value) ? fabs(value) : value);
}

bool infer_check_table(const Node *node, int64_t n, int64_t each, Diag *diag)
{
    int most = (1 << 24) / (int)each;
    if (n <= most)
        return true;
    diag_unsupported(diag, node->span, "%s along a dimension of %lld is not supported, of at most %d it is", node->op->name,
                     (long long)n, most);
    return false;
}

bool infer_check_p(const Node *node, int64_t most, Diag *diag)
{
    int64_t p = node_attr_int(node, "p");
    if (p >= 1 && p <= most)
        return true;
    return FAIL(node, diag, "p of %s is %lld, expected 1 to %lld", node->op->name, (long long)p, (long long)most);
}

bool infer_same_type(Node *node, unsigned set, Diag *diag)
{
    if (!infer_check_dtype(node, 0, set, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), *node_input_shape(node, 0));
    return true;
}

void node_set_output(Node *node, int64_t index, DType dtype, Shape shape)
{
    Value *value = node_output(node, index);
    if (value)
        value->type = (Type){dtype, shape};
}

/* ── Broadcasting ────────────────────────────────────────────────────────────────────────────────────── */

/* False: a and b do not go together. A symbol against a number other than 1 does not, as it may turn out
 * otherwise; two different symbols come out unknown. */
static bool broadcast_dim(Dim a, Dim b, Dim *result)
{
    *result = a.size == 1 ? b : a;
    if (a.size == 1 || b.size == 1 || dim_equal(a, b))
        return true;
    if (dim_is_fixed(a) && dim_is_fixed(b))
        return false;
    if (dim_is_fixed(a) || dim_is_fixed(b)) {
        Dim open = dim_is_fixed(a) ? b : a;
        *result = dim_is_fixed(a) ? a : b;
        return !open.symbol;
    }
    *result = (Dim){.size = -1};
    return true;
}

bool infer_broadcast_into(const Node *node, Shape *shape, const Shape *other, Diag *diag)
{
    Shape result = {.rank = shape->rank > other->rank ? shape->rank : other->rank};
    for (int i = 0; i < result.rank; i++) {
        int a = i - (result.rank - shape->rank), b = i - (result.rank - other->rank);
        Dim one = dim_of(1);
        if (!broadcast_dim(a < 0 ? one : shape->dims[a], b < 0 ? one : other->dims[b], &result.dims[i])) {
            Arena *arena = node_arena(node);
            return FAIL(node, diag, "%s can't broadcast shape %s with %s", node->op->name, shape_text(arena, shape),
                        shape_text(arena, other));
        }
    }
    *shape = result;
    return true;
}

bool infer_check_broadcasts_to(const Node *node, int64_t index, const Shape *target, Diag *diag)
{
    if (!node_has_input(node, index))
        return true;
    const Shape *shape = node_input_shape(node, index);
    bool ok = shape->rank <= target->rank;
    for (int i = 0; ok && i < shape->rank; i++) {
        Dim from = shape->dims[i], to = target->dims[target->rank - shape->rank + i];
        ok = from.size == 1 || dim_equal(from, to) || (!dim_is_fixed(from) && !from.symbol) || (!dim_is_fixed(to) && !to.symbol);
    }
    if (ok)
        return true;
    Arena *arena = node_arena(node);
    return FAIL(node, diag, "input %s of %s has shape %s, expected one that broadcasts to %s", input_name(node, index),
                node->op->name, shape_text(arena, shape), shape_text(arena, target));
}

/* ── Axes and integer arguments ──────────────────────────────────────────────────────────────────────── */

bool infer_axis(const Node *node, int64_t axis, int rank, int *resolved, Diag *diag)
{
    if (axis >= -rank && axis < rank) {
        *resolved = (int)(axis < 0 ? axis + rank : axis);
        return true;
    }
    if (rank == 0)
        return FAIL(node, diag, "axis %lld of %s is out of range, its input is a scalar", (long long)axis, node->op->name);
    return FAIL(node, diag, "axis %lld of %s is out of range, expected %d to %d", (long long)axis, node->op->name, -rank,
                rank - 1);
}

bool infer_ints(const Node *node, const char *attr, int64_t input, Ints *ints, Diag *diag)
{
    if (node_has_input(node, input)) {
        if (!infer_check_dtype(node, input, SET_INDEX, diag) ||
            (node_input_shape(node, input)->rank > 1 && !infer_check_rank(node, input, 1, diag)))
            return false;
        if (!value_constant(node->inputs.at[input])) {
            diag_unsupported(diag, node->span, "input %s of %s must be known at compile time", input_name(node, input),
                             node->op->name);
            return false;
        }
    }
    *ints = node_ints(node, attr, input);
    return true;
}

bool infer_axes(const Node *node, int64_t input, int rank, Ints *axes, Diag *diag)
{
    if (!infer_ints(node, "axes", input, axes, diag))
        return false;
    int64_t *resolved = NEW_ARRAY(node_arena(node), int64_t, axes->count);
    bool seen[2 * MAX_RANK] = {false};
    for (int64_t i = 0; i < axes->count; i++) {
        int axis;
        if (!infer_axis(node, axes->at[i], rank, &axis, diag))
            return false;
        if (seen[axis])
            return FAIL(node, diag, "axes of %s name axis %d twice", node->op->name, axis);
        seen[axis] = true;
        resolved[i] = axis;
    }
    axes->at = resolved;
    return true;
}
