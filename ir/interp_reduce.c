/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reference functions of reductions: sums, norms, softmax, pools, losses. Sums are in double. */
#include "ir/interp_util.h"

#include <math.h>
#include <string.h>

#define REF(name) bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
#define UNUSED (void)node, (void)inputs, (void)outputs, (void)diag

/* ── Reduce* ─────────────────────────────────────────────────────────────────────────────────────────── */

/* A walk over the input with the output's offset beside it. */
static Walk walk_reduced(const Node *node, const Tensor *in, int64_t *n_reduced)
{
    bool reduced[MAX_RANK];
    int64_t stride = 1;
    Walk walk = walk_over(in->rank, in->dims);
    node_reduced(node, reduced);
    *n_reduced = 1;
    for (int i = in->rank - 1; i >= 0; i--) {
        walk.stride[0][i] = reduced[i] ? 0 : stride;
        stride *= reduced[i] ? 1 : in->dims[i];
        *n_reduced *= reduced[i] ? in->dims[i] : 1;
    }
    return walk;
}

typedef double Step(double accumulator, double element);
typedef double Finish(double accumulator, double count);

static double sum(double a, double x) { return a + x; }
static double sum_abs(double a, double x) { return a + fabs(x); }
static double sum_square(double a, double x) { return a + x * x; }
static double product(double a, double x) { return a * x; }
static double greatest(double a, double x) { return isnan(a) || x <= a ? a : x; }
static double least(double a, double x) { return isnan(a) || x >= a ? a : x; }
static double root(double a, double count)
{
    (void)count;
    return sqrt(a);
}
static double mean(double a, double count) { return a / count; }

static bool reduce(const Node *node, Tensor *const *inputs, Tensor **outputs, double start, Step *step, Finish *finish)
{
    Arena *scratch = arena_new();
    double *acc = NEW_ARRAY(scratch, double, outputs[0]->count);
    int64_t n;
    Walk walk = walk_reduced(node, inputs[0], &n);
    for (int64_t i = 0; i < outputs[0]->count; i++)
        acc[i] = start;
    for (int64_t i = 0; i < inputs[0]->count; i++, walk_next(&walk))
        acc[walk.offset[0]] = step(acc[walk.offset[0]], tensor_get(inputs[0], i));
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set(outputs[0], i, finish ? finish(acc[i], (double)n) : acc[i]);
    arena_free(scratch);
    return true;
}

/* Sums and products of integers wrap, at any size. */
typedef uint64_t WholeStep(uint64_t accumulator, uint64_t element);

static uint64_t whole_sum(uint64_t a, uint64_t x) { return a + x; }
static uint64_t whole_square(uint64_t a, uint64_t x) { return a + x * x; }
static uint64_t whole_product(uint64_t a, uint64_t x) { return a * x; }

static bool reduce_whole(const Node *node, Tensor *const *inputs, Tensor **outputs, int64_t start, WholeStep *step)
{
    int64_t n;
    Walk walk = walk_reduced(node, inputs[0], &n);
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set_int(outputs[0], i, start);
    for (int64_t i = 0; i < inputs[0]->count; i++, walk_next(&walk)) {
        uint64_t so_far = (uint64_t)tensor_get_int(outputs[0], walk.offset[0]);
        tensor_set_int(outputs[0], walk.offset[0], (int64_t)step(so_far, (uint64_t)tensor_get_int(inputs[0], i)));
    }
    return true;
}

#define REDUCE(name, start, step, finish, whole)                            \
    REF(name)                                                               \
    {                                                                       \
        UNUSED;                                                             \
        WholeStep *of_integers = whole;                                     \
        if (of_integers && tensor_is_integer(inputs[0]))                    \
            return reduce_whole(node, inputs, outputs, start, of_integers); \
        return reduce(node, inputs, outputs, start, step, finish);          \
    }

REDUCE(ReduceL1, 0, sum_abs, NULL, NULL)
REDUCE(ReduceL2, 0, sum_square, root, NULL)
REDUCE(ReduceMean, 0, sum, mean, NULL)
REDUCE(ReduceProd, 1, product, NULL, whole_product)
REDUCE(ReduceSum, 0, sum, NULL, whole_sum)
REDUCE(ReduceSumSquare, 0, sum_square, NULL, whole_square)

#define EXTREME(name, start, step)                               \
    REF(name)                                                    \
    {                                                            \
        UNUSED;                                                  \
        return reduce(node, inputs, outputs, start, step, NULL); \
    }

