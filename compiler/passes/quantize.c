/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* int8 (--precision=int8): products of constant weights get 8-bit ones, and find the scales of what they multiply themselves.
 *
 *   n = LayerNormalization(x, ones)                n = LayerNormalization(x, ones)
 *   p = MatMul(n, w1)                              p = cnxc.RowQuantizedMatMul(n, w1_int8, w1_scale)
 *   h = Gelu(Add(p, b))                     ->     h = Gelu(Add(p, b))
 *   q = MatMul(h, w2)                              q = cnxc.RowQuantizedMatMul<range = 384>(h, w2_int8, w2_scale)
 *
 * A column of weights has one scale, its largest magnitude over 127. A row finds its least and greatest element, one pair for
 * each range of columns, since after a Gelu a few are much larger than the rest; behind a LayerNormalization, whose scale is
 * folded into the weights by now, one for all.
 *
 * Patches that do not overlap (downsampling) are rows of all their pixels:
 *
 *   y = cnxc.ConvNHWC<strides = [2, 2]>(n, w, b)   r = Reshape(n, {0,H/2,2,W/2,2,C})  t = Transpose<perm = [0,1,3,2,4,5]>(r)
 *                                           ->     m = Reshape(t, {0,H/2,W/2,4C})  y = Add(RowQuantizedMatMul(m, …), b)
 *
 * Where pictures have been seen there is a plan for a product (quantize.h): columns of its left operand are divided by multipliers and
 * the weights' rows multiplied by them, weights are rounded otherwise than to nearest, the bias is corrected:
 *
 *   q = MatMul(h, w2)                              m = Mul(h, h_factors)  q = cnxc.RowQuantizedMatMul(m, w2_int8, w2_scale)
 *
 * Behind a LayerNormalization its scale, which is free by now, divides the columns.
 *
 * The head and products over few channels stay as they are: they are little work, and the answer; so do products of what a
 * graph has quantised itself. Requires affine folding for the best results; preserves names of outputs. What was decided
 * stands in the graph: printed, it compiles to the same code. */
#include "compiler/passes/quantize.h"

#include "compiler/passes/passes.h"
#include "compiler/passes/permute.h"
#include "compiler/passes/rewrite.h"

#include "ir/base/parallel.h"
#include "ir/infer.h"
#include "ir/quantize.h"
#include "ir/region.h"

#include <math.h>
#include <string.h>

enum {
    FEW_CHANNELS = 16,
    RANGE_UNIT = 32,    /* whole panels on every CPU */
    GRAIN = 1 << 18,    /* weights that are worth a thread */
    AT_ONCE = 16,       /* columns of a matrix that share its cache lines */
};

/* ── Weights ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Columns {
    const float *from;
    int64_t k, n;
    int8_t *to;
    float *scales; /* NaN: the column is not finite */
} Columns;

static float largest(const Columns *c, int64_t column)
{
    float most = 0;
    for (int64_t i = 0; i < c->k; i++) {
        float w = fabsf(c->from[i * c->n + column]);
        if (!isfinite(w))
            return NAN;
        most = w > most ? w : most;
    }
    return most;
}

static void quantize_column(const Columns *c, int64_t column)
{
    float most = largest(c, column), scale = most / WEIGHT_STEPS;
    c->scales[column] = scale;
    for (int64_t i = 0; i < c->k && scale > 0; i++)
        c->to[i * c->n + column] = (int8_t)lrint((double)c->from[i * c->n + column] / scale);
}

static void quantize_columns(void *context, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        quantize_column(context, i);
}

bool quantize_weights(const float *weights, int64_t k, int64_t n, int8_t *rounded, float *scales)
{
    Columns c = {weights, k, n, rounded, scales};
    parallel_ranges(n, GRAIN / k + AT_ONCE, quantize_columns, &c);
    bool finite = true;
    for (int64_t i = 0; i < n; i++)
        finite &= isfinite(scales[i]) != 0;
    return finite;
}

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

/* Columns of a range of the hidden tensor; 0: all in one. */
static int64_t range_of(int64_t k)
{
    int64_t n = region_hidden_ranges(k, RANGE_UNIT);
    return n > 1 ? k / n : 0;
}

