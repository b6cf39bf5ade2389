/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What both forms of a ConvNeXt block need: what its regions compute, how many rows of the picture go into a block of them,
 * packed weights, and a block of normalised pixels.
 *
 *   regions: dwconv, layernorm, gemm, …, gemm   →   A = layernorm(dwconv(x)), of some rows of x at a time */
#include "compiler/schedule/block.h"

#include "compiler/schedule/conv.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/matmul.h"
#include "compiler/schedule/norm.h"
#include "compiler/schedule/operand.h"
#include "compiler/schedule/schedule.h"

#include "ir/params.h"

#include <string.h>

enum { MAX_PIXELS = 224, MIN_PIXELS = 48 }; /* of a block of rows (measured) */

/* ── The regions ────────────────────────────────────────────────────────────────────────────────────────── */

/* Every operand is one row for all pixels: it need not move with the block of rows. */
static bool is_per_column(const Fusion *fusion)
{
    for (int i = 1; i < fusion->expr.n_operands; i++)
        for (int j = 0; j + 1 < fusion->operands[i].rank; j++)
            if (fusion->operands[i].strides[j] && fusion->operands[i].dims[j] > 1)
                return false;
    return true;
}

static bool take_depthwise(Lowering *l, Block *b)
{
    const Node *region = b->regions[BLOCK_DEPTHWISE];
    Fusion *fusion = NEW(l->arena, Fusion);
    return region_fuse(l, region, fusion) && depthwise_of(l, region_anchor(region), fusion, &b->window, &b->depthwise) &&
           (!b->depthwise.epilogue || !b->depthwise.epilogue->expr.n_steps);
}

static bool take_norm(Lowering *l, Block *b)
{
    Fusion *fusion = NEW(l->arena, Fusion);
    const Node *region = b->regions[BLOCK_NORM], *node = region_anchor(region);
    b->normal_node = node;
    return node_axis(node) == 3 && region_fuse(l, region, fusion) && norm_fusion(l, node, fusion, &b->norm) &&
           is_per_column(&b->norm);
}

static bool take_product(Lowering *l, const Node *region, Fusion *fusion, const Tensor **w, QuantizedWeights *q)
{
    const Node *node = region_anchor(region);
    bool quantized = quantized_weights(l, node, q);
    *w = quantized || node->op->kind == OP_MatMul ? view_of_input(l, node, 1).constant : NULL;
    return *w && (*w)->rank == 2 && region_fuse(l, region, fusion) && epilogue_is_linear(fusion);
}

/* Both products are of 8-bit integers, W1's rows in one range and around zero, and their expressions have room. */
static bool take_quantized(const Block *b)
{
    if (!b->q1.b && !b->q2.b)
        return true;
    return b->q1.b && b->q2.b && b->q1.n_ranges == 1 && quantized_fits(&b->up) && quantized_fits(&b->down);
}

/* As if the region's body were being lowered. */
static Product product_in(Lowering *l, const Node *region, const View *a)
{
    Scope scope = {.region = region, .outer = l->scope};
    l->scope = &scope;
    Product product = product_for(l, a);
    l->scope = scope.outer;
    return product;
}

Block *block_of(Lowering *l, const Node *region)
{
    Block *b = NEW(l->arena, Block);
    FOR_NODES (node, node_attr_graph(region, "body")) {
        region_enter(l, node);
        b->regions[b->n++] = node;
    }
    const Node *up = b->regions[BLOCK_UP], *down = b->regions[b->n - 1];
    b->x = view_of_input(l, b->regions[BLOCK_DEPTHWISE], 0);
    b->product = product_in(l, up, &b->x);
    if (region_precision(up) != region_precision(down) || b->x.strides[3] != 4 || !take_depthwise(l, b) || !take_norm(l, b) ||
        !take_product(l, up, &b->up, &b->w1, &b->q1) || !take_product(l, down, &b->down, &b->w2, &b->q2) ||
        !is_per_column(&b->up) || !take_quantized(b))
        return NULL;
    if (block_is_quantized(b))
        b->product = product_of(l->cpu, DT_INT8);
    b->result = down->outputs.at[0];
    b->out.rank = value_dims(b->result, b->out.dims);
    b->name = b->result->name;
    b->hidden = b->w1->dims[1];
    b->up_rest = &b->up;
    b->down_rest = &b->down;
    return b->hidden && view_count(&b->out) ? b : NULL;
}

