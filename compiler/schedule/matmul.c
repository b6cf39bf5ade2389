/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* MatMul and Gemm: which matrices there are, and where they lie.
 *
 * A constant right operand is packed at compile time, transposed or not. Any other is packed into panels by
 * phases before the product. All products of a batch that share the right operand are one product with more rows.
 *
 *   MatMul x[1,56,56,96] by constant [96,384]  →  one product of 3136 rows */
#include "compiler/schedule/matmul.h"

#include "compiler/schedule/operand.h"
#include "compiler/schedule/exact.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

#include <assert.h>

static int64_t product_flops(int64_t m, int64_t k, int64_t n) { return 2 * m * k * n; }

bool epilogue_is_linear(const Fusion *epilogue)
{
    View rows;
    for (int i = 1; i < epilogue->expr.n_operands; i++)
        if (!linear_rows(&epilogue->operands[i], &rows))
            return false;
    return true;
}

static void set_epilogue(Gemm *gemm, const Fusion *epilogue)
{
    gemm->epilogue = epilogue;
    for (int i = 1; epilogue && i < epilogue->expr.n_operands; i++)
        linear_rows(&epilogue->operands[i], &gemm->operands[i]);
}

/* The bias to start from: the epilogue's constant vector, if it begins with one. */
Ref split_bias(Lowering *l, const char *name, const Fusion **epilogue, int64_t n)
{
    View bias;
    if (!*epilogue)
        return (Ref){0};
    Fusion *rest = NEW(l->arena, Fusion);
    *rest = **epilogue;
    if (!fusion_take_bias(rest, &bias))
        return (Ref){0};
    *epilogue = rest;
    return bias_vector(l, name, &bias, n);
}

/* Floats, unless the sums have to be exact. */
static View product_output(Lowering *l, const Value *value)
{
    return exact_wanted(value->type.dtype) ? view_output(l, value, NULL, false) : float_output(l, value, NULL, false);
}

static bool is_empty(Lowering *l, const Value *value, View out, int64_t k)
{
    if (view_count(&out) && k)
        return false;
    fill_phase(l, value->name, out, 0);
    float_output_set(l, value, out);
    return true;
}

View matrix_rows(Lowering *l, View a)
{
    View rows;
    a = view_float(l, a);
    if (linear_rows(&a, &rows))
        return rows;
    a = view_contiguous(l, a);
    linear_rows(&a, &rows);
    return rows;
}

/* value = a · b, b constant [K, N] or, transposed, [N, K]; a [..., K]. */
static bool constant_product(Lowering *l, const Node *node, View a, const View *b, bool transposed, const View *c,
                             Epilogue *behind)
{
    int64_t k = b->dims[transposed ? 1 : 0], n = b->dims[transposed ? 0 : 1];
    const Fusion *epilogue = epilogue_take(behind, epilogue_is_linear);
    const Value *result = epilogue ? epilogue->result : node->outputs.at[0];
    const char *name = node->outputs.at[0]->name;
    Product product = product_for(l, &a);
    a = matrix_rows(l, a);
    View out = float_output(l, result, NULL, true);
    if (is_empty(l, result, out, k))
        return true;
    Gemm gemm = {.a = a, .init = GEMM_INIT_ZERO, .tail = true};
    gemm.bias = c ? bias_vector(l, name, c, n) : split_bias(l, name, &epilogue, n);
    gemm.init = gemm.bias.buffer ? GEMM_INIT_BIAS : GEMM_INIT_ZERO;
    set_epilogue(&gemm, epilogue);
    WeightLayout layout = {.t = 1, .c = k, .n = n, .groups = 1, .c_stride = transposed ? 1 : n, .n_stride = transposed ? k : 1};
    const char *weights = node->inputs.at[1]->name;
    const ScheduleChoice *choice = gemm_choice(l, product, a.dims[0], k, n);
    int64_t nr = gemm_columns(l, product, choice, a.dims[0], n);
    Panels panels = panels_constant(l, weights, b->constant, layout, product, nr);
    panels.choice = choice;
    gemm.panels = &panels;
    gemm.count = panels.n_full;
    if (product_converts(product))
        gemm.a = operand_converted(l, name, a, &panels);
    linear_rows(&out, &gemm.c);
    phase_open(l, result->name, product_flops(a.dims[0], k, n));
    gemm_sections(l, &gemm);
    float_output_set(l, result, out);
    return true;
}