/* Made of integers: somebody else has quantised it. */
static bool is_of_integers(const Value *a)
{
    const Node *node;
    while ((node = a->producer)) {
        Value *constant, *other = node->op->class == CLASS_MOVE ? node->inputs.at[0] : constant_operand(node, &constant);
        if (!other)
            return node->op->kind == OP_Cast && !value_is_float(node->inputs.at[0]);
        a = other;
    }
    return false;
}

static bool is_worthwhile(const Value *a, int64_t k, int64_t n)
{
    return value_rank(a) > 2 && k >= FEW_CHANNELS && n > 0 && value_is_float(a) && !is_of_integers(a);
}

static bool matmul_of(Node *node, Quantizable *q)
{
    Value *a = node->inputs.at[0], *w = node->inputs.at[1];
    if (!w->constant || w->constant->rank != 2 || !is_worthwhile(a, w->constant->dims[0], w->constant->dims[1]))
        return false;
    *q = (Quantizable){.input = a, .weights = w, .matrix = w->constant};
    Node *add = value_only_user(node->outputs.at[0]);
    Value *bias;
    if (add && add->op->kind == OP_Add && constant_operand(add, &bias) && value_is_channel_vector(bias, w->constant->dims[1]) &&
        value_same_type(add->outputs.at[0], node->outputs.at[0])) {
        q->add = add;
        q->bias = bias;
    }
    return true;
}

static const float *multiplied(Arena *arena, const Tensor *w, const float *multipliers)
{
    int64_t n = w->dims[1];
    const float *from = w->data;
    if (!multipliers)
        return from;
    float *to = NEW_ARRAY(arena, float, w->count);
    for (int64_t i = 0; i < w->count; i++)
        to[i] = from[i] * multipliers[i / n];
    return to;
}

/* A normalisation that nothing else uses, whose scale is folded into the weights: it can take another. */
static Node *norm_to_scale(const Value *rows)
{
    Node *norm = value_made_by_norm(rows);
    if (!norm || !value_only_user(rows) || !norm->inputs.at[1]->constant || node_input(norm, 2))
        return NULL;
    for (int64_t i = 0; i < norm->inputs.at[1]->constant->count; i++)
        if (tensor_get(norm->inputs.at[1]->constant, i) != 1)
            return NULL;
    return norm;
}

/* Columns of rows divided by their multipliers. */
static Value *divided(Node *at, Value *rows, const float *multipliers, int64_t k)
{
    if (!multipliers)
        return rows;
    Tensor *factors = tensor_new(at->graph->model->arena, DT_FLOAT, 1, &k);
    for (int64_t i = 0; i < k; i++)
        tensor_set(factors, i, 1 / (double)multipliers[i]);
    const char *name = arena_printf(at->graph->model->arena, "%s_factors", rows->name);
    Value *operands[] = {rows, constant_new(at->graph, name, factors, at->span)};
    Node *norm = norm_to_scale(rows);
    if (norm) {
        node_set_input(norm, 1, operands[1]);
        return rows;
    }
    Node *mul = node_before(at, OP_Mul, operands, 2, rows->name);
    node_infer(mul);
    return mul->outputs.at[0];
}

/* Of rows times q's weights, in integers. False: the weights are not finite. */
static bool product_operands(Node *at, Value *rows, const Quantizable *q, const ProductPlan *plan, Value *operands[3])
{
    Graph *graph = at->graph;
    Arena *arena = graph->model->arena;
    const Tensor *w = q->matrix;
    Tensor *quantized = tensor_new(arena, DT_INT8, 2, w->dims), *scale = tensor_new(arena, DT_FLOAT, 1, &w->dims[1]);
    int8_t *bytes = (int8_t *)(uintptr_t)quantized->data;
    const float *floats = multiplied(arena, w, plan->multipliers);
    if (!quantize_weights(floats, w->dims[0], w->dims[1], bytes, (float *)(uintptr_t)scale->data))
        return false;
    if (plan->rounded)
        memcpy(bytes, plan->rounded, (size_t)w->count);
    operands[0] = divided(at, rows, plan->multipliers, w->dims[0]);
    operands[1] = constant_new(graph, arena_printf(arena, "%s_int8", q->weights->name), quantized, at->span);
    operands[2] = constant_new(graph, arena_printf(arena, "%s_scale", q->weights->name), scale, at->span);
    return true;
}

