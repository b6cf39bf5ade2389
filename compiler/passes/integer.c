/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of integers. Where weights are constants that int8 holds when their zero points are off, they are kept for the kernels,
 * convolutions of patches that lie side by side among them:
 *
 *   y = ConvInteger<strides = [2, 2]>(x, w, z)     t = Transpose(x)  r = Reshape(Transpose(Reshape(t)))
 *                                            ->    y = Transpose(MatMulInteger(r, v, z))
 *
 * If z is found while running, as dynamic quantisation does, it is taken away behind: MatMulInteger(r, v) - z * Σ v.
 *
 * All others become products of floats, exact because no sum leaves what a float holds of whole numbers, 2^24. What is
 * summed up is cut into ranges that are short enough, and their sums are added as int32:
 *
 *   y = MatMulInteger(a, b, z)       K = 3072      a1 = Slice(c, 0, 1200)  p1 = MatMul(a1, b1)  i1 = Cast(p1)
 *                                          ->      a2 = Slice(c, 1200, …)  p2 = MatMul(a2, b2)  i2 = Cast(p2)
 *                                                  y = Add(i1, i2)                       c = Sub(float of a, z)
 *
 * How long a range may be, constant weights say themselves. Requires types; preserves names and results. */
#include "compiler/passes/integer.h"

#include "compiler/passes/passes.h"
#include "compiler/passes/permute.h"
#include "compiler/passes/rewrite.h"

#include "ir/infer.h"
#include "ir/spell_util.h"

#include <math.h>

#define EXACT ((double)(1 << 24))
enum {
    FEW_TERMS = 64, /* of a convolution; fewer are as fast in floats, and no more work to lay out */
    MOST_RANGES = 256, /* of what is summed up */
};

/* Weights as rows that are summed up: index o, k, i of [outer][k][inner] belongs to row k. */
typedef struct Rows {
    const Value *weights; /* floats, less their zero points */
    int64_t outer, k, inner;
    bool sums_inner; /* elements of one outer index end in one sum, as a convolution's taps do; else in sums of their own */
    double most; /* magnitude of what they are multiplied by */
    double most_weight; /* of the weights, if they are not constants */
} Rows;

/* The largest magnitude of x less its zero point. */
static double most_of(const Value *x, const Value *zero)
{
    double low = dtype_lowest(x->type.dtype), high = dtype_highest(x->type.dtype), number = 0;
    if (zero && !value_is_scalar(zero, &number))
        return UINT8_MAX;
    return fmax(number - low, high - number);
}

/* Adds row k to sums; the largest of them. */
static double add_row(const Rows *r, int64_t k, double *sums)
{
    double most = 0;
    for (int64_t o = 0; o < r->outer; o++)
        for (int64_t i = 0; i < r->inner; i++) {
            double *sum = &sums[r->sums_inner ? o : o * r->inner + i];
            *sum += r->most * fabs(tensor_get(r->weights->constant, (o * r->k + k) * r->inner + i));
            most = fmax(most, *sum);
        }
    return most;
}

static int64_t longest_range(const Rows *r, int64_t first, double *sums)
{
    int64_t n = r->outer * (r->sums_inner ? 1 : r->inner), k = first;
    if (!r->weights->constant) {
        double range = EXACT / (r->most * r->most_weight * (double)(r->sums_inner ? r->inner : 1));
        return range >= (double)(r->k - first) ? r->k : first + (int64_t)range;
    }
    for (int64_t i = 0; i < n; i++)
        sums[i] = 0;
    while (k < r->k && add_row(r, k, sums) <= EXACT)
        k++;
    return k;
}

/* [first, end) of x along axis. */
static Value *range_of(Node *at, Value *x, int64_t axis, int64_t first, int64_t end)
{
    return SPELL(at, OP_Slice, x, spell_ints(at, &first, 1), spell_ints(at, &end, 1), spell_ints(at, &axis, 1));
}

/* A vector of zero points along axis of x. */
static Value *zeros_along(Node *at, Value *zero, const Value *x, int axis)
{
    int64_t dims[MAX_RANK];
    int rank = value_rank(x);
    if (!zero || value_rank(zero) != 1 || axis == rank - 1 || zero->type.shape.dims[0].size == 1)
        return zero;
    for (int i = 0; i < rank; i++)
        dims[i] = i == axis ? zero->type.shape.dims[0].size : 1;
    return spell_reshape(at, zero, rank, dims);
}