EXTREME(ReduceMax, -INFINITY, greatest)
EXTREME(ReduceMin, INFINITY, least)

/* Whether element j is a better extreme than element i, which comes before it. A NaN is better than any number. */
static bool is_better(const Tensor *x, int64_t i, int64_t j, int sign, bool or_equal)
{
    if (tensor_is_integer(x)) {
        int64_t a = tensor_get_int(x, i), b = tensor_get_int(x, j);
        bool greater = x->dtype == DT_UINT64 ? (uint64_t)b > (uint64_t)a : b > a;
        return a == b ? or_equal : greater == (sign > 0);
    }
    double a = tensor_get(x, i) * sign, b = tensor_get(x, j) * sign;
    if (isnan(a) || isnan(b))
        return isnan(b) && (or_equal || !isnan(a));
    return or_equal ? b >= a : b > a;
}

static bool arg(const Node *node, const Tensor *x, Tensor *out, int sign)
{
    int axis = node_axis(node);
    bool last = node_attr_int(node, "select_last_index");
    int64_t n = x->dims[axis], inner = 1;
    for (int i = axis + 1; i < x->rank; i++)
        inner *= x->dims[i];
    for (int64_t i = 0; i < out->count; i++) {
        int64_t base = i / inner * n * inner + i % inner, best = 0;
        for (int64_t j = 1; j < n; j++)
            best = is_better(x, base + best * inner, base + j * inner, sign, last) ? j : best;
        tensor_set_int(out, i, best);
    }
    return true;
}

REF(ArgMax)
{
    UNUSED;
    return arg(node, inputs[0], outputs[0], 1);
}
REF(ArgMin)
{
    UNUSED;
    return arg(node, inputs[0], outputs[0], -1);
}

static bool global_pool(const Tensor *x, Tensor *out, double start, Step *step, Finish *finish)
{
    int64_t plane = 1;
    for (int i = 2; i < x->rank; i++)
        plane *= x->dims[i];
    for (int64_t i = 0; i < out->count; i++) {
        double acc = start;
        for (int64_t j = 0; j < plane; j++)
            acc = step(acc, tensor_get(x, i * plane + j));
        tensor_set(out, i, finish ? finish(acc, (double)plane) : acc);
    }
    return true;
}

REF(GlobalAveragePool)
{
    UNUSED;
    return global_pool(inputs[0], outputs[0], 0, sum, mean);
}
REF(GlobalMaxPool)
{
    UNUSED;
    return global_pool(inputs[0], outputs[0], -INFINITY, greatest, NULL);
}

/* ── Softmax and its logarithm ───────────────────────────────────────────────────────────────────────── */

/* n elements of x, `stride` apart. */
static void log_softmax_row(const double *x, double *y, int64_t n, int64_t stride)
{
    double top = -INFINITY, total = 0;
    for (int64_t i = 0; i < n; i++)
        top = greatest(top, x[i * stride]);
    for (int64_t i = 0; i < n; i++)
        total += exp(x[i * stride] - top);
    for (int64_t i = 0; i < n; i++)
        y[i * stride] = x[i * stride] - top - log(total);
}

/* The tensor as outer × n × inner, reduced over n. */
static void log_softmax(const double *x, double *y, int64_t count, int64_t n, int64_t inner)
{
    for (int64_t base = 0; n && base < count; base += n * inner)
        for (int64_t i = 0; i < inner; i++)
            log_softmax_row(x + base + i, y + base + i, n, inner);
}

static bool softmax(const Node *node, const Tensor *in, Tensor *out, bool logarithm)
{
    Arena *scratch = arena_new();
    double *x = tensor_doubles(scratch, in), *y = NEW_ARRAY(scratch, double, in->count);
    bool flattens = softmax_flattens(node);
    int64_t n = 1, inner = 1;
    for (int axis = node_axis(node), i = axis; i < in->rank; i++)
        *(flattens || i == axis ? &n : &inner) *= in->dims[i];
    log_softmax(x, y, in->count, n, inner);
    for (int64_t i = 0; i < in->count; i++)
        tensor_set(out, i, logarithm ? y[i] : exp(y[i]));
    arena_free(scratch);
    return true;
}

REF(Softmax)
{
    UNUSED;
    return softmax(node, inputs[0], outputs[0], false);
}
REF(LogSoftmax)
{
    UNUSED;
    return softmax(node, inputs[0], outputs[0], true);
}