static void set_attributes(Node *product, const Quantizable *q)
{
    if (q->range)
        node_set_int(product, "range", q->range);
    node_infer(product);
}

/* The bias, and what calibration adds to it. */
static Value *corrected(Node *at, Value *bias, const float *correction)
{
    if (!bias || !correction)
        return bias;
    Arena *arena = at->graph->model->arena;
    Tensor *sums = tensor_new(arena, DT_FLOAT, 1, &bias->constant->count);
    for (int64_t i = 0; i < sums->count; i++)
        tensor_set(sums, i, tensor_get(bias->constant, i) + (double)correction[i]);
    return constant_new(at->graph, arena_printf(arena, "%s_corrected", bias->name), sums, at->span);
}

static bool quantize_matmul(Node *node, const Quantizable *q, const ProductPlan *plan)
{
    Value *operands[3];
    if (!product_operands(node, q->input, q, plan, operands))
        return false;
    if (q->add)
        node_set_input(q->add, q->add->inputs.at[1] == q->bias, corrected(q->add, q->bias, plan->correction));
    set_attributes(node_replace(node, OP_RowQuantizedMatMul, operands, 3), q);
    return true;
}

/* ── Patches ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool takes_patches(const Node *conv, int64_t patch[2])
{
    Window w;
    const Tensor *weights = conv->inputs.at[1]->constant;
    node_window(conv, &w);
    bool apart = weights && weights->dtype == DT_FLOAT && node_attr_int(conv, "group") == 1;
    for (int i = 0; i < w.n && apart; i++) {
        apart = w.kernel[i] == w.stride[i] && w.dilation[i] == 1 && !w.begin[i] && !w.end[i];
        patch[i] = w.kernel[i];
    }
    return apart && is_worthwhile(conv->inputs.at[0], weights->dims[1], weights->dims[0]);
}

/* [M, C, kh, kw] → [kh·kw·C, M], as patches lie in a channels-last picture. */
static const Tensor *patch_weights(Arena *arena, const Tensor *w)
{
    const Tensor *turned = tensor_permuted(arena, w, (const int64_t[]){2, 3, 1, 0});
    return tensor_reshaped(arena, turned, 2, (const int64_t[]){w->count / w->dims[0], w->dims[0]});
}

static Value *shape_of_ints(const Node *at, const int64_t *dims, int64_t n)
{
    return constant_new(at->graph, "patches_shape", tensor_from_i64(at->graph->model->arena, dims, n), at->span);
}

static Value *reshaped(Node *at, Value *x, const int64_t *dims, int64_t n)
{
    Node *node = node_before(at, OP_Reshape, (Value *[]){x, shape_of_ints(at, dims, n)}, 2, at->outputs.at[0]->name);
    node_infer(node);
    return node->outputs.at[0];
}

/* Without the rows and columns behind the last whole patch. */
static Value *cropped(Node *at, Value *x, const int64_t *size)
{
    const Dim *dims = x->type.shape.dims;
    if (dims[1].size == size[0] && dims[2].size == size[1])
        return x;
    Value *operands[] = {x, shape_of_ints(at, (const int64_t[]){0, 0}, 2), shape_of_ints(at, size, 2),
                         shape_of_ints(at, (const int64_t[]){1, 2}, 2), shape_of_ints(at, (const int64_t[]){1, 1}, 2)};
    Node *slice = node_before(at, OP_Slice, operands, 5, at->outputs.at[0]->name);
    node_infer(slice);
    return slice->outputs.at[0];
}

static Value *patch_rows(Node *conv, const int64_t patch[2])
{
    static const int64_t order[] = {0, 1, 3, 2, 4, 5};
    const Dim *out = conv->outputs.at[0]->type.shape.dims;
    int64_t height = out[1].size, width = out[2].size, channels = conv->inputs.at[1]->constant->dims[1];
    Value *x = cropped(conv, conv->inputs.at[0], (const int64_t[]){height * patch[0], width * patch[1]});
    x = reshaped(conv, x, (const int64_t[]){0, height, patch[0], width, patch[1], channels}, 6);
    Node *turned = node_before(conv, OP_Transpose, &x, 1, conv->outputs.at[0]->name);
    node_set_ints(turned, "perm", order, countof(order));
    node_infer(turned);
    const int64_t rows[] = {0, height, width, patch[0] * patch[1] * channels};
    return reshaped(conv, turned->outputs.at[0], rows, 4);
}