/* x less its zero points, which stand along axis if there are several; a constant if x is one. */
static Value *factor(Node *at, Value *x, Value *zero, int axis)
{
    Node *before = at->prev;
    Value *value = spell_centred(at, x, zeros_along(at, zero, x, axis));
    for (Node *made = before ? before->next : at->graph->first; x->constant && made != at;) {
        Node *next = made->next;
        node_fold_whole(made);
        made = next;
    }
    return value;
}

/* Factors of a product, and the axis of each along which it sums. */
typedef struct Factors {
    Value *a, *b;
    int64_t a_axis, b_axis;
} Factors;

static Value *partial_sum(Node *node, OpKind kind, const Factors *f, const Rows *rows, int64_t first, int64_t end)
{
    Value *inputs[] = {f->a, f->b};
    if (first != 0 || end != rows->k) {
        inputs[0] = range_of(node, f->a, f->a_axis, first, end);
        inputs[1] = range_of(node, f->b, f->b_axis, first, end);
    }
    Node *product = spell_node(node, kind, inputs, 2);
    if (kind == OP_Conv)
        node_copy_attrs(product, node);
    return spell_cast(node, spelled(product), DT_INT32);
}

/* Where sums that are one product become floats again, the product's floats will do. */
static void drop_casts(Node *node, Value *sum)
{
    const Value *output = node->outputs.at[0];
    Node *cast = sum->producer;
    for (int64_t i = output->users.len - 1; i >= 0 && cast && cast->op->kind == OP_Cast; i--) {
        Node *user = output->users.at[i];
        if (user->op->kind == OP_Cast && value_is_float(user->outputs.at[0]))
            node_forward(user, cast->inputs.at[0]);
    }
}

static void by_ranges(Node *node, OpKind kind, const Factors *f, const Rows *rows)
{
    Arena *scratch = arena_new();
    double *sums = NEW_ARRAY(scratch, double, rows->outer * rows->inner);
    Value *sum = NULL;
    int64_t most = kind == OP_MatMul || node_attr_int(node, "group") == 1 ? MOST_RANGES : 1, n = 0;
    for (int64_t first = 0, end; first < rows->k || !sum; first = end) {
        end = longest_range(rows, first, sums);
        if ((end == first && rows->k) || (end < rows->k && ++n == most)) {
            diag_unsupported(node->graph->model->diag, node->span, "%s with sums of so many terms%s is not supported",
                             node->op->name, most == 1 ? " in a group" : "");
            break;
        }
        Value *part = partial_sum(node, kind, f, rows, first, end);
        sum = sum ? SPELL(node, OP_Add, sum, part) : part;
    }
    arena_free(scratch);
    if (!sum || diag_failed(node->graph->model->diag))
        return;
    drop_casts(node, sum);
    spell_output(node, 0, sum);
    node_remove(node);
}

static void matmul_by_floats(Node *node)
{
    Value *a = node->inputs.at[0], *b = node->inputs.at[1], *a_zero = node_input(node, 2), *b_zero = node_input(node, 3);
    int a_rank = value_rank(a), b_rank = value_rank(b);
    Rows rows = {.outer = 1, .inner = b_rank > 1 ? b->type.shape.dims[b_rank - 1].size : 1};
    Factors f = {.a_axis = a_rank - 1, .b_axis = b_rank > 1 ? b_rank - 2 : 0};
    rows.k = b->type.shape.dims[f.b_axis].size;
    for (int i = 0; i < b_rank - 2; i++)
        rows.outer *= b->type.shape.dims[i].size;
    rows.most = most_of(a, a_zero);
    rows.most_weight = most_of(b, b_zero);
    f.a = factor(node, a, a_zero, a_rank - 2);
    rows.weights = f.b = factor(node, b, b_zero, b_rank - 1);
    by_ranges(node, OP_MatMul, &f, &rows);
}

