/* int8 (--precision=int8): products of constant weights get 8-bit ones, and find the scales of what they multiply themselves.
 *
 *   n = LayerNormalization(x, ones)                n = LayerNormalization(x, ones)
 *   p = MatMul(n, w1)                              p = cnxc.RowQuantizedMatMul<symmetric = 1>(n, w1_int8, w1_scale)
 *   h = Gelu(Add(p, b))                     ->     h = Gelu(Add(p, b))
 *   q = MatMul(h, w2)                              q = cnxc.RowQuantizedMatMul<range = 384>(h, w2_int8, w2_scale)
 *
 * A column of weights has one scale, its largest magnitude over 127. A row behind a LayerNormalization, whose scale is folded
 * into the weights by now, is as large above zero as below; any other finds its least and greatest element, one pair for each
 * range of columns, since after a Gelu a few are much larger than the rest.
 *
 * Patches that do not overlap (downsampling) are rows of all their pixels:
 *
 *   y = cnxc.ConvNHWC<strides = [2, 2]>(n, w, b)   r = Reshape(n, {0,H/2,2,W/2,2,C})  t = Transpose<perm = [0,1,3,2,4,5]>(r)
 *                                           ->     m = Reshape(t, {0,H/2,W/2,4C})  y = Add(RowQuantizedMatMul(m, …), b)
 *
 * The head and products over few channels stay as they are: they are little work, and the answer. Requires affine folding for
 * the best results; preserves names of outputs. What was decided stands in the graph: printed, it compiles to the same code. */
#include "compiler/passes/passes.h"

#include "compiler/passes/permute.h"
#include "compiler/passes/rewrite.h"

#include "ir/base/parallel.h"
#include "ir/infer.h"
#include "ir/quantize.h"

#include <math.h>

enum {
    FEW_CHANNELS = 16,
    RANGE = 384,        /* columns of the hidden tensor that stay in L2 anyway (measured) */
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
    float most = largest(c, column), scale = most / SYMMETRIC_STEPS;
    c->scales[column] = scale;
    for (int64_t i = 0; i < c->k && scale > 0; i++)
        c->to[i * c->n + column] = (int8_t)lrint((double)c->from[i * c->n + column] / scale);
}

static void quantize_columns(void *context, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        quantize_column(context, i);
}

/* Of a float matrix [K,N]; false: not all finite. */
static bool quantize_weights(const Tensor *w, Tensor *quantized, Tensor *scale)
{
    Columns c = {w->data, w->dims[0], w->dims[1], (int8_t *)(uintptr_t)quantized->data, (float *)(uintptr_t)scale->data};
    parallel_ranges(c.n, GRAIN / c.k + AT_ONCE, quantize_columns, &c);
    bool finite = true;
    for (int64_t i = 0; i < c.n; i++)
        finite &= isfinite(c.scales[i]) != 0;
    return finite;
}

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

/* Equal ranges of whole panels near RANGE columns, else all in one. */
static int64_t range_of(int64_t k)
{
    for (int64_t n = (k + RANGE - 1) / RANGE; n <= 2 * (k / RANGE); n++)
        if (k % (n * RANGE_UNIT) == 0)
            return n > 1 ? k / n : 0;
    return 0;
}

static bool is_worthwhile(const Value *a, int64_t k, int64_t n)
{
    return value_rank(a) > 2 && k >= FEW_CHANNELS && n > 0 && value_is_float(a);
}

/* Before at: a times w, [K,N], in integers; NULL: the weights are not finite. */
static Node *product_before(Node *at, Value *a, const char *name, const Tensor *w, bool symmetric)
{
    Graph *graph = at->graph;
    Arena *arena = graph->model->arena;
    Tensor *quantized = tensor_new(arena, DT_INT8, 2, w->dims), *scale = tensor_new(arena, DT_FLOAT, 1, &w->dims[1]);
    if (!quantized || !scale || !quantize_weights(w, quantized, scale))
        return NULL;
    Value *operands[] = {a, constant_new(graph, arena_printf(arena, "%s_int8", name), quantized, at->span),
                         constant_new(graph, arena_printf(arena, "%s_scale", name), scale, at->span)};
    Node *product = node_before(at, OP_RowQuantizedMatMul, operands, 3, at->outputs.at[0]->name);
    int64_t range = symmetric ? 0 : range_of(w->dims[0]);
    if (symmetric)
        node_set_int(product, "symmetric", 1);
    if (range)
        node_set_int(product, "range", range);
    node_infer(product);
    return product;
}

static bool quantize_matmul(Node *node)
{
    Value *a = node->inputs.at[0], *w = node->inputs.at[1];
    if (!w->constant || w->constant->rank != 2 || !is_worthwhile(a, w->constant->dims[0], w->constant->dims[1]))
        return false;
    Node *product = product_before(node, a, w->name, w->constant, value_made_by(a, OP_LayerNormalization) != NULL);
    return product && node_forward(node, product->outputs.at[0]);
}

/* ── Patches ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool takes_patches(const Node *conv, Window *w)
{
    const Tensor *weights = conv->inputs.at[1]->constant;
    node_window(conv, w);
    bool apart = weights && weights->dtype == DT_FLOAT && node_attr_int(conv, "group") == 1;
    for (int i = 0; i < w->n && apart; i++)
        apart = w->kernel[i] == w->stride[i] && w->dilation[i] == 1 && !w->begin[i] && !w->end[i];
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

static Value *patch_rows(Node *conv, const Window *w)
{
    static const int64_t order[] = {0, 1, 3, 2, 4, 5};
    const Dim *out = conv->outputs.at[0]->type.shape.dims;
    int64_t height = out[1].size, width = out[2].size, channels = conv->inputs.at[1]->constant->dims[1];
    Value *x = cropped(conv, conv->inputs.at[0], (const int64_t[]){height * w->kernel[0], width * w->kernel[1]});
    x = reshaped(conv, x, (const int64_t[]){0, height, w->kernel[0], width, w->kernel[1], channels}, 6);
    Node *turned = node_before(conv, OP_Transpose, &x, 1, conv->outputs.at[0]->name);
    node_set_ints(turned, "perm", order, countof(order));
    node_infer(turned);
    const int64_t rows[] = {0, height, width, w->kernel[0] * w->kernel[1] * channels};
    return reshaped(conv, turned->outputs.at[0], rows, 4);
}

static bool quantize_patches(Node *conv)
{
    Window w;
    const Shape *out = &conv->outputs.at[0]->type.shape;
    if (!takes_patches(conv, &w) || out->dims[1].size < 1 || out->dims[2].size < 1)
        return false;
    Value *weights = conv->inputs.at[1], *bias = node_input(conv, 2);
    const Tensor *matrix = patch_weights(conv->graph->model->arena, weights->constant);
    bool symmetric = value_made_by(conv->inputs.at[0], OP_LayerNormalization) != NULL;
    Node *product = product_before(conv, patch_rows(conv, &w), weights->name, matrix, symmetric);
    if (!product)
        return false;
    if (!bias)
        return node_forward(conv, product->outputs.at[0]);
    node_infer(node_replace(conv, OP_Add, (Value *[]){product->outputs.at[0], bias}, 2));
    return true;
}

static const Rule rules[] = {{OP_MatMul, "product", quantize_matmul}, {OP_ConvNHWC, "patches", quantize_patches}};

bool pass_quantize(Graph *graph)
{
    bool changed = rewrite(graph, rules, countof(rules));
    return pass_prune(graph) || changed;
}
