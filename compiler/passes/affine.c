/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Affine folding: multiplying and adding per channel, done in the weights instead of at run time.
 *
 *   n = LayerNormalization(x, g, b)                n = LayerNormalization(x, ones)
 *   p = MatMul(n, w)                               p = MatMul(n, w')           w' = diag(g) w
 *   q = Add(p, c)                          ->      q = Add(p, c')              c' = c + b w
 *
 *   p = MatMul(h, w)                               p = MatMul(h, w')           w' = w diag(s)
 *   q = Add(p, c)                          ->      q = Add(p, c')              c' = c s
 *   r = Mul(q, s)
 *
 * The same for RMSNormalization, which has no b, and for ConvNHWC, as long as no padding stands in for what would have
 * been b. New weights are computed in double and rounded once; if one might not be finite, nothing is folded. Requires
 * channels-last layout (pass_layout) and recognised norms; preserves names of outputs. The scale that stays behind is all ones. */
#include "compiler/passes/passes.h"

#include "compiler/passes/rewrite.h"

#include "ir/base/parallel.h"
#include "ir/infer.h"

#include <math.h>
#include <string.h>

/* ── Weights by channel ──────────────────────────────────────────────────────────────────────────────── */

/* The weights of a MatMul [K,N] or a ConvNHWC [M,C/group,kh,kw]: rows × columns × taps. A MatMul's may still be the
 * Transpose of a constant, which is then read across. */
typedef struct Weights {
    Node *node;
    const Tensor *tensor;
    bool is_conv;          /* rows are output channels; else input channels */
    int64_t n_in, n_out;   /* channels */
    int64_t rows, cols, taps;
    int64_t row_step, col_step; /* in the tensor, elements */
    int64_t group_rows;    /* rows of a convolution's group */
} Weights;

static bool matmul_weights(Weights *w)
{
    Node *transpose = value_made_by(w->node->inputs.at[1], OP_Transpose);
    const Value *source = transpose ? transpose->inputs.at[0] : w->node->inputs.at[1];
    const Tensor *t = w->tensor = source->constant;
    if (!t || t->rank != 2)
        return false;
    w->rows = w->n_in = t->dims[transpose ? 1 : 0];
    w->cols = w->n_out = t->dims[transpose ? 0 : 1];
    w->row_step = transpose ? 1 : w->cols;
    w->col_step = transpose ? w->rows : 1;
    w->taps = 1;
    return true;
}

static bool conv_weights(Weights *w)
{
    const Tensor *t = w->tensor = w->node->inputs.at[1]->constant;
    int64_t group = node_attr_int(w->node, "group");
    if (!t || t->rank != 4)
        return false;
    w->rows = w->n_out = t->dims[0];
    w->cols = t->dims[1];
    w->taps = w->col_step = t->dims[2] * t->dims[3];
    w->row_step = w->cols * w->taps;
    w->n_in = w->cols * group;
    w->group_rows = w->rows / group;
    return true;
}

static bool weights_of(Node *node, Weights *w)
{
    *w = (Weights){.node = node, .is_conv = node && node->op->kind == OP_ConvNHWC};
    if (!node || (node->op->kind != OP_MatMul && !w->is_conv))
        return false;
    return (w->is_conv ? conv_weights(w) : matmul_weights(w)) && w->tensor->dtype == DT_FLOAT && w->tensor->count > 0;
}

static int64_t out_channel(const Weights *w, int64_t row, int64_t col) { return w->is_conv ? row : col; }

static int64_t in_channel(const Weights *w, int64_t row, int64_t col)
{
    return w->is_conv ? row / w->group_rows * w->cols + col : row;
}

static const float *weight_at(const Weights *w, int64_t row, int64_t col)
{
    return (const float *)w->tensor->data + row * w->row_step + col * w->col_step;
}

/* Rows or columns at a time, so that reading across a matrix stays in its cache lines. */
enum { AT_ONCE = 16, GRAIN = 1 << 18 /* weights that are worth a thread */ };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Rows or columns, of so many elements each, that are worth a thread. */
static int64_t grain_of(int64_t elements) { return GRAIN / (elements ? elements : 1) + 1; }

static Tensor *new_weights(const Weights *w)
{
    const Tensor *t = w->tensor;
    int64_t dims[] = {w->rows, w->cols, w->is_conv ? t->dims[2] : 1, w->is_conv ? t->dims[3] : 1};
    return tensor_new(w->node->graph->model->arena, DT_FLOAT, w->is_conv ? 4 : 2, dims);
}

typedef struct Scaling {
    const Weights *w;
    const float *in, *out; /* by input or by output channel: one of them */
    float *to;
} Scaling;

/* One column of some rows of a matrix. */
static void scale_column(const Scaling *s, int64_t col, int64_t begin, int64_t end)
{
    const Weights *w = s->w;
    const float *from = weight_at(w, 0, col);
    for (int64_t row = begin; row < end; row++) {
        double scale = s->in ? s->in[row] : s->out[col];
        s->to[row * w->cols + col] = (float)(from[row * w->row_step] * scale);
    }
}

static void scale_kernel(const Scaling *s, int64_t row)
{
    const Weights *w = s->w;
    for (int64_t col = 0; col < w->cols; col++) {
        const float *from = weight_at(w, row, col);
        double scale = s->in ? s->in[in_channel(w, row, col)] : s->out[out_channel(w, row, col)];
        for (int64_t tap = 0; tap < w->taps; tap++)
            s->to[(row * w->cols + col) * w->taps + tap] = (float)(from[tap] * scale);
    }
}

static void scale_rows(void *context, int64_t begin, int64_t end)
{
    const Scaling *s = context;
    for (int64_t row = begin; s->w->is_conv && row < end; row++)
        scale_kernel(s, row);
    for (int64_t row = begin; !s->w->is_conv && row < end; row += AT_ONCE)
        for (int64_t col = 0; col < s->w->cols; col++)
            scale_column(s, col, row, least(row + AT_ONCE, end));
}

/* Weights scaled by input channel (by_in) or output channel (by_out). */
static Tensor *scaled_weights(const Weights *w, const Tensor *by_in, const Tensor *by_out)
{
    Tensor *result = new_weights(w);
    Scaling s = {w, by_in ? by_in->data : NULL, by_out ? by_out->data : NULL, (float *)result->data};
    parallel_ranges(w->rows, grain_of(w->cols * w->taps), scale_rows, &s);
    return result;
}

/* The bits of the largest magnitude; above those of infinity if there is a NaN. Magnitudes are ordered as their bits. */
static uint32_t largest_bits(const Tensor *tensor)
{
    const uint8_t *data = tensor->data; /* may be unaligned in a mapped file */
    uint32_t most = 0;
    for (int64_t i = 0; i < tensor->count; i++) {
        uint32_t bits;
        memcpy(&bits, data + i * 4, sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    return most;
}

static double largest(const Tensor *tensor)
{
    float value;
    uint32_t bits = largest_bits(tensor);
    memcpy(&value, &bits, sizeof value);
    return isnan(value) ? INFINITY : value;
}

/* Whether the largest weight times the largest scale is a finite float. */
static bool scales_finitely(const Weights *w, const Tensor *scale)
{
    return isfinite((float)(largest(w->tensor) * largest(scale)));
}

typedef struct Shifting {
    const Weights *w;
    const float *shifts;
    double *sums;
} Shifting;

/* Some output channels of a matrix, side by side: a cache line holds 16 columns, or 16 rows of one where it is read
 * across, and no addition waits for the one before. */
static void shift_columns(void *context, int64_t begin, int64_t end)
{
    const Shifting *s = context;
    const Weights *w = s->w;
    for (int64_t first = begin; first < end; first += AT_ONCE) {
        int64_t n = least(AT_ONCE, end - first);
        const float *from = weight_at(w, 0, first);
        for (int64_t row = 0; row < w->rows; row++)
            for (int64_t i = 0; i < n; i++)
                s->sums[first + i] += (double)s->shifts[row] * from[row * w->row_step + i * w->col_step];
    }
}

static void shift_kernels(const Shifting *s)
{
    const Weights *w = s->w;
    for (int64_t row = 0; row < w->rows; row++)
        for (int64_t col = 0; col < w->cols; col++)
            for (int64_t tap = 0; tap < w->taps; tap++)
                s->sums[out_channel(w, row, col)] += (double)s->shifts[in_channel(w, row, col)] * weight_at(w, row, col)[tap];
}

/* sums[output channel] += Σ shift[input channel] · weight. */
static void add_shifts(const Weights *w, const Tensor *shift, double *sums)
{
    Shifting s = {w, shift->data, sums};
    if (w->is_conv)
        shift_kernels(&s);
    else
        parallel_ranges(w->cols, grain_of(w->rows), shift_columns, &s);
}

/* ── Biases ──────────────────────────────────────────────────────────────────────────────────────────── */

/* The Add of a channel vector after a contraction, or a convolution's own bias. */
typedef struct Bias {
    Node *add;       /* NULL: none, or the convolution's own */
    Value *vector;   /* NULL: none */
} Bias;

static Bias bias_of(const Weights *w)
{
    Bias bias = {0};
    Node *user = value_only_user(w->node->outputs.at[0]);
    Value *vector;
    if (w->is_conv)
        bias.vector = node_input(w->node, 2);
    else if (user && user->op->kind == OP_Add && constant_operand(user, &vector) && value_is_channel_vector(vector, w->n_out) &&
             value_same_type(user->outputs.at[0], w->node->outputs.at[0]))
        bias = (Bias){user, vector};
    return bias;
}

static bool bias_is_constant(const Bias *bias, const Weights *w)
{
    return !bias->vector || value_is_channel_vector(bias->vector, w->n_out);
}

static const char *folded_name(const Value *value) { return arena_printf(value->graph->model->arena, "%s_folded", value->name); }

/* Output channels' sums as a constant vector; NULL if one is not finite as a float. */
static Value *bias_vector(Node *at, const char *base, const double *sums, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite((float)sums[i]))
            return NULL;
    return vector_new(at, base, sums, n);
}

/* MatMul without an Add gets one: its product moves to a new value. */
static void insert_add(Node *matmul, Value *vector)
{
    const char *base = arena_printf(matmul->graph->model->arena, "%s_matmul", matmul->outputs.at[0]->name);
    Node *product = node_before(matmul, OP_MatMul, matmul->inputs.at, 2, base);
    product->name = matmul->name;
    node_infer(product);
    node_infer(node_replace(matmul, OP_Add, (Value *[]){product->outputs.at[0], vector}, 2));
}

static void set_bias(const Weights *w, const Bias *bias, Value *vector)
{
    if (bias->add)
        node_set_input(bias->add, bias->add->inputs.at[1] == bias->vector, vector);
    else if (!w->is_conv)
        insert_add(w->node, vector);
    else if (w->node->inputs.len > 2)
        node_set_input(w->node, 2, vector);
    else
        node_add_input(w->node, vector);
}

static void set_weights(const Weights *w, Tensor *tensor)
{
    Value *old = w->node->inputs.at[1];
    node_set_input(w->node, 1, constant_new(w->node->graph, folded_name(old), tensor, old->span));
    tensor_release(w->tensor);
}

/* ── Before a contraction ────────────────────────────────────────────────────────────────────────────── */

static bool has_padding(const Weights *w)
{
    Window window;
    if (!w->is_conv)
        return false;
    node_window(w->node, &window);
    for (int i = 0; i < window.n; i++)
        if (window.begin[i] || window.end[i])
            return true;
    return false;
}

static const char *bias_name(const Weights *w, const Bias *bias)
{
    if (bias->vector)
        return folded_name(bias->vector);
    return arena_printf(w->node->graph->model->arena, "%s_bias", w->node->outputs.at[0]->name);
}

/* bias + Σ over inputs of shift · weight, for each output channel. */
static Value *shifted_bias(const Weights *w, const Bias *bias, const Tensor *shift)
{
    Arena *scratch = arena_new();
    double *sums = NEW_ARRAY(scratch, double, w->n_out);
    for (int64_t i = 0; bias->vector && i < w->n_out; i++)
        sums[i] = tensor_get(bias->vector->constant, i);
    add_shifts(w, shift, sums);
    Value *vector = bias_vector(w->node, bias_name(w, bias), sums, w->n_out);
    arena_free(scratch);
    return vector;
}

/* A constant that neither scales nor shifts: nothing to fold. */
static bool all_equal(const Tensor *tensor, double expected)
{
    for (int64_t i = 0; i < tensor->count; i++)
        if (tensor_get(tensor, i) != expected)
            return false;
    return true;
}

static Value *ones_like(Node *at, const Value *scale)
{
    Tensor *ones = tensor_new(at->graph->model->arena, DT_FLOAT, 1, &scale->constant->count);
    for (int64_t i = 0; i < ones->count; i++)
        tensor_set(ones, i, 1);
    return constant_new(at->graph, arena_printf(at->graph->model->arena, "%s_ones", scale->name), ones, at->span);
}

/* The normalisation loses scale and bias: what follows has them now. */
static void strip_norm(Node *norm)
{
    Value *inputs[] = {norm->inputs.at[0], ones_like(norm, norm->inputs.at[1])};
    Node *made = node_replace(norm, norm->op->kind, inputs, 2);
    node_copy_attrs(made, norm);
    node_infer(made);
}

static bool is_foldable_norm(const Node *norm, const Weights *w)
{
    const Value *x = norm->inputs.at[0], *scale = norm->inputs.at[1], *bias = node_input(norm, 2);
    if (node_axis(norm) != value_rank(x) - 1 || !node_has_one_output(norm) || !value_is_channel_vector(scale, w->n_in) ||
        (bias && !value_is_channel_vector(bias, w->n_in)))
        return false;
    bool scales = !all_equal(scale->constant, 1), shifts = bias && !all_equal(bias->constant, 0);
    return (scales || bias) && !(shifts && has_padding(w));
}

static bool fold_norm(Node *node)
{
    Weights w;
    Node *norm = value_made_by_norm(node->inputs.at[0]);
    if (!norm || !value_only_user(norm->outputs.at[0]) || !weights_of(node, &w) || !is_foldable_norm(norm, &w))
        return false;
    Bias bias = bias_of(&w);
    const Value *shift = node_input(norm, 2);
    const Tensor *scale = norm->inputs.at[1]->constant;
    bool shifts = shift && !all_equal(shift->constant, 0);
    if (!scales_finitely(&w, scale) || !bias_is_constant(&bias, &w))
        return false;
    Value *vector = shifts ? shifted_bias(&w, &bias, shift->constant) : NULL;
    if (shifts && !vector)
        return false;
    strip_norm(norm);
    set_weights(&w, scaled_weights(&w, scale, NULL));
    if (vector)
        set_bias(&w, &bias, vector);
    return true;
}

/* The Add of a channel vector that makes value, or one summand of it, and is seen by nothing else; NULL. */
static Node *shift_add(const Value *value, int64_t n, Value **shift)
{
    Node *add = value_made_by(value, OP_Add);
    if (!add || !value_only_user(value))
        return NULL;
    Value *x = constant_operand(add, shift);
    if (x)
        return value_is_channel_vector(*shift, n) && value_same_type(x, value) ? add : NULL;
    for (int i = 0; i < 2; i++) {
        Value *summand = add->inputs.at[i];
        Node *inner = value_made_by(summand, OP_Add);
        x = inner && value_only_user(summand) && value_same_type(summand, value) ? constant_operand(inner, shift) : NULL;
        if (x && value_is_channel_vector(*shift, n) && value_same_type(x, summand))
            return inner;
    }
    return NULL;
}

/* Add of a channel vector before a contraction: the bias of GRN, Add(Add(x, b), y), ends in the one after it. */
static bool fold_shift_before(Node *node)
{
    Weights w;
    Value *shift;
    if (!weights_of(node, &w) || has_padding(&w))
        return false;
    Node *add = shift_add(node->inputs.at[0], w.n_in, &shift);
    Bias bias = bias_of(&w);
    if (!add || !bias_is_constant(&bias, &w))
        return false;
    Value *vector = shifted_bias(&w, &bias, shift->constant), *ignored;
    if (!vector || !node_forward(add, constant_operand(add, &ignored)))
        return false;
    set_bias(&w, &bias, vector);
    return true;
}

/* ── After a contraction ─────────────────────────────────────────────────────────────────────────────── */

/* The contraction behind value, through the Add of its bias if there is one; nothing else uses either. */
static bool contraction_behind(Value *value, Weights *w, Bias *bias)
{
    Node *add = value_made_by(value, OP_Add);
    Value *vector, *product = add ? constant_operand(add, &vector) : value;
    if (!product || !value_only_user(value) || !value_only_user(product) || !weights_of(product->producer, w))
        return false;
    *bias = bias_of(w);
    return bias->add == add && bias_is_constant(bias, w);
}

static Value *scaled_bias(const Weights *w, const Bias *bias, const Tensor *scale)
{
    Arena *scratch = arena_new();
    double *sums = NEW_ARRAY(scratch, double, w->n_out);
    for (int64_t i = 0; i < w->n_out; i++)
        sums[i] = tensor_get(bias->vector->constant, i) * tensor_get(scale, i);
    Value *vector = bias_vector(w->node, folded_name(bias->vector), sums, w->n_out);
    arena_free(scratch);
    return vector;
}

/* Layer scale: Mul by a channel vector after a contraction and its bias. */
static bool fold_scale_after(Node *node)
{
    Weights w;
    Bias bias;
    Value *scale, *x = constant_operand(node, &scale);
    if (!x || !contraction_behind(x, &w, &bias) || !value_is_channel_vector(scale, w.n_out) ||
        !value_same_type(x, node->outputs.at[0]))
        return false;
    bool finite = scales_finitely(&w, scale->constant);
    Value *vector = finite && bias.vector ? scaled_bias(&w, &bias, scale->constant) : NULL;
    if (!finite || (bias.vector && !vector) || !node_forward(node, x))
        return false;
    set_weights(&w, scaled_weights(&w, NULL, scale->constant));
    if (vector)
        set_bias(&w, &bias, vector);
    return true;
}

/* Add of a channel vector after a convolution: becomes its bias. */
static bool fold_shift_after(Node *node)
{
    Weights w;
    Value *shift, *x = constant_operand(node, &shift);
    Node *conv = x ? value_made_by(x, OP_ConvNHWC) : NULL;
    if (!conv || !value_only_user(x) || !weights_of(conv, &w) || !value_is_channel_vector(shift, w.n_out) ||
        !value_same_type(x, node->outputs.at[0]))
        return false;
    Bias bias = bias_of(&w);
    if (!bias_is_constant(&bias, &w))
        return false;
    Arena *scratch = arena_new();
    double *sums = NEW_ARRAY(scratch, double, w.n_out);
    for (int64_t i = 0; i < w.n_out; i++)
        sums[i] = tensor_get(shift->constant, i) + (bias.vector ? tensor_get(bias.vector->constant, i) : 0);
    Value *vector = bias_vector(conv, folded_name(shift), sums, w.n_out);
    arena_free(scratch);
    if (!vector || !node_forward(node, x))
        return false;
    set_bias(&w, &bias, vector);
    return true;
}

static const Rule rules[] = {
    {OP_MatMul, "norm before", fold_norm},          {OP_ConvNHWC, "norm before", fold_norm},
    {OP_MatMul, "shift before", fold_shift_before}, {OP_ConvNHWC, "shift before", fold_shift_before},
    {OP_Mul, "scale after", fold_scale_after},      {OP_Add, "shift after", fold_shift_after},
};

bool pass_affine(Graph *graph)
{
    bool changed = rewrite(graph, rules, countof(rules));
    return pass_prune(graph) || changed;
}