static void conv_by_floats(Node *node)
{
    Value *x = node->inputs.at[0], *w = node->inputs.at[1], *x_zero = node_input(node, 2), *w_zero = node_input(node, 3);
    const Dim *dims = w->type.shape.dims;
    Rows rows = {.outer = dims[0].size, .k = dims[1].size, .inner = 1, .sums_inner = true};
    Factors f = {.a_axis = 1, .b_axis = 1};
    for (int i = 2; i < value_rank(w); i++)
        rows.inner *= dims[i].size;
    rows.most = most_of(x, x_zero);
    rows.most_weight = most_of(w, w_zero);
    f.a = factor(node, x, x_zero, 0);
    rows.weights = f.b = factor(node, w, w_zero, 0);
    by_ranges(node, OP_Conv, &f, &rows);
}

/* ── For the kernels ─────────────────────────────────────────────────────────────────────────────────── */

static bool is_one(const Value *value) { return shape_count(&value->type.shape) == 1; }

/* Rows with one zero point. */
static bool are_rows(const Value *a, const Value *zero) { return value_rank(a) >= 2 && (!zero || is_one(zero)); }

/* Weights less their zero points, which stand along axis, as int8; NULL: not constant, or it does not hold them. */
static Tensor *centred_bytes(Node *at, const Value *w, const Value *zero, int axis)
{
    const Tensor *t = w->constant;
    int64_t inner = 1;
    if (!t || (zero && !zero->constant) || (zero && zero->constant->count > 1 && value_rank(zero) > 1))
        return NULL;
    for (int i = axis + 1; i < t->rank; i++)
        inner *= t->dims[i];
    Tensor *bytes = tensor_new(at->graph->model->arena, DT_INT8, t->rank, t->dims);
    for (int64_t i = 0; i < t->count; i++) {
        int64_t z = zero ? tensor_get_int(zero->constant, zero->constant->count > 1 ? i / inner % t->dims[axis] : 0) : 0;
        int64_t value = tensor_get_int(t, i) - z;
        if (value < INT8_MIN || value > INT8_MAX)
            return NULL;
        tensor_set_int(bytes, i, value);
    }
    return bytes;
}

/* Into a region's body constants come as inputs. */
static bool is_given(const Value *value) { return value->constant || (value->is_input && value->graph->parent); }

bool integer_matmul_is_legal(const Node *node)
{
    const Value *b = node->inputs.at[1], *zero = node_input(node, 2);
    return is_given(b) && b->type.dtype == DT_INT8 && value_rank(b) == 2 && shape_count(&b->type.shape) > 0 &&
           !node_input(node, 3) && value_rank(node->inputs.at[0]) >= 2 && (!zero || (is_given(zero) && is_one(zero)));
}

/* Σ b of each column. */
static Value *column_totals(Node *at, const Tensor *b)
{
    Tensor *totals = tensor_new(at->graph->model->arena, DT_INT32, 1, &b->dims[1]);
    for (int64_t i = 0; i < b->count; i++) {
        int64_t column = i % b->dims[1];
        tensor_set_int(totals, column, tensor_get_int(totals, column) + tensor_get_int(b, i));
    }
    return spell_constant(at, totals);
}

/* A zero point that is found while running is taken away behind the sums. */
static Value *product_of_bytes(Node *at, Value *a, Tensor *b, Value *zero)
{
    bool given = !zero || zero->constant;
    Value *sum = SPELL(at, OP_MatMulInteger, a, spell_constant(at, b), given ? zero : NULL);
    if (given)
        return sum;
    zero = spell_reshape(at, spell_cast(at, zero, DT_INT32), 0, NULL);
    return SPELL(at, OP_Sub, sum, SPELL(at, OP_Mul, zero, column_totals(at, b)));
}

/* Σ a of each row, less a's zero point as many times: what every column has more for each that its zero point is above 0. */
static Value *row_totals(Node *at, Value *a, Value *zero)
{
    Value *total = spell_cast(at, a, DT_INT32);
    int64_t last = value_rank(a) - 1;
    if (zero)
        total = SPELL(at, OP_Sub, total, spell_cast(at, zero, DT_INT32));
    return SPELL(at, OP_ReduceSum, total, spell_ints(at, &last, 1));
}