/* LayerNorm's results, or these times a vector of factors, such as calibration makes. */
static bool is_scaled_norm(const Fusion *norm)
{
    const Expr *expr = &norm->expr;
    return !expr->n_steps || (expr->n_steps == 1 && expr->steps[0].op == OP_Mul && expr->n_operands == 2 &&
                              norm->operands[1].dtype == DT_FLOAT && norm->operands[1].strides[3] == 4);
}

bool block_fits_bytes(const Block *b)
{
    int64_t group = b->product.k_pack;
    return b->x.dims[3] % group == 0 && b->q2.range % group == 0 && is_scaled_norm(&b->norm);
}

/* ── Sizes ──────────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }

/* Rows that the threads finish soonest, at most what L2 holds beside the weights. False: so few pixels that each would load
 * all weights for little; then columns are better shared out than rows. */
bool block_rows_of(const CpuProfile *cpu, Block *b, int64_t elements)
{
    int64_t images = b->out.dims[0], height = b->out.dims[1], width = b->out.dims[2];
    int64_t threads = schedule_threads(cpu);
    int64_t pixels = at_most(MAX_PIXELS, cpu->l2_bytes * 3 / 5 / (elements * 4));
    if (b->choice && b->choice->row_block) {
        b->rows = at_most(height, b->choice->row_block);
        return true;
    }
    b->rows = fair_rows(height, at_least(pixels / width, 1), (threads + images - 1) / images);
    return b->rows * width >= MIN_PIXELS && b->rows * width * elements * 4 <= cpu->l2_bytes;
}

/* A range's panels begin at the start of a group, and of a tile. */
static bool ranges_are_whole(const Block *b)
{
    int64_t unit = b->product.unit ? b->product.unit : 1;
    return b->range % (unit * b->product.k_pack) == 0;
}

/* Range by range; or, where programs for other sizes read it, too, as any product would have it. */
static Panels pack_down(Lowering *l, Block *b, const char *name, int64_t nr)
{
    int64_t channels = b->out.dims[3];
    WeightLayout down = {.t = 1, .c = b->range, .n = channels, .c_stride = channels, .n_stride = 1};
    b->whole = l->shared && ranges_are_whole(b);
    down.groups = b->n_ranges;
    down.group_stride = b->range * channels;
    if (!b->whole)
        return panels_constant(l, name, b->w2, down, b->product, nr);
    down.c = b->hidden;
    down.groups = 1;
    Panels all = panels_constant(l, name, b->w2, down, b->product, nr);
    return panels_slice(all, pos_at(0), 0, all.k / b->n_ranges);
}

Panels block_panels(const Block *b, Pos range)
{
    return b->whole ? panels_slice(b->p2, range, b->p2.k, b->p2.k) : panels_group(b->p2, range);
}