/* ── Batches of products, both operands computed ─────────────────────────────────────────────────────── */

enum { MOST_ITEMS = 64 }; /* of a batch, with code of their own */

/* Views with equal batch dimensions before the last two. */
typedef struct Batch {
    View a, b, c;
    int rank;
} Batch;

/* One product of the batch; a and c begin at its own, and group's panels are its. */
static void batch_item(Lowering *l, const Batch *batch, const Panels *panels, Gemm gemm, View a, View c, Pos group,
                       void emit(Lowering *l, const Gemm *gemm))
{
    Panels own = panels_group(*panels, group);
    for (int i = 0; i < batch->rank; i++) {
        a = view_drop(a, 0);
        c = view_drop(c, 0);
    }
    gemm.a = a;
    gemm.c = c;
    gemm.panels = &own;
    gemm.count = own.n_full;
    emit(l, &gemm);
}

static void batch_section(Lowering *l, const Batch *batch, const Panels *panels, Gemm gemm, const int64_t *index)
{
    View a = batch->a, c = batch->c, b = batch->b;
    Pos group = pos_at(0);
    for (int i = 0; i < batch->rank; i++) {
        group.at = b.strides[i] ? group.at * b.dims[i] + index[i] : group.at;
        a.ref = ref_shift(a.ref, index[i] * a.strides[i]);
        c.ref = ref_shift(c.ref, index[i] * c.strides[i]);
    }
    batch_item(l, batch, panels, gemm, a, c, group, gemm_sections);
}

/* The batch's dimensions as loops, the longest one as chunks. */
static void batch_loops(Lowering *l, const Batch *batch, const Panels *panels, Gemm gemm, int longest)
{
    View a = batch->a, c = batch->c;
    const Stmt *loops[MAX_RANK];
    Pos group = pos_at(0);
    int64_t groups = 1;
    assert(longest < batch->rank);
    loops[longest] = section_open(l, c.dims[longest]);
    for (int i = 0; i < batch->rank; i++)
        if (i != longest)
            loops[i] = loop_open(l, c.dims[i]);
    for (int i = batch->rank - 1; i >= 0; i--) {
        a.ref = ref_loop(a.ref, loops[i], a.strides[i]);
        c.ref = ref_loop(c.ref, loops[i], c.strides[i]);
        group = batch->b.strides[i] ? pos_loop(group, loops[i], groups) : group;
        groups *= batch->b.strides[i] ? batch->b.dims[i] : 1;
    }
    batch_item(l, batch, panels, gemm, a, c, group, gemm_emit);
    for (int i = 0; i < batch->rank; i++)
        loop_close(l);
}

/* Enough products for all threads that a chunk may be some of them whole, or too many for code of their own. */
static bool goes_by_loops(const Lowering *l, const Batch *batch, int *longest)
{
    int64_t items = 1;
    *longest = 0;
    for (int i = 0; i < batch->rank; i++) {
        *longest = batch->c.dims[i] > batch->c.dims[*longest] ? i : *longest;
        items *= batch->c.dims[i];
    }
    return batch->rank && ((batch->rank <= 4 && batch->c.dims[*longest] >= schedule_threads(l->cpu)) || items > MOST_ITEMS);
}

static bool next_index(int64_t *index, const int64_t *dims, int rank)
{
    for (int i = rank - 1; i >= 0; i--) {
        if (++index[i] < dims[i])
            return true;
        index[i] = 0;
    }
    return false;
}

/* b without its broadcast batch dimensions, as [groups, K, N]. */
static View groups_of(Lowering *l, const View *b, int rank)
{
    View groups = *b;
    for (int i = rank - 1; i >= 0; i--)
        if (!groups.strides[i])
            groups = view_drop(groups, i);
    int64_t dims[3] = {1, b->dims[rank], b->dims[rank + 1]};
    for (int i = 0; i < groups.rank - 2; i++)
        dims[0] *= groups.dims[i];
    if (!view_reshape(&groups, 3, dims)) {
        groups = view_contiguous(l, groups);
        view_reshape(&groups, 3, dims);
    }
    return groups;
}