static bool patches_of(Node *conv, Quantizable *q)
{
    const Shape *out = &conv->outputs.at[0]->type.shape;
    *q = (Quantizable){.input = conv->inputs.at[0], .weights = conv->inputs.at[1], .bias = node_input(conv, 2)};
    if (!takes_patches(conv, q->patch) || out->dims[1].size < 1 || out->dims[2].size < 1)
        return false;
    q->matrix = patch_weights(conv->graph->model->arena, q->weights->constant);
    return true;
}

static bool quantize_patches(Node *conv, const Quantizable *q, const ProductPlan *plan)
{
    Value *operands[3];
    if (!product_operands(conv, patch_rows(conv, q->patch), q, plan, operands))
        return false;
    if (!q->bias) {
        set_attributes(node_replace(conv, OP_RowQuantizedMatMul, operands, 3), q);
        return true;
    }
    Node *product = node_before(conv, OP_RowQuantizedMatMul, operands, 3, conv->outputs.at[0]->name);
    set_attributes(product, q);
    operands[0] = product->outputs.at[0];
    operands[1] = corrected(conv, q->bias, plan->correction);
    node_infer(node_replace(conv, OP_Add, operands, 2));
    return true;
}

/* ── The pass ────────────────────────────────────────────────────────────────────────────────────────── */

bool quantizable(Node *node, Quantizable *q)
{
    bool fits = node->op->kind == OP_MatMul ? matmul_of(node, q) : node->op->kind == OP_ConvNHWC && patches_of(node, q);
    if (!fits)
        return false;
    q->normal = value_made_by_norm(q->input) != NULL;
    q->range = q->normal ? 0 : range_of(q->matrix->dims[0]);
    return true;
}

static bool quantize(Node *node, const QuantizePlan *plan)
{
    static const ProductPlan none;
    Quantizable q;
    if (!quantizable(node, &q))
        return false;
    const ProductPlan *of = plan ? strmap_get(&plan->products, node->outputs.at[0]->name) : NULL;
    if (of && of->precision)
        return false;
    return (q.patch[0] ? quantize_patches : quantize_matmul)(node, &q, of ? of : &none);
}

bool pass_quantize(Graph *graph, const QuantizePlan *plan)
{
    bool changed = false;
    FOR_NODES_SAFE (node, graph)
        changed |= quantize(node, plan);
    return pass_prune(graph) || changed;
}

/* ── What stayed float ───────────────────────────────────────────────────────────────────────────────── */

static bool overlaps(const Node *conv)
{
    Window w;
    node_window(conv, &w);
    bool apart = true;
    for (int i = 0; i < w.n && apart; i++)
        apart = w.kernel[i] == w.stride[i] && w.dilation[i] == 1 && !w.begin[i] && !w.end[i];
    return !apart;
}

/* By shapes alone: in a body weights are inputs like others. */
const char *quantize_reason(const Node *node, const QuantizePlan *plan, Arena *arena)
{
    bool conv = node->op->kind == OP_ConvNHWC;
    const ProductPlan *planned = plan ? strmap_get(&plan->products, node->outputs.at[0]->name) : NULL;
    if (!conv && node->op->kind != OP_MatMul)
        return NULL;
    const Shape *weights = &node->inputs.at[1]->type.shape;
    if (planned && planned->precision)
        return planned->precision == DT_BFLOAT16 ? "calibration keeps it in bf16" : "calibration keeps it in f32";
    if (conv && node_attr_int(node, "group") != 1)
        return "a depthwise convolution, whose sums are over one channel each";
    if (conv && overlaps(node))
        return "a convolution over patches that overlap";
    if (value_rank(node->inputs.at[0]) <= 2)
        return "the head: little work, and the answer";
    if (weights->rank >= 2 && weights->dims[conv ? 1 : weights->rank - 2].size < FEW_CHANNELS)
        return arena_printf(arena, "over fewer than %d channels", FEW_CHANNELS);
    return "its weights are computed, or quantised already";
}