void block_pack(Lowering *l, Block *b)
{
    int64_t channels = b->out.dims[3], pixels = b->rows * b->out.dims[2];
    const char *name1 = region_anchor(b->regions[BLOCK_UP])->inputs.at[1]->name;
    const char *name2 = region_anchor(b->regions[b->n - 1])->inputs.at[1]->name;
    b->bias1 = split_bias(l, name1, &b->up_rest, b->hidden);
    b->bias2 = split_bias(l, name2, &b->down_rest, channels);
    if (block_is_quantized(b)) {
        quantized_pack(l, name1, &b->q1, gemm_columns(l, b->product, b->choice, pixels, b->range), b->choice);
        quantized_pack(l, name2, &b->q2, gemm_columns(l, b->product, b->choice, pixels, channels), b->choice);
        b->p1 = b->q1.panels;
        b->p2 = b->q2.panels;
        return;
    }
    WeightLayout up = {.t = 1, .c = b->w1->dims[0], .n = b->hidden, .c_stride = b->hidden, .n_stride = 1, .groups = 1};
    Product product = b->product;
    b->p1 = panels_constant(l, name1, b->w1, up, product, gemm_columns(l, product, b->choice, pixels, b->range));
    b->p2 = pack_down(l, b, name2, gemm_columns(l, product, b->choice, pixels, channels));
    b->p1.choice = b->p2.choice = b->choice;
}

/* ── A block of rows ────────────────────────────────────────────────────────────────────────────────────── */

static void normalise_to(Lowering *l, const Block *b, View rows, View normal)
{
    View operands[MAX_OPERANDS];
    for (int i = 1; i < b->norm.expr.n_operands; i++)
        linear_rows(&b->norm.operands[i], &operands[i]);
    norm_rows(l, b->normal_node, rows, normal, &b->norm, operands);
}

/* SimpleNorm has no kernel that does both. */
static void normalise_quantized(Lowering *l, const Block *b, Rows *r)
{
    r->q = quantized_part(b->r1, pos_at(0), r->pixels);
    if (b->normal_node->op->kind == OP_SimpleNormalization) {
        normalise_to(l, b, r->a, r->a);
        quantize_rows(l, r->a, &r->q);
    } else {
        norm_quantize_rows(l, b->normal_node, r->a, &r->q, b->norm.expr.n_steps ? b->norm.operands[1].ref : (Ref){0});
    }
    operand_end_rows(l, r->q.bytes, &b->p1);
}

static void normalise(Lowering *l, const Block *b, Rows *r)
{
    if (block_is_quantized(b)) {
        normalise_quantized(l, b, r);
        return;
    }
    View normal = product_converts(b->product) ? view_slice(b->normal, 0, pos_at(0), r->pixels, 1) : r->a;
    normalise_to(l, b, r->a, normal);
    r->a = operand_groups(normal, b->product);
}

static int block_init(const Ref *bias) { return bias->buffer ? GEMM_INIT_BIAS : GEMM_INIT_ZERO; }

Rows block_rows_at(const Block *b, Pos image, int64_t y, int64_t rows, Pos step)
{
    int64_t height = b->out.dims[1], width = b->out.dims[2];
    Rows r = {.pixels = rows * width, .pixel.at = (image.at * height + y) * width};
    for (int i = 0; i < image.n_terms; i++)
        r.pixel = pos_loop(r.pixel, image.terms[i].loop, image.terms[i].step * height * width);
    for (int i = 0; i < step.n_terms; i++)
        r.pixel = pos_loop(r.pixel, step.terms[i].loop, step.terms[i].step * width);
    return r;
}

void block_normalised(Lowering *l, const Block *b, Pos image, const RowGroup *group, Pos step, Rows *r)
{
    Depthwise d = b->depthwise;
    d.x = view_drop(view_slice(b->x, 0, image, 1, 1), 0);
    d.out = view_slice(b->a, 0, pos_at(0), group->rows, 1);
    depthwise_rows(l, &d, group->y, group->rows, step, 0, pos_at(0));
    linear_rows(&d.out, &r->a);
    normalise(l, b, r);
}

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────────── */

/* A row for all of them. */
static View row_view(Ref ref) { return (View){.ref = ref, .dtype = DT_FLOAT, .rank = 2, .strides = {0, 4}}; }

const Fusion *block_coarse(Lowering *l, const Fusion *fusion)
{
    Fusion *coarse = NEW(l->arena, Fusion);
    *coarse = *fusion;
    for (int i = 0; i < coarse->expr.n_steps; i++)
        if (coarse->expr.steps[i].op == OP_Gelu)
            coarse->expr.steps[i].imm[1] = 1;
    return coarse;
}