static bool batched_product(Lowering *l, const Value *value, View a, View b, View out, const Fusion *epilogue)
{
    if (exact_wanted(out.dtype))
        return exact_product(l, value->name, a, b, out) || mixes_images(l, "a matrix product across the images of a free batch");
    Batch batch = {.c = out, .rank = out.rank - 2};
    int64_t m = out.dims[batch.rank], n = out.dims[batch.rank + 1], k = a.dims[a.rank - 1], dims[VIEW_RANK];
    for (int i = 0; i < batch.rank; i++)
        dims[i] = out.dims[i];
    batch.a = view_float(l, a);
    batch.b = view_float(l, b);
    dims[batch.rank] = m;
    dims[batch.rank + 1] = k;
    if (!view_broadcast(&batch.a, out.rank, dims))
        return mixes_images(l, "a matrix product across the images of a free batch");
    dims[batch.rank] = k;
    dims[batch.rank + 1] = n;
    if (!view_broadcast(&batch.b, out.rank, dims))
        return mixes_images(l, "a matrix product across the images of a free batch");
    for (int i = 0; i < batch.rank; i++) /* of size 1: not a group of its own */
        if (batch.b.dims[i] == 1)
            batch.b.strides[i] = 0;
    const char *name = arena_printf(l->arena, "%s.panels", value->name);
    Product product = product_of(l->cpu, DT_FLOAT);
    const ScheduleChoice *choice = gemm_choice(l, product, m, k, n);
    Panels panels = panels_runtime(l, name, groups_of(l, &batch.b, batch.rank), gemm_columns(l, product, choice, m, n));
    panels.choice = choice;
    phase_open(l, value->name, product_flops(view_count(&out) / n, k, n));
    Gemm gemm = {.init = GEMM_INIT_ZERO, .tail = true, .epilogue = epilogue};
    int64_t index[MAX_RANK] = {0};
    int longest;
    if (goes_by_loops(l, &batch, &longest)) {
        batch_loops(l, &batch, &panels, gemm, longest);
        return true;
    }
    do
        batch_section(l, &batch, &panels, gemm, index);
    while (next_index(index, out.dims, batch.rank));
    return true;
}

/* A vector times something is a matrix of one row; the row goes again from the result. */
static View as_matrix(View view, bool left)
{
    if (view.rank > 1)
        return view;
    return view_insert(view, left ? 0 : 1, 1, 0);
}

/* Numbers alone, as the scale of an attention: other operands would differ from product to product. */
static bool epilogue_is_alone(const Fusion *epilogue) { return epilogue->expr.n_operands == 1; }

static bool lower_matmul(Lowering *l, const Node *node, Epilogue *epilogue)
{
    View a = *view_of(l, node->inputs.at[0]), b = *view_of(l, node->inputs.at[1]);
    if (b.constant && b.rank == 2 && a.dims[a.rank - 1] && !exact_wanted(a.dtype))
        return constant_product(l, node, a, &b, false, NULL, epilogue);
    if (b.per_image && b.rank < 3)
        return mixes_images(l, "a matrix product that sums over the images of a free batch");
    int64_t k = a.dims[a.rank - 1];
    bool plain = exact_wanted(a.dtype) || !k;
    const Fusion *scaled = plain ? NULL : epilogue_take(epilogue, epilogue_is_alone);
    const Value *value = scaled ? scaled->result : node->outputs.at[0];
    View out = product_output(l, value), matrix = out;
    if (is_empty(l, value, out, k))
        return true;
    if (b.rank == 1)
        matrix = view_insert(matrix, matrix.rank, 1, 4);
    if (a.rank == 1)
        matrix = view_insert(matrix, matrix.rank - 1, 1, 4);
    if (!batched_product(l, value, as_matrix(a, true), as_matrix(b, false), matrix, scaled))
        return false;
    float_output_set(l, value, out);
    return true;
}

/* ── Gemm ────────────────────────────────────────────────────────────────────────────────────────────── */

static View transposed(View view) { return view_permute(view, (int[]){1, 0}); }