/* ── LayerNormalization and its kin ──────────────────────────────────────────────────────────────────── */

typedef struct Norm {
    double mean, scale;
} Norm;

static Norm measure(const double *x, int64_t n, double epsilon, bool centred)
{
    double total = 0, squares = 0;
    for (int64_t i = 0; centred && i < n; i++)
        total += x[i];
    double average = total / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - average) * (x[i] - average);
    return (Norm){average, 1 / sqrt(squares / (double)n + epsilon)};
}

static bool normalise(const Node *node, Tensor *const *inputs, Tensor **outputs, bool centred)
{
    const Tensor *in = inputs[0], *gain = inputs[1], *bias = interp_input(node, inputs, 2);
    Arena *scratch = arena_new();
    double *x = tensor_doubles(scratch, in), epsilon = (double)(float)node_attr_float(node, "epsilon");
    int64_t n = 1;
    for (int i = node_axis(node); i < in->rank; i++)
        n *= in->dims[i];
    Walk walk = walk_over(in->rank, in->dims);
    walk_broadcast(&walk, 0, gain);
    if (bias)
        walk_broadcast(&walk, 1, bias);
    Norm norm = {0};
    bool keeps_mean = node->op->kind == OP_SimpleNormalization;
    for (int64_t i = 0; i < in->count; i++, walk_next(&walk)) {
        if (i % n == 0) {
            norm = measure(x + i, n, epsilon, centred);
            if (node->outputs.len > 1 && outputs[1])
                tensor_set(outputs[1], i / n, norm.mean);
            if (node->outputs.len > 2 && outputs[2])
                tensor_set(outputs[2], i / n, norm.scale);
        }
        double y = (keeps_mean ? x[i] : x[i] - norm.mean) * norm.scale * tensor_get(gain, walk.offset[0]);
        tensor_set(outputs[0], i, bias ? y + tensor_get(bias, walk.offset[1]) : y);
    }
    arena_free(scratch);
    return true;
}

REF(LayerNormalization)
{
    UNUSED;
    return normalise(node, inputs, outputs, true);
}
REF(RMSNormalization)
{
    UNUSED;
    return normalise(node, inputs, outputs, false);
}
REF(SimpleNormalization)
{
    UNUSED;
    return normalise(node, inputs, outputs, true);
}

/* ── Losses ──────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Loss {
    const Tensor *labels, *weights;
    const double *log_prob;      /* (N, C, inner) */
    int64_t n_classes, inner;
    const Attr *ignore;
} Loss;

/* The weight and the weighted loss of label i; false if it is out of range. */
static bool loss_at(const Loss *loss, int64_t i, double *weight, double *value)
{
    int64_t label = tensor_get_int(loss->labels, i);
    *weight = *value = 0;
    if (loss->ignore && label == loss->ignore->i)
        return true;
    if (label < 0 || label >= loss->n_classes)
        return false;
    *weight = loss->weights ? tensor_get(loss->weights, label) : 1;
    int64_t n = i / loss->inner, at = i % loss->inner;
    *value = -*weight * loss->log_prob[(n * loss->n_classes + label) * loss->inner + at];
    return true;
}

static bool add_up(const Node *node, const Loss *loss, Tensor *out, Diag *diag)
{
    const char *reduction = node_attr_string(node, "reduction");
    bool none = strcmp(reduction, "none") == 0;
    double total = 0, weights = 0;
    for (int64_t i = 0; i < loss->labels->count; i++) {
        double weight, value;
        if (!loss_at(loss, i, &weight, &value)) {
            diag_error(diag, node->span, "label %lld of %s is %lld, expected 0 to %lld", (long long)i, node->op->name,
                       (long long)tensor_get_int(loss->labels, i), (long long)loss->n_classes - 1);
            return false;
        }
        if (none)
            tensor_set(out, i, value);
        total += value;
        weights += weight;
    }
    if (!none)
        tensor_set(out, 0, strcmp(reduction, "mean") == 0 ? total / weights : total);
    return true;
}

