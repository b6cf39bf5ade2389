/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A ConvNeXt V2 block: global response normalisation needs the norm of every hidden channel over the whole picture
 * before the second product, so the block runs in three phases.
 *
 *   for each block of rows (parallel)                         H stays in the arena
 *     A = layernorm(dwconv(x));  H = act(A · W1 + b1);  part[block] = Σ H² over the block's pixels
 *   norm = sqrt(Σ part);  response = norm / mean(norm)        small: one chunk
 *   for each block of rows (parallel)
 *     S = H * response * w + H;  y = S · W2 + b2 + x          S in scratch: what W2's panels read again and again
 *
 * Sums are taken while a strip of H is in L1, each block's in a place of its own, and added up in the order of the
 * blocks: the bits do not depend on who computed which. */
#include "compiler/schedule/block.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

typedef struct Grn {
    Block *block;
    const Value *hidden, *norm; /* values: act's result, the norms */
    View h, parts;             /* arena: [N, H, W, hidden], [N, blocks, hidden] */
    Fusion scale;              /* what becomes of H on its way to W2 */
    View scaled;               /* scratch: [pixels, hidden] */
    int64_t rows;              /* of the picture, to a block of the last phase */
} Grn;

enum { FEWEST_REGIONS = 7, NORM = 3, MOST_PIXELS = 112 }; /* NORM: the region of the norms */

/* ── Recognition ─────────────────────────────────────────────────────────────────────────────────────── */

static bool has_dims(const Value *value, int64_t n, int64_t height, int64_t width, int64_t channels)
{
    int64_t dims[MAX_RANK];
    return value_dims(value, dims) == 4 && dims[0] == n && dims[1] == height && dims[2] == width && dims[3] == channels;
}

/* The norms of each image's channels: that is what dimensions N, 1, 1, hidden mean. */
static bool is_norm(const Grn *g)
{
    const Block *b = g->block;
    const Node *region = b->regions[NORM];
    return region_kind(region) == REGION_REDUCE && node_attr_graph(region, "body")->n_nodes == 1 &&
           region_anchor(region)->op->kind == OP_ReduceL2 && region->inputs.at[0] == g->hidden &&
           has_dims(g->norm, b->out.dims[0], 1, 1, b->hidden);
}

/* Between the norms and the last expression there is one number a channel, or less, and nothing uses H. */
static bool is_small(const Grn *g)
{
    const Block *b = g->block;
    for (int i = NORM + 1; i < b->n - 2; i++) {
        int64_t dims[MAX_RANK], count = 1;
        int rank = value_dims(b->regions[i]->outputs.at[0], dims);
        for (int j = 0; j < rank; j++)
            count *= dims[j];
        for (int64_t j = 0; j < b->regions[i]->inputs.len; j++)
            if (b->regions[i]->inputs.at[j] == g->hidden)
                return false;
        if (count > b->out.dims[0] * b->hidden)
            return false;
    }
    return true;
}

/* Whether an operand has one row for all pixels of an image. */
static bool is_for_image(const View *view)
{
    return (!view->strides[1] || view->dims[1] == 1) && (!view->strides[2] || view->dims[2] == 1);
}

static bool is_hidden(const Grn *g, int operand)
{
    return region_outside(g->block->regions[g->block->n - 2], g->scale.sources[operand]) == g->hidden;
}

static bool take_scale(Lowering *l, Grn *g)
{
    const Node *region = g->block->regions[g->block->n - 2];
    region_enter(l, region);
    if (region_kind(region) != REGION_MAP || !region_fuse(l, region, &g->scale))
        return false;
    for (int i = 0; i < g->scale.expr.n_operands; i++)
        if (!is_hidden(g, i) && !is_for_image(&g->scale.operands[i]))
            return false;
    return true;
}

/* ── Phases ──────────────────────────────────────────────────────────────────────────────────────────── */

/* H's rows and their sums of squares, which go to row `slot` of the parts. */
static void multiply_up(Lowering *l, const Grn *g, const Rows *r, Pos image, Pos slot)
{
    const Block *b = g->block;
    Gemm gemm = {.panels = &b->p1, .count = b->p1.n_full, .tail = true};
    linear_rows(&g->h, &gemm.c);
    gemm.c = view_slice(gemm.c, 0, r->pixel, r->pixels, 1);
    gemm.squares = ref_pos(ref_pos(g->parts.ref, image, g->parts.strides[0]), slot, g->parts.strides[1]);
    block_finish_up(l, b, r, &gemm);
    gemm_emit(l, &gemm);
}