/* Zero points that bytes do not hold the weights without. */
static Value *beside_zeros(Node *node, Value *a, Value *zero, Value *b_zero)
{
    const Tensor *b = node->inputs.at[1]->constant;
    int64_t middle = b->dtype == DT_UINT8 ? INT8_MAX + 1 : 0;
    Tensor *bytes = tensor_new(node->graph->model->arena, DT_INT8, 2, b->dims);
    for (int64_t i = 0; i < b->count; i++)
        tensor_set_int(bytes, i, tensor_get_int(b, i) - middle);
    Value *rest = spell_number(node, DT_INT32, (double)-middle);
    rest = b_zero ? SPELL(node, OP_Add, spell_cast(node, b_zero, DT_INT32), rest) : rest;
    return SPELL(node, OP_Sub, product_of_bytes(node, a, bytes, zero), SPELL(node, OP_Mul, row_totals(node, a, zero), rest));
}

void integer_make_matmul(Node *node)
{
    Value *a = node->inputs.at[0], *b = node->inputs.at[1], *zero = node_input(node, 2), *b_zero = node_input(node, 3);
    if (b->producer)
        node_fold_whole(b->producer); /* QGemm turns its weights */
    if (!b->constant || value_rank(b) != 2 || !b->constant->count || !are_rows(a, zero) || (b_zero && value_rank(b_zero) > 1)) {
        matmul_by_floats(node);
        return;
    }
    Tensor *bytes = centred_bytes(node, b, b_zero, 1);
    spell_output(node, 0, bytes ? product_of_bytes(node, a, bytes, zero) : beside_zeros(node, a, zero, b_zero));
    node_remove(node);
}

bool integer_patches(const Node *conv)
{
    Window w;
    node_window(conv, &w);
    bool apart = w.n == 2 && node_attr_int(conv, "group") == 1;
    for (int i = 0; i < w.n && apart; i++)
        apart = w.kernel[i] == w.stride[i] && w.dilation[i] == 1 && !w.begin[i] && !w.end[i];
    return apart && shape_is_fixed(&(Shape){
                        .rank = 2, .dims = {conv->outputs.at[0]->type.shape.dims[2], conv->outputs.at[0]->type.shape.dims[3]}});
}

static Value *permuted(Node *at, Value *x, const int64_t *perm, int rank)
{
    Node *node = spell_node(at, OP_Transpose, &x, 1);
    node_set_ints(node, "perm", perm, rank);
    return spelled(node);
}

/* [N,C,H,W] → [N,H',W',kh*kw*C], a row for each patch. */
static Value *patches(Node *conv, Value *x)
{
    static const int64_t last[] = {0, 2, 3, 1}, order[] = {0, 1, 3, 2, 4, 5};
    const Dim *out = conv->outputs.at[0]->type.shape.dims, *in = x->type.shape.dims;
    int64_t height = out[2].size, width = out[3].size, channels = in[1].size;
    Window w;
    node_window(conv, &w);
    x = permuted(conv, x, last, 4);
    if (w.kernel[0] == 1 && w.kernel[1] == 1)
        return x;
    const int64_t size[] = {height * w.kernel[0], width * w.kernel[1]};
    for (int i = 0; i < 2; i++)
        x = in[i + 2].size == size[i] ? x : range_of(conv, x, i + 1, 0, size[i]);
    x = spell_reshape(conv, x, 6, (const int64_t[]){0, height, w.kernel[0], width, w.kernel[1], channels});
    x = permuted(conv, x, order, 6);
    return spell_reshape(conv, x, 4, (const int64_t[]){0, height, width, w.kernel[0] * w.kernel[1] * channels});
}

void integer_make_conv(Node *node)
{
    static const int64_t first[] = {0, 3, 1, 2};
    Value *x = node->inputs.at[0], *w = node->inputs.at[1], *zero = node_input(node, 2);
    const int64_t terms = shape_count(&w->type.shape) / w->type.shape.dims[0].size;
    bool may = terms >= FEW_TERMS && value_rank(x) == 4 && integer_patches(node) && are_rows(x, zero);
    Tensor *bytes = may ? centred_bytes(node, w, node_input(node, 3), 0) : NULL;
    if (!bytes) {
        conv_by_floats(node);
        return;
    }
    Arena *arena = node->graph->model->arena;
    bytes = tensor_reshaped(arena, tensor_permuted(arena, bytes, (const int64_t[]){2, 3, 1, 0}), 2,
                            (const int64_t[]){terms, w->constant->dims[0]});
    spell_output(node, 0, permuted(node, product_of_bytes(node, patches(node, x), bytes, zero), first, 4));
    node_remove(node);
}