static bool cross_entropy(const Node *node, Tensor *const *inputs, Tensor **outputs, bool from_scores, Diag *diag)
{
    const Tensor *scores = inputs[0];
    Arena *scratch = arena_new();
    double *x = tensor_doubles(scratch, scores);
    Loss loss = {inputs[1], interp_input(node, inputs, 2), x, scores->dims[1], 1, node_attr(node, "ignore_index")};
    for (int i = 2; i < scores->rank; i++)
        loss.inner *= scores->dims[i];
    if (from_scores)
        log_softmax(x, x, scores->count, loss.n_classes, loss.inner);
    for (int64_t i = 0; node->outputs.len > 1 && outputs[1] && i < scores->count; i++)
        tensor_set(outputs[1], i, x[i]);
    bool ok = add_up(node, &loss, outputs[0], diag);
    arena_free(scratch);
    return ok;
}

REF(NegativeLogLikelihoodLoss) { return cross_entropy(node, inputs, outputs, false, diag); }
REF(SoftmaxCrossEntropyLoss) { return cross_entropy(node, inputs, outputs, true, diag); }

/* ── Pools ───────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Pool {
    Window window;
    const double *x;         /* one plane */
    const int64_t *in_dims;  /* spatial */
    int64_t strides[MAX_RANK];
    double total, top;       /* of the window */
    int64_t n_inside, n_padded, top_at;
} Pool;

/* Elements and padding seen by the window whose output position is out_at. The window may hang over the end
 * padding in ceil_mode; what lies beyond counts for nothing. */
static void visit_window(Pool *pool, const int64_t *out_at)
{
    const Window *w = &pool->window;
    Walk taps = walk_over(w->n, w->kernel);
    int64_t n_taps = 1;
    pool->total = 0, pool->top = -INFINITY;
    pool->n_inside = pool->n_padded = 0, pool->top_at = -1;
    for (int i = 0; i < w->n; i++)
        n_taps *= w->kernel[i];
    for (int64_t t = 0; t < n_taps; t++, walk_next(&taps)) {
        bool inside = true, padded = true;
        int64_t offset = 0;
        for (int i = 0; i < w->n; i++) {
            int64_t at = out_at[i] * w->stride[i] - w->begin[i] + taps.at[i] * w->dilation[i];
            inside &= at >= 0 && at < pool->in_dims[i];
            padded &= at < pool->in_dims[i] + w->end[i];
            offset += at * pool->strides[i];
        }
        pool->n_padded += padded;
        if (!inside)
            continue;
        pool->n_inside++;
        pool->total += pool->x[offset];
        if (pool->top_at < 0 || pool->x[offset] > pool->top || isnan(pool->x[offset])) {
            pool->top = pool->x[offset];
            pool->top_at = offset;
        }
    }
}

typedef void Emit(const Node *node, const Pool *pool, Tensor **outputs, int64_t at, int64_t plane_at);

static bool pool_all(const Node *node, Tensor *const *inputs, Tensor **outputs, Emit *emit)
{
    Arena *scratch = arena_new();
    const Tensor *in = inputs[0];
    double *x = tensor_doubles(scratch, in);
    Pool pool = {.in_dims = in->dims + 2};
    node_window(node, &pool.window);
    dense_strides(in->rank - 2, in->dims + 2, pool.strides);
    int64_t plane = pool.strides[0] * in->dims[2];
    Walk out = walk_over(outputs[0]->rank, outputs[0]->dims);
    for (int64_t i = 0; i < outputs[0]->count; i++, walk_next(&out)) {
        int64_t plane_at = (out.at[0] * in->dims[1] + out.at[1]) * plane;
        pool.x = x + plane_at;
        visit_window(&pool, out.at + 2);
        emit(node, &pool, outputs, i, plane_at);
    }
    arena_free(scratch);
    return true;
}

static void emit_average(const Node *node, const Pool *pool, Tensor **outputs, int64_t at, int64_t plane_at)
{
    (void)plane_at;
    int64_t n = node_attr_int(node, "count_include_pad") ? pool->n_padded : pool->n_inside;
    tensor_set(outputs[0], at, pool->total / (double)n);
}

static void emit_max(const Node *node, const Pool *pool, Tensor **outputs, int64_t at, int64_t plane_at)
{
    tensor_set(outputs[0], at, pool->top);
    if (node->outputs.len > 1 && outputs[1])
        tensor_set_int(outputs[1], at, plane_at + pool->top_at);
}

REF(AveragePool)
{
    UNUSED;
    return pool_all(node, inputs, outputs, emit_average);
}
REF(MaxPool)
{
    UNUSED;
    return pool_all(node, inputs, outputs, emit_max);
}