void block_finish_up(Lowering *l, const Block *b, const Rows *r, Gemm *gemm)
{
    View bias = row_view(b->bias1);
    if (block_is_quantized(b)) {
        quantized_product(gemm, &b->q1, &r->q, pos_at(0), b->bias1.buffer ? &bias : NULL,
                          b->n == BLOCK_PLAIN ? block_coarse(l, b->up_rest) : b->up_rest, NEW(l->arena, Fusion));
    } else {
        gemm->a = r->a;
        gemm->bias = b->bias1;
        gemm->init = block_init(&b->bias1);
        gemm->epilogue = b->up_rest;
        for (int i = 1; i < b->up_rest->expr.n_operands; i++)
            linear_rows(&b->up_rest->operands[i], &gemm->operands[i]);
    }
    for (int i = 1; i < gemm->epilogue->expr.n_operands; i++)
        gemm->operands[i].dims[0] = r->pixels;
}

/* Sets all but C; the first operand that has a row for each pixel of the picture. */
static int finish_down(const Block *b, const Rows *r, bool first, const Fusion *rest, Gemm *gemm)
{
    gemm->a = operand_groups(r->h, b->product);
    gemm->bias = b->bias2;
    gemm->init = first ? block_init(&b->bias2) : GEMM_INIT_C;
    gemm->epilogue = rest;
    for (int i = 1; rest && i < rest->expr.n_operands; i++)
        linear_rows(&rest->operands[i], &gemm->operands[i]);
    return 1;
}

static int finish_down_quantized(Lowering *l, const Block *b, const Rows *r, Pos range, bool first, const Fusion *rest,
                                 Gemm *gemm)
{
    QuantizedRows rows = quantized_part(b->r2, pos_at(0), r->pixels);
    View bias = row_view(b->bias2), *add = !first ? &gemm->c : b->bias2.buffer ? &bias : NULL;
    quantize_rows(l, r->h, &rows);
    operand_end_rows(l, rows.bytes, &b->p2);
    return quantized_product(gemm, &b->q2, &rows, range, add, rest, NEW(l->arena, Fusion));
}

void block_finish_down(Lowering *l, const Block *b, const Rows *r, Pos range, bool first, bool last, Gemm *gemm)
{
    const Fusion *rest = last ? b->down_rest : NULL;
    linear_rows(&b->out, &gemm->c);
    gemm->c = view_slice(gemm->c, 0, r->pixel, r->pixels, 1);
    int own =
        block_is_quantized(b) ? finish_down_quantized(l, b, r, range, first, rest, gemm) : finish_down(b, r, first, rest, gemm);
    for (int i = own; gemm->epilogue && i < gemm->epilogue->expr.n_operands; i++)
        gemm->operands[i] = view_slice(gemm->operands[i], 0, r->pixel, r->pixels, 1);
}

/* ── The phase ──────────────────────────────────────────────────────────────────────────────────────────── */

int64_t block_flops(const Block *b, int64_t products)
{
    return depthwise_flops(&b->window, b->x.dims, b->out.dims) + view_count(&b->out) * 2 * products * b->hidden;
}

static ScheduleShape schedule_shape(const Block *b)
{
    ScheduleShape shape = {.op = SCHEDULE_BLOCK, .precision = b->product.b};
    memcpy(shape.dims, b->out.dims, 4 * sizeof *shape.dims);
    shape.dims[4] = b->hidden;
    return shape;
}

const ScheduleChoice *block_choice(const Lowering *l, const Block *b)
{
    ScheduleShape shape = schedule_shape(b);
    return cpu_choice(l->cpu, &shape);
}

void block_shape(Lowering *l, const Block *b)
{
    ScheduleShape shape = schedule_shape(b);
    phase_shape(l, &shape);
}
