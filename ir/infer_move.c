/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference of operators that move elements: shapes go in and come out, values do not matter.
 *
 * Symbols are carried wherever the result is certain: Reshape of [N,768,1,1] to [0,-1] or to
 * Concat(Gather(Shape(x), 0), -1) is [N,768]; to [-1,768], too, as N is what is left. */
#include "ir/infer_util.h"
#include "ir/known.h"

#include <string.h>

#define UNKNOWN ((Dim){.size = -1})

static bool unsupported_rank(const Node *node, int64_t rank, Diag *diag)
{
    diag_unsupported(diag, node->span, "%s makes rank %lld, at most %d is supported", node->op->name, (long long)rank, MAX_RANK);
    return false;
}

/* Input index as a shape: what is known of its elements, or an error. */
static const Known *shape_input(const Node *node, int64_t index, Diag *diag)
{
    if (!infer_check_dtype(node, index, SET_INDEX, diag) || !infer_check_rank(node, index, 1, diag))
        return NULL;
    const Known *known = value_known(node->inputs.at[index]);
    if (!known)
        diag_unsupported(diag, node->span, "the shape given to %s must be known at compile time", node->op->name);
    else if (known->count > MAX_RANK)
        unsupported_rank(node, known->count, diag);
    return known && known->count <= MAX_RANK ? known : NULL;
}

/* ── Reshape ─────────────────────────────────────────────────────────────────────────────────────────── */

/* A product of dimensions: a number times symbols. */
typedef struct Product {
    int64_t number;
    int n_open;
    Dim open[MAX_RANK];
    bool overflow;
} Product;

static void multiply(Product *product, Dim dim)
{
    if (!dim_is_fixed(dim))
        product->open[product->n_open++] = dim;
    else if (__builtin_mul_overflow(product->number, dim.size, &product->number))
        product->overflow = true;
}

/* Takes out of both what they share. */
static void cancel(Product *a, Product *b)
{
    for (int i = 0; i < a->n_open; i++)
        for (int j = 0; j < b->n_open; j++)
            if (dim_equal(a->open[i], b->open[j])) {
                a->open[i--] = a->open[--a->n_open];
                b->open[j] = b->open[--b->n_open];
                break;
            }
}

static bool reshape_fails(const Node *node, const Shape *in, const Shape *out, Diag *diag)
{
    Arena *arena = node_arena(node);
    return FAIL(node, diag, "%s from %s to %s changes the number of elements", node->op->name, shape_text(arena, in),
                shape_text(arena, out));
}

/* What -1 stands for: rest of `in` over `out`. */
static bool infer_rest(const Node *node, const Shape *in, const Shape *shape, Product *of, Product *by, Dim *rest, Diag *diag)
{
    *rest = UNKNOWN;
    if (by->n_open)
        return true;
    if (of->n_open == 0) {
        if (by->number == 0 || of->number % by->number)
            return reshape_fails(node, in, shape, diag);
        *rest = dim_of(of->number / by->number);
    } else if (of->n_open == 1 && of->number == by->number) {
        *rest = of->open[0];
    }
    return true;
}

static bool finish_reshape(Node *node, Shape *out, const bool *kept, int rest, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    Product of = {.number = 1}, by = {.number = 1};
    for (int i = 0; i < in->rank; i++)
        if (!kept[i])
            multiply(&of, in->dims[i]);
    for (int i = 0; i < out->rank; i++)
        if (!(i < in->rank && kept[i]) && i != rest)
            multiply(&by, out->dims[i]);
    cancel(&of, &by);
    if (of.overflow || by.overflow)
        return FAIL(node, diag, "the number of elements of %s overflows", node->op->name);
    if (rest >= 0)
        return infer_rest(node, in, out, &of, &by, &out->dims[rest], diag);
    if (of.n_open == 0 && by.n_open == 0 && of.number != by.number)
        return reshape_fails(node, in, out, diag);
    if (of.n_open && by.n_open == 0)
        return FAIL(node, diag, "%s from %s to %s fixes a symbolic dimension; give its size with --dim", node->op->name,
                    shape_text(node_arena(node), in), shape_text(node_arena(node), out));
    return true;
}