/* value = factor * value. */
static bool scale(Fusion *fusion, double factor, DType dtype, int *value)
{
    int number;
    return factor == 1 || (fusion_constant(fusion, factor, dtype, &number) &&
                           fusion_step(fusion, OP_Mul, dtype, *value, number, 0, 0, 0, value));
}

static bool convert(Fusion *fusion, DType from, DType to, int *value)
{
    return from == to || fusion_step(fusion, OP_Cast, to, *value, 0, 0, 0, 0, value);
}

/* out = alpha * product + beta * c, in place; scaled integers by way of doubles. */
static bool scale_and_add(Lowering *l, const Node *node, View out, double alpha, double beta, const View *c)
{
    Fusion fusion = {.expr.n_operands = 1};
    DType dtype = out.dtype != DT_FLOAT && (alpha != 1 || beta != 1) ? DT_DOUBLE : out.dtype;
    int value = 0, other;
    fusion.operands[0] = out;
    bool ok = convert(&fusion, out.dtype, dtype, &value) && scale(&fusion, alpha, dtype, &value);
    if (c) {
        View wide = out.dtype == DT_FLOAT ? view_float_step(l, *c) : *c;
        view_broadcast(&wide, 2, out.dims);
        ok = ok && fusion_operand(&fusion, node->inputs.at[2], wide, NULL, &other) &&
             (dtype == DT_FLOAT || convert(&fusion, wide.dtype, dtype, &other)) && scale(&fusion, beta, dtype, &other) &&
             fusion_step(&fusion, OP_Add, dtype, value, other, 0, 0, 0, &value);
    }
    ok = ok && convert(&fusion, dtype, out.dtype, &value);
    fusion_end(&fusion);
    map_phase(l, node_label(node), &fusion.expr, out, fusion.operands);
    return ok;
}

/* C is a constant row that a product can start from. */
static bool is_row_bias(const View *c, int64_t n)
{
    return c->constant && c->constant->count == n && c->dims[c->rank ? c->rank - 1 : 0] == n && c->rank > 0;
}

static bool lower_gemm(Lowering *l, const Node *node, Epilogue *epilogue)
{
    View a = *view_of(l, node->inputs.at[0]), b = *view_of(l, node->inputs.at[1]);
    const View *given = node_input(node, 2) ? view_of(l, node->inputs.at[2]) : NULL;
    View c = given ? *given : (View){0};
    bool transpose_a = node_attr_int(node, "transA"), transpose_b = node_attr_int(node, "transB");
    double alpha = node_attr_float(node, "alpha"), beta = node_attr_float(node, "beta");
    int64_t n = b.dims[transpose_b ? 0 : 1], k = b.dims[transpose_b ? 1 : 0];
    if (a.per_image && transpose_a)
        return mixes_images(l, "a matrix product that sums over the images of a free batch");
    if (b.per_image)
        return mixes_images(l, "a matrix product across the images of a free batch");
    if (transpose_a)
        a = transposed(a);
    if (given && beta == 0)
        given = NULL;
    bool plain = alpha == 1 && (!given || (beta == 1 && is_row_bias(&c, n)));
    if (plain && b.constant && k && !exact_wanted(a.dtype))
        return constant_product(l, node, a, &b, transpose_b, given ? &c : NULL, epilogue);
    const Value *value = node->outputs.at[0];
    View out = product_output(l, value);
    if (k && view_count(&out) && !batched_product(l, value, a, transpose_b ? transposed(b) : b, out, NULL))
        return false;
    if (!k)
        fill_phase(l, value->name, out, 0);
    if (view_count(&out) && (alpha != 1 || given) && !scale_and_add(l, node, out, alpha, beta, given ? &c : NULL))
        return false;
    float_output_set(l, value, out);
    return true;
}

bool product_lower(Lowering *l, const Node *node, Epilogue *epilogue)
{
    return (node->op->kind == OP_MatMul ? lower_matmul : lower_gemm)(l, node, epilogue);
}

bool lower_MatMul(Lowering *l, const Node *node) { return product_lower(l, node, NULL); }
bool lower_Gemm(Lowering *l, const Node *node) { return product_lower(l, node, NULL); }
