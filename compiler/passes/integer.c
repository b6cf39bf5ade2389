/* Products of integers as products of floats, exact because no sum leaves what a float holds of whole numbers, 2^24. What is
 * summed up is cut into ranges that are short enough, and their sums are added as int32:
 *
 *   y = MatMulInteger(a, b, z)       K = 3072      a1 = Slice(c, 0, 1200)  p1 = MatMul(a1, b1)  i1 = Cast(p1)
 *                                          ->      a2 = Slice(c, 1200, …)  p2 = MatMul(a2, b2)  i2 = Cast(p2)
 *                                                  y = Add(i1, i2)                       c = Sub(float of a, z)
 *
 * How long a range may be, constant weights say themselves. Requires types; preserves names and results. */
#include "compiler/passes/integer.h"

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

#include "ir/spell_util.h"

#include <math.h>

#define EXACT ((double)(1 << 24))

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

static void by_ranges(Node *node, OpKind kind, const Factors *f, const Rows *rows)
{
    Arena *scratch = arena_new();
    double *sums = NEW_ARRAY(scratch, double, rows->outer * rows->inner);
    Value *sum = NULL;
    bool may_cut = kind == OP_MatMul || node_attr_int(node, "group") == 1;
    for (int64_t first = 0, end; first < rows->k || !sum; first = end) {
        end = longest_range(rows, first, sums);
        if ((end == first && rows->k) || (end < rows->k && !may_cut)) {
            diag_unsupported(node->graph->model->diag, node->span, "%s with sums of so many terms in a group is not supported",
                             node->op->name);
            break;
        }
        Value *part = partial_sum(node, kind, f, rows, first, end);
        sum = sum ? SPELL(node, OP_Add, sum, part) : part;
    }
    arena_free(scratch);
    if (diag_failed(node->graph->model->diag))
        return;
    spell_output(node, 0, sum);
    node_remove(node);
}

void integer_matmul_by_floats(Node *node)
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

void integer_conv_by_floats(Node *node)
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