/* One dimension of the target; *kept if it is the input's at the same place. */
static bool target_dim(const Node *node, const KnownInt *at, int i, Dim *dim, bool *kept, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    *dim = (Dim){-1, at->symbol};
    if (!at->is_known)
        return true;
    if (at->value < -1)
        return FAIL(node, diag, "dimension %d of Reshape's shape is %lld, expected -1 or more", i, (long long)at->value);
    if (at->value == 0 && !node_attr_int(node, "allowzero")) {
        if (i >= in->rank)
            return FAIL(node, diag,
                        "dimension %d of Reshape's shape is 0 and keeps a dimension of the input, "
                        "which has only %d",
                        i, in->rank);
        *kept = true;
        *dim = in->dims[i];
    } else {
        *dim = (Dim){.size = at->value};
    }
    return true;
}

bool infer_Reshape(Node *node, Diag *diag)
{
    const Known *target = shape_input(node, 1, diag);
    bool kept[MAX_RANK] = {false};
    int rest = -1;
    if (!target)
        return false;
    Shape out = {.rank = (int)target->count};
    for (int i = 0; i < out.rank; i++) {
        if (!target_dim(node, &target->at[i], i, &out.dims[i], &kept[i], diag))
            return false;
        if (target->at[i].is_known && target->at[i].value == -1) {
            if (rest >= 0)
                return FAIL(node, diag, "Reshape's shape has -1 twice, expected once at most");
            rest = i;
        }
    }
    if (!finish_reshape(node, &out, kept, rest, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

static bool product_dim(const Node *node, const Shape *in, int from, int to, Dim *dim, Diag *diag)
{
    Product product = {.number = 1};
    for (int i = from; i < to; i++)
        multiply(&product, in->dims[i]);
    if (product.overflow)
        return FAIL(node, diag, "the size of %s's output overflows", node->op->name);
    *dim = product.n_open == 0 ? dim_of(product.number) : UNKNOWN;
    if (product.n_open == 1 && product.number == 1)
        *dim = product.open[0];
    return true;
}

bool infer_Flatten(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    int64_t axis = node_attr_int(node, "axis");
    Shape out = {.rank = 2};
    if (axis < -in->rank || axis > in->rank)
        return FAIL(node, diag, "axis %lld of Flatten is out of range, expected %d to %d", (long long)axis, -in->rank, in->rank);
    int at = (int)(axis < 0 ? axis + in->rank : axis);
    if (!product_dim(node, in, 0, at, &out.dims[0], diag) || !product_dim(node, in, at, in->rank, &out.dims[1], diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

/* ── Dimensions put in, taken out, reordered ─────────────────────────────────────────────────────────── */

bool infer_Unsqueeze(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    Ints axes;
    bool fresh[MAX_RANK] = {false};
    if (!infer_ints(node, "axes", 1, &axes, diag))
        return false;
    if (!axes.given)
        return FAIL(node, diag, "Unsqueeze expects axes, none are given");
    if (in->rank + axes.count > MAX_RANK)
        return unsupported_rank(node, in->rank + axes.count, diag);
    Shape out = {.rank = in->rank + (int)axes.count};
    if (!infer_axes(node, 1, out.rank, &axes, diag))
        return false;
    for (int64_t i = 0; i < axes.count; i++)
        fresh[axes.at[i]] = true;
    for (int i = 0, from = 0; i < out.rank; i++)
        out.dims[i] = fresh[i] ? dim_of(1) : in->dims[from++];
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_Squeeze(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    Ints axes;
    bool gone[MAX_RANK] = {false};
    Shape out = {0};
    if (!infer_axes(node, 1, in->rank, &axes, diag))
        return false;
    for (int64_t i = 0; i < axes.count; i++) {
        gone[axes.at[i]] = true;
        if (in->dims[axes.at[i]].size != 1)
            return FAIL(node, diag, "Squeeze takes out dimension %lld of shape %s, expected it to be 1", (long long)axes.at[i],
                        shape_text(node_arena(node), in));
    }
    for (int i = 0; i < in->rank; i++)
        if (axes.given ? !gone[i] : in->dims[i].size != 1)
            out.dims[out.rank++] = in->dims[i];
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_Transpose(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    Ints given = node_ints(node, "perm", -1);
    int64_t perm[MAX_RANK];
    bool seen[MAX_RANK] = {false};
    Shape out = {.rank = in->rank};
    if (given.given && given.count != in->rank)
        return FAIL(node, diag, "perm of Transpose has %lld elements, its input has rank %d", (long long)given.count, in->rank);
    node_perm(node, perm);
    for (int i = 0; i < in->rank; i++) {
        int64_t from = perm[i];
        if (from < 0 || from >= in->rank)
            return FAIL(node, diag, "element %d of perm of Transpose is %lld, expected 0 to %d", i, (long long)from,
                        in->rank - 1);
        if (seen[from])
            return FAIL(node, diag, "perm of Transpose names dimension %lld twice", (long long)from);
        seen[from] = true;
        out.dims[i] = in->dims[from];
    }
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

/* ── Parts and joins ─────────────────────────────────────────────────────────────────────────────────── */

bool infer_Gather(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0), *indices = node_input_shape(node, 1);
    int axis;
    if (!infer_check_dtype(node, 1, SET_INDEX, diag) || !infer_axis(node, node_attr_int(node, "axis"), in->rank, &axis, diag))
        return false;
    if (in->rank - 1 + indices->rank > MAX_RANK)
        return unsupported_rank(node, in->rank - 1 + indices->rank, diag);
    Shape out = {0};
    for (int i = 0; i < axis; i++)
        out.dims[out.rank++] = in->dims[i];
    for (int i = 0; i < indices->rank; i++)
        out.dims[out.rank++] = indices->dims[i];
    for (int i = axis + 1; i < in->rank; i++)
        out.dims[out.rank++] = in->dims[i];
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

/* The two shapes but for axis. */
static bool join_dims(const Node *node, Shape *out, int64_t input, int axis, Diag *diag)
{
    const Shape *in = node_input_shape(node, input);
    for (int i = 0; i < out->rank; i++) {
        Dim a = out->dims[i], b = in->dims[i];
        if (i == axis) {
            out->dims[i] = UNKNOWN;
            int64_t sum;
            if (a.size == 0 || b.size == 0)
                out->dims[i] = a.size == 0 ? b : a;
            else if (dim_is_fixed(a) && dim_is_fixed(b)) {
                if (__builtin_add_overflow(a.size, b.size, &sum))
                    return FAIL(node, diag, "the size of %s's output overflows", node->op->name);
                out->dims[i] = dim_of(sum);
            }
        } else if (dim_is_fixed(a) && dim_is_fixed(b) && a.size != b.size) {
            return FAIL(node, diag, "input %lld of %s has shape %s, expected %s but for axis %d", (long long)input,
                        node->op->name, shape_text(node_arena(node), in), shape_text(node_arena(node), out), axis);
        } else if (!dim_equal(a, b)) {
            out->dims[i] = dim_is_fixed(a) ? a : dim_is_fixed(b) ? b : UNKNOWN;
        }
    }
    return true;
}

bool infer_concat_shape(const Node *node, int64_t first, int64_t step, Shape *out, Diag *diag)
{
    int axis;
    *out = *node_input_shape(node, first);
    if (!infer_axis(node, node_attr_int(node, "axis"), out->rank, &axis, diag))
        return false;
    for (int64_t i = first + step; i < node->inputs.len; i += step)
        if (!infer_check_rank(node, i, out->rank, diag) || !join_dims(node, out, i, axis, diag))
            return false;
    return true;
}

bool infer_Concat(Node *node, Diag *diag)
{
    Shape out;
    for (int64_t i = 1; i < node->inputs.len; i++)
        if (!infer_check_same_dtype(node, 0, i, diag))
            return false;
    if (!infer_concat_shape(node, 0, 1, &out, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_Slice(Node *node, Diag *diag)
{
    Shape out = *node_input_shape(node, 0);
    Ints starts, ends, axes, steps;
    if (!infer_ints(node, "starts", 1, &starts, diag) || !infer_ints(node, "ends", 2, &ends, diag) ||
        !infer_axes(node, 3, out.rank, &axes, diag) || !infer_ints(node, "", 4, &steps, diag))
        return false;
    if (!starts.given || !ends.given)
        return FAIL(node, diag, "Slice expects starts and ends");
    if (ends.count != starts.count || (axes.given && axes.count != starts.count) ||
        (steps.given && steps.count != starts.count) || (!axes.given && starts.count > out.rank))
        return FAIL(node, diag,
                    "Slice has %lld starts, %lld ends, %lld axes and %lld steps for an input of "
                    "rank %d, expected as many of each",
                    (long long)starts.count, (long long)ends.count, (long long)axes.count, (long long)steps.count, out.rank);
    for (int64_t i = 0; i < steps.count; i++)
        if (steps.at[i] == 0)
            return FAIL(node, diag, "a step of Slice is 0, expected another number");
    Slice slices[MAX_RANK];
    node_slices(node, slices);
    for (int i = 0; i < out.rank; i++)
        if (!slices[i].whole)
            out.dims[i] = dim_is_fixed(out.dims[i]) ? dim_of(slices[i].length) : UNKNOWN;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

/* Parts of a length that is not given are as long as one another, the last one shorter if the user says how many. */
static bool check_equal_parts(const Node *node, int64_t size, Diag *diag)
{
    int64_t n = node->outputs.len;
    if ((node_attr(node, "num_outputs") || size % n == 0) && node_parts(node)[n - 1] >= 0)
        return true;
    return FAIL(node, diag, "Split can't part dimension %lld into %lld outputs", (long long)size, (long long)n);
}

static bool check_parts(const Node *node, const Ints *parts, Dim dim, Diag *diag)
{
    int64_t n = node->outputs.len, sum = 0;
    if (node_attr(node, "num_outputs") && node_attr_int(node, "num_outputs") != n)
        return FAIL(node, diag, "num_outputs of Split is %lld, it has %lld outputs",
                    (long long)node_attr_int(node, "num_outputs"), (long long)n);
    if (!parts->given)
        return dim_is_fixed(dim) ? check_equal_parts(node, dim.size, diag)
                                 : FAIL(node, diag, "Split of a symbolic dimension expects the lengths of its parts");
    if (parts->count != n)
        return FAIL(node, diag, "Split has %lld lengths and %lld outputs, expected as many", (long long)parts->count,
                    (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (parts->at[i] < 0 || __builtin_add_overflow(sum, parts->at[i], &sum))
            return FAIL(node, diag, "length %lld of Split is %lld, expected a size", (long long)i, (long long)parts->at[i]);
    if (dim_is_fixed(dim) && sum != dim.size)
        return FAIL(node, diag, "lengths of Split add up to %lld, expected %lld", (long long)sum, (long long)dim.size);
    return true;
}

bool infer_Split(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    Ints parts;
    int axis;
    if (!infer_axis(node, node_attr_int(node, "axis"), in->rank, &axis, diag) || !infer_ints(node, "split", 1, &parts, diag) ||
        !check_parts(node, &parts, in->dims[axis], diag))
        return false;
    const int64_t *lengths = node_parts(node);
    for (int64_t i = 0; i < node->outputs.len; i++) {
        Shape out = *in;
        out.dims[axis] = dim_of(lengths[i]);
        node_set_output(node, i, node_input_dtype(node, 0), out);
    }
    return true;
}

/* ── Growing ─────────────────────────────────────────────────────────────────────────────────────────── */

/* Elements of a shape input as dimensions. */
static bool dims_of(const Node *node, const Known *known, Shape *shape, Diag *diag)
{
    *shape = (Shape){.rank = (int)known->count};
    for (int i = 0; i < shape->rank; i++) {
        const KnownInt *at = &known->at[i];
        if (at->is_known && at->value < 0)
            return FAIL(node, diag, "dimension %d of the shape given to %s is %lld, expected at least 0", i, node->op->name,
                        (long long)at->value);
        shape->dims[i] = at->is_known ? dim_of(at->value) : (Dim){-1, at->symbol};
    }
    return true;
}

bool infer_Expand(Node *node, Diag *diag)
{
    Shape out = *node_input_shape(node, 0), target;
    const Known *known = shape_input(node, 1, diag);
    if (!known || !dims_of(node, known, &target, diag) || !infer_broadcast_into(node, &out, &target, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_ConstantOfShape(Node *node, Diag *diag)
{
    const Attr *value = node_attr(node, "value");
    const Known *known = shape_input(node, 0, diag);
    Shape out;
    if (!known || !dims_of(node, known, &out, diag))
        return false;
    if (value && (value->tensor->count != 1 || !dtype_is_computable(value->tensor->dtype)))
        return FAIL(node, diag, "value of ConstantOfShape has %lld elements of type %s, expected one number",
                    (long long)value->tensor->count, dtype_name(value->tensor->dtype));
    node_set_output(node, 0, value ? value->tensor->dtype : DT_FLOAT, out);
    return true;
}

bool infer_Tile(Node *node, Diag *diag)
{
    Shape out = *node_input_shape(node, 0);
    Ints repeats;
    if (!infer_ints(node, "", 1, &repeats, diag))
        return false;
    if (repeats.count != out.rank)
        return FAIL(node, diag, "Tile has %lld repeats, its input has rank %d", (long long)repeats.count, out.rank);
    for (int i = 0; i < out.rank; i++) {
        Dim *dim = &out.dims[i];
        if (repeats.at[i] < 0)
            return FAIL(node, diag, "repeat %d of Tile is %lld, expected at least 0", i, (long long)repeats.at[i]);
        if (!dim_is_fixed(*dim))
            *dim = repeats.at[i] == 1 ? *dim : UNKNOWN;
        else if (__builtin_mul_overflow(dim->size, repeats.at[i], &dim->size))
            return FAIL(node, diag, "the size of Tile's output overflows");
    }
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

static bool check_mode(const Node *node, Diag *diag)
{
    return node_pad_mode(node) != N_PAD_MODES ||
           FAIL(node, diag, "mode of Pad is '%s', expected 'constant', 'reflect', 'edge' or 'wrap'",
                node_attr_string(node, "mode"));
}

/* Where something is added that is no constant, something is left to take it from. */
static bool pad_dim(const Node *node, Dim *dim, int64_t before, int64_t after, Diag *diag)
{
    int64_t size;
    if (!dim_is_fixed(*dim)) {
        *dim = before == 0 && after == 0 ? *dim : UNKNOWN;
        return true;
    }
    bool beyond = before == INT64_MIN || after == INT64_MIN; /* has no opposite */
    if (beyond || __builtin_add_overflow(dim->size, before, &size) || __builtin_add_overflow(size, after, &size) || size < 0)
        return FAIL(node, diag, "Pad makes a dimension of %lld by %lld and %lld, expected a size of at least 0",
                    (long long)dim->size, (long long)before, (long long)after);
    bool changes = before || after, adds = before > 0 || after > 0, picks = node_pad_mode(node) != PAD_CONSTANT;
    if (picks && adds && dim->size - (before < 0 ? -before : 0) - (after < 0 ? -after : 0) < 1)
        return FAIL(node, diag, "Pad continues a dimension that has no element left");
    *dim = dim_of(size);
    return !picks || !changes || infer_check_table(node, size, 1, diag);
}

bool infer_Pad(Node *node, Diag *diag)
{
    Shape out = *node_input_shape(node, 0);
    Ints pads, axes;
    if (!check_mode(node, diag) || !infer_check_dtype(node, 0, SET_ANY, diag) || !infer_check_same_dtype(node, 0, 2, diag) ||
        !infer_ints(node, "pads", 1, &pads, diag) || !infer_axes(node, 3, out.rank, &axes, diag))
        return false;
    int64_t n = axes.given ? axes.count : out.rank;
    if (pads.count != 2 * n)
        return FAIL(node, diag, "Pad has %lld pads, expected %lld", (long long)pads.count, (long long)(2 * n));
    int64_t before[MAX_RANK], after[MAX_RANK];
    node_pads(node, before, after);
    for (int i = 0; i < out.rank; i++)
        if (!pad_dim(node, &out.dims[i], before[i], after[i], diag))
            return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}