static void emit_hidden(Lowering *l, const Grn *g, Pos image, const RowGroup *groups, int64_t n)
{
    int64_t slot = 0;
    for (int64_t i = 0; i < n; slot += groups[i++].count) {
        Stmt *loop = any_open(l, groups[i].count);
        Pos step = pos_loop(pos_at(0), loop, groups[i].rows);
        Rows r = block_rows_at(g->block, image, groups[i].y, groups[i].rows, step);
        block_normalised(l, g->block, image, &groups[i], step, &r);
        multiply_up(l, g, &r, image, pos_loop(pos_at(slot), loop, 1));
        loop_close(l);
    }
}

/* Calls emit for each image: unrolled where there are few, so that their blocks are chunks of their own. */
#define FOR_IMAGES(l, images, emit, ...)                                              \
    do {                                                                              \
        for (int64_t n_ = 0; (images) <= 4 && n_ < (images); n_++)                    \
            emit(l, g, pos_at(n_), __VA_ARGS__);                                      \
        if ((images) > 4) {                                                           \
            emit(l, g, pos_loop(pos_at(0), section_open(l, images), 1), __VA_ARGS__); \
            loop_close(l);                                                            \
        }                                                                             \
    } while (0)

static void hidden_phase(Lowering *l, Grn *g)
{
    Block *b = g->block;
    int64_t images = b->out.dims[0], height = b->out.dims[1], width = b->out.dims[2], slots = 0;
    RowGroup *groups;
    int64_t n = row_groups(l, &b->window, b->x.dims[1], height, b->rows, &groups);
    for (int64_t i = 0; i < n; i++)
        slots += groups[i].count;
    g->h = view_temp(l, SPACE_ARENA, DT_FLOAT, 4, (int64_t[]){images, height, width, b->hidden}, true);
    b->a = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 3, (int64_t[]){b->rows, width, b->out.dims[3]}, true);
    if (block_is_quantized(b))
        b->r1 = quantized_rows(l, SPACE_SCRATCH, b->rows * width, &b->q1);
    g->parts = view_temp(l, SPACE_ARENA, DT_FLOAT, 3, (int64_t[]){images, slots, b->hidden}, false);
    phase_open(l, g->hidden->name, block_flops(b, 1));
    block_shape(l, b);
    FOR_IMAGES(l, images, emit_hidden, groups, n);
}

static View image_view(View view, const Value *value)
{
    view.per_image = value->type.shape.dims[0].size < 0;
    return view;
}

/* norm = sqrt(Σ parts), and what is computed from it. */
static bool response_phase(Lowering *l, Grn *g)
{
    const Block *b = g->block;
    int64_t images = b->out.dims[0], dims[] = {images, 1, 1, b->hidden};
    View norm = view_temp(l, SPACE_ARENA, DT_FLOAT, 4, dims, false);
    Kernel kernel = {.kind = KERNEL_REDUCE};
    kernel.reduce.op = REDUCE_SUM;
    kernel.reduce.n = g->parts.dims[1];
    kernel.reduce.step = g->parts.strides[1];
    kernel.reduce.n1 = 1;
    kernel.reduce.width = b->hidden;
    kernel.expr = (Expr){.n_operands = 1, .n_steps = 1, .steps[0] = {.op = OP_Sqrt, .dtype = DT_FLOAT}};
    phases_join(l, g->norm->name);
    Stmt *image = loop_open(l, images);
    emit_call(l, &kernel, (Ref[]){ref_loop(g->parts.ref, image, g->parts.strides[0]), ref_loop(norm.ref, image, norm.strides[0])},
              2);
    loop_close(l);
    view_set(l, g->norm, image_view(norm, g->norm));
    view_set(l, g->hidden, image_view(g->h, g->hidden));
    bool ok = true;
    for (int i = NORM + 1; ok && i < b->n - 2; i++)
        ok = region_lower(l, b->regions[i]);
    phases_joined(l);
    return ok;
}

/* One image's rows of an operand, as [pixels, hidden]. */
static View operand_rows(View operand, bool is_hidden, Pos image, const Rows *r)
{
    View rows = operand;
    if (is_hidden) {
        linear_rows(&operand, &rows);
        return view_slice(rows, 0, r->pixel, r->pixels, 1);
    }
    rows = view_drop(view_drop(view_slice(rows, 0, image, 1, 1), 0), 0);
    rows.dims[0] = r->pixels;
    rows.strides[0] = 0;
    return rows;
}

static void emit_scaled(Lowering *l, const Grn *g, Pos image, const Rows *r, View scaled)
{
    View operands[MAX_OPERANDS];
    for (int i = 0; i < g->scale.expr.n_operands; i++)
        operands[i] = operand_rows(g->scale.operands[i], is_hidden(g, i), image, r);
    map_emit(l, &g->scale.expr, scaled, operands);
}

static Ref rows_behind(const Grn *g, const Rows *r)
{
    View h;
    linear_rows(&g->h, &h);
    return ref_shift(ref_pos(h.ref, r->pixel, h.strides[0]), r->pixels * h.strides[0]);
}

/* A range of S after the other, if they have scales of their own. */
static void multiply_down(Lowering *l, const Grn *g, Rows *r)
{
    const Block *b = g->block;
    View scaled = r->h;
    for (int64_t i = 0; i < b->n_ranges; i++) {
        Panels panels = block_panels(b, pos_at(i));
        Gemm gemm = {.panels = &panels, .count = panels.n_full, .tail = true};
        if (b->w2->count * dtype_size(b->product.b) <=
            l->cpu->l2_bytes / 4) /* W2 stays in L2: fetch the next block's rows of H */
            gemm.ahead = rows_behind(g, r);
        r->h = view_slice(scaled, 1, pos_at(i * b->range), b->range, 1);
        block_finish_down(l, b, r, pos_at(i), i == 0, i == b->n_ranges - 1, &gemm);
        gemm_emit(l, &gemm);
    }
}

static void emit_output(Lowering *l, const Grn *g, Pos image, const Tiling *blocks)
{
    for (int i = 0; i < 2; i++) {
        int64_t rows = blocks->parts[i].size, count = blocks->parts[i].count;
        if (!count)
            continue;
        Pos step = pos_loop(pos_at(0), any_open(l, count), rows);
        Rows r = block_rows_at(g->block, image, blocks->parts[i].start, rows, step);
        r.h = view_slice(g->scaled, 0, pos_at(0), r.pixels, 1);
        emit_scaled(l, g, image, &r, r.h);
        multiply_down(l, g, &r);
        loop_close(l);
    }
}

static void output_phase(Lowering *l, Grn *g)
{
    Block *b = g->block;
    int64_t images = b->out.dims[0], width = b->out.dims[2];
    Tiling blocks = tile_blocks(b->out.dims[1], g->rows);
    g->scaled = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 2, (int64_t[]){g->rows * width, b->hidden}, true);
    if (block_is_quantized(b))
        b->r2 = quantized_rows(l, SPACE_SCRATCH, g->rows * width, &b->q2);
    phase_open(l, b->name, 2 * view_count(&b->out) * b->hidden);
    FOR_IMAGES(l, images, emit_output, &blocks);
}

/* Rows to a block of the last phase: S and what it is made from fill at most half of L2. */
static int64_t output_rows(const CpuProfile *cpu, const Block *b)
{
    int64_t width = b->out.dims[2], pixels = cpu->l2_bytes / 2 / (b->hidden * 4);
    int64_t most = (pixels < MOST_PIXELS ? pixels : MOST_PIXELS) / width;
    return most < 1 ? 0 : fair_rows(b->out.dims[1], most, cpu->cores);
}

bool block_grn(Lowering *l, Block *b)
{
    bool apart = product_converts(b->product) && !block_is_quantized(b); /* bf16: its products are phases of their own */
    if (b->n < FEWEST_REGIONS || apart || (block_is_quantized(b) && !block_fits_bytes(b)))
        return false;
    Grn *g = NEW(l->arena, Grn);
    *g = (Grn){.block = b, .hidden = b->regions[BLOCK_UP]->outputs.at[0], .norm = b->regions[NORM]->outputs.at[0]};
    b->range = block_is_quantized(b) ? b->q2.range : b->hidden;
    b->n_ranges = b->hidden / b->range;
    b->choice = block_choice(l, b);
    g->rows = output_rows(l->cpu, b);
    if (!is_norm(g) || !is_small(g) || !g->rows || !block_rows_of(l->cpu, b, b->out.dims[3]))
        return false;
    b->out = view_output(l, b->result, NULL, true);
    block_pack(l, b);
    hidden_phase(l, g);
    if (!response_phase(l, g))
        return false;
    if (!take_scale(l, g)) /* a form of its own: H is there, the rest follows as usual */
        return region_lower(l, b->regions[b->n - 2]) && region_lower(l, b->regions[b->n - 1]);
    output_phase(l, g);
    view_set(l, b->result, b->out);
    return true;
}
