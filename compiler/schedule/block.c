/* A whole ConvNeXt block as one phase: depthwise convolution, LayerNorm, W1, activation, W2, residual.
 *
 * A chunk is a block of picture rows. What lies between the input and the output stays in the thread's scratch, in L2:
 * the normalised pixels A, and of the hidden tensor (four times as wide) a range of columns H at a time. The second
 * product adds up in the output itself.
 *
 *   for each block of rows (parallel)
 *     A = layernorm(dwconv(x))
 *     for each range of hidden columns:  H = act(A · W1[range] + b1);  y += H · W2[range]
 *     y += x
 *
 * W2 is packed range by range, so that weights are read front to back; each panel's first tile prefetches the next
 * panel, from W1 into W2 and on to the next range (PERFORMANCE, "Dataflow of a block"). */
#include "compiler/schedule/block.h"

#include "compiler/schedule/bf16.h"
#include "compiler/schedule/conv.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/matmul.h"
#include "compiler/schedule/norm.h"

#include "ir/params.h"

#include <string.h>

enum { MAX_PIXELS = 224, MIN_PIXELS = 48, HIDDEN = 384 }; /* of a block of rows; columns of a range (measured) */

/* ── Recognition ─────────────────────────────────────────────────────────────────────────────────────── */

enum { DEPTHWISE, NORM, UP, PLAIN = 4, FEWEST_GRN = 7 }; /* segments; how many of them there are */

static bool works_on(const Segment *segment, const Segment *before)
{
    return segment->anchor && segment->anchor->inputs.at[0] == before->last->outputs.at[0];
}

static bool is_anchored(const Segment *segment, OpKind kind) { return segment->anchor && segment->anchor->op->kind == kind; }

/* The products at the ends of the hidden tensor, and what leads to the first. */
static bool has_form(const Segment *segments, int n)
{
    return (n == PLAIN || n >= FEWEST_GRN) && is_anchored(&segments[DEPTHWISE], OP_ConvNHWC) &&
           is_anchored(&segments[NORM], OP_LayerNormalization) && works_on(&segments[NORM], &segments[DEPTHWISE]) &&
           is_anchored(&segments[UP], OP_MatMul) && works_on(&segments[UP], &segments[NORM]) &&
           is_anchored(&segments[n - 1], OP_MatMul) && works_on(&segments[n - 1], &segments[n - 2]);
}

/* Every operand is one row for all pixels: it need not move with the block of rows. */
static bool is_per_column(const Fusion *fusion)
{
    for (int i = 1; i < fusion->expr.n_operands; i++)
        for (int j = 0; j + 1 < fusion->operands[i].rank; j++)
            if (fusion->operands[i].strides[j] && fusion->operands[i].dims[j] > 1)
                return false;
    return true;
}

static bool take_depthwise(Lowering *l, Block *b, const Segment *segment)
{
    Fusion *fusion = NEW(l->arena, Fusion);
    return segment_fuse(l, segment, fusion) && depthwise_of(l, segment->anchor, fusion, &b->window, &b->depthwise) &&
           (!b->depthwise.epilogue || !b->depthwise.epilogue->expr.n_steps);
}

static bool take_norm(Lowering *l, Block *b, const Segment *segment)
{
    Fusion *fusion = NEW(l->arena, Fusion);
    const Node *node = segment->anchor;
    b->epsilon = node_attr_float(node, "epsilon");
    return node_axis(node) == 3 && segment_fuse(l, segment, fusion) && layernorm_fusion(l, node, fusion, &b->norm) &&
           is_per_column(&b->norm);
}

static bool take_product(Lowering *l, const Segment *segment, Fusion *fusion, const Tensor **w)
{
    *w = view_of(l, segment->anchor->inputs.at[1])->constant;
    return *w && (*w)->rank == 2 && segment_fuse(l, segment, fusion) && epilogue_is_linear(fusion);
}

static bool all_float(const Segment *segments, int n)
{
    for (int i = 0; i < n; i++)
        if (segments[i].first->outputs.at[0]->type.dtype != DT_FLOAT || segments[i].last->outputs.at[0]->type.dtype != DT_FLOAT)
            return false;
    return true;
}

/* Both products in bf16: what they read is rounded where it is made. Rows of odd length are left to separate phases. */
static bool in_bf16(Lowering *l, Block *b)
{
    int64_t channels = b->x.dims[3];
    Fusion *norm = NEW(l->arena, Fusion), *up = NEW(l->arena, Fusion);
    b->bf16 = bf16_wanted(l, &b->x);
    if (!b->bf16)
        return true;
    if (channels % 2 || b->hidden % 2 || !bf16_fuse(&b->norm, norm) || !bf16_fuse(b->up_rest, up))
        return false;
    b->norm = *norm;
    b->up_rest = up;
    return true;
}

/* ── Sizes ───────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }

/* Ranges of equal, whole panels near HIDDEN columns, or as the profile has it; else one range with all columns. */
static void choose_range(Block *b, int64_t nr)
{
    int64_t chosen = b->choice ? b->choice->hidden_chunk : 0;
    b->range = b->hidden;
    b->n_ranges = 1;
    if (chosen && b->hidden % chosen == 0 && chosen % nr == 0) {
        b->range = chosen;
        b->n_ranges = b->hidden / chosen;
        return;
    }
    for (int64_t n = (b->hidden + HIDDEN - 1) / HIDDEN; n <= 2 * (b->hidden / HIDDEN) && n > 0; n++)
        if (b->hidden % (n * nr) == 0) {
            b->range = b->hidden / n;
            b->n_ranges = n;
            return;
        }
}

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

void block_pack(Lowering *l, Block *b, const Segment *up_segment, const Segment *down_segment)
{
    int64_t channels = b->out.dims[3], pixels = b->rows * b->out.dims[2];
    const char *name1 = up_segment->anchor->inputs.at[1]->name, *name2 = down_segment->anchor->inputs.at[1]->name;
    b->bias1 = split_bias(l, name1, &b->up_rest, b->hidden);
    b->bias2 = split_bias(l, name2, &b->down_rest, channels);
    WeightLayout up = {.t = 1, .c = b->w1->dims[0], .n = b->hidden, .c_stride = b->hidden, .n_stride = 1, .groups = 1};
    Panels (*panels)(Lowering *, const char *, const Tensor *, WeightLayout, int64_t) = b->bf16 ? bf16_panels : panels_constant;
    b->p1 = panels(l, name1, b->w1, up, gemm_columns(l->cpu, b->choice, pixels, b->range));
    WeightLayout down = {.t = 1, .c = b->range, .n = channels, .c_stride = channels, .n_stride = 1};
    down.groups = b->n_ranges;
    down.group_stride = b->range * channels;
    b->p2 = panels(l, name2, b->w2, down, gemm_columns(l->cpu, b->choice, pixels, channels));
    b->p1.choice = b->p2.choice = b->choice;
}

/* ── The phase ───────────────────────────────────────────────────────────────────────────────────────── */

static void normalise(Lowering *l, const Block *b, Rows *r)
{
    View normal = b->bf16 ? view_slice(b->normal, 0, pos_at(0), r->pixels, 1) : r->a;
    View operands[MAX_OPERANDS];
    for (int i = 1; i < b->norm.expr.n_operands; i++)
        linear_rows(&b->norm.operands[i], &operands[i]);
    layernorm_rows(l, r->a, normal, b->epsilon, &b->norm, operands);
    r->a = b->bf16 ? bf16_pairs(normal) : normal;
}

int block_init(const Ref *bias) { return bias->buffer ? GEMM_INIT_BIAS : GEMM_INIT_ZERO; }

static Ref first_panel(const Panels *panels) { return panels->n_full ? panels->full : panels->tail; }

/* H = act(A · W1[range] + b1). Columns are counted from the first range's on, H from its own first. */
static void multiply_up(Lowering *l, const Block *b, const Rows *r, Pos range, Ref next)
{
    Gemm gemm = {.a = r->a, .c = r->h, .panels = &b->p1, .bias = b->bias1, .init = block_init(&b->bias1), .next = next};
    int64_t panels = b->n_ranges > 1 ? b->range / b->p1.nr : b->p1.n_full;
    gemm.c.ref = ref_pos(gemm.c.ref, range, -b->range * gemm.c.strides[1]);
    gemm.strip = b->strip;
    gemm.first = range.at * panels;
    for (int i = 0; i < range.n_terms; i++)
        gemm.panel = pos_loop(gemm.panel, range.terms[i].loop, range.terms[i].step * panels);
    gemm.count = panels;
    gemm.tail = b->n_ranges == 1;
    gemm.epilogue = b->up_rest;
    for (int i = 1; i < b->up_rest->expr.n_operands; i++) {
        linear_rows(&b->up_rest->operands[i], &gemm.operands[i]);
        gemm.operands[i].dims[0] = r->pixels;
    }
    gemm_emit(l, &gemm);
}

/* y = b2 or y, + H · W2[range]; after the last range the rest of the expression. */
static void multiply_down(Lowering *l, const Block *b, const Rows *r, Pos range, bool first, bool last, Ref next)
{
    Panels panels = panels_group(b->p2, range);
    Gemm gemm = {.panels = &panels, .count = panels.n_full, .tail = true, .bias = b->bias2, .next = next};
    gemm.a = b->bf16 ? bf16_pairs(r->h) : r->h;
    gemm.init = first ? block_init(&b->bias2) : GEMM_INIT_C;
    linear_rows(&b->out, &gemm.c);
    gemm.c = view_slice(gemm.c, 0, r->pixel, r->pixels, 1);
    if (last) {
        gemm.epilogue = b->down_rest;
        for (int i = 1; i < b->down_rest->expr.n_operands; i++) {
            linear_rows(&b->down_rest->operands[i], &gemm.operands[i]);
            gemm.operands[i] = view_slice(gemm.operands[i], 0, r->pixel, r->pixels, 1);
        }
    }
    gemm_emit(l, &gemm);
}

/* A run of ranges that begin and end alike: the first, those between, the last. */
static void emit_ranges(Lowering *l, const Block *b, const Rows *r, int64_t first, int64_t count)
{
    if (count < 1)
        return;
    Pos range = pos_loop(pos_at(first), loop_open(l, count), 1);
    bool is_first = first == 0, is_last = first + count == b->n_ranges;
    Ref up = first_panel(&b->p1), none = {0};
    Panels down = panels_group(b->p2, range);
    multiply_up(l, b, r, range, first_panel(&down));
    Pos following = range;
    following.at++;
    bool more = !is_last && b->p1.n_full;
    multiply_down(l, b, r, range, is_first, is_last,
                  more ? ref_pos(up, following, b->range / b->p1.nr * b->p1.panel_bytes) : none);
    loop_close(l);
}

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

static void emit_rows(Lowering *l, const Block *b, Pos image, const RowGroup *group, Pos step)
{
    Rows r = block_rows_at(b, image, group->y, group->rows, step);
    if (b->bf16) {
        bf16_end_rows(l, b->normal, &b->p1);
        bf16_end_rows(l, b->h, &b->p2);
    }
    block_normalised(l, b, image, group, step, &r);
    r.h = view_slice(b->h, 0, pos_at(0), r.pixels, 1);
    bool several = b->n_ranges > 1;
    emit_ranges(l, b, &r, 0, 1);
    emit_ranges(l, b, &r, 1, b->n_ranges - 2);
    emit_ranges(l, b, &r, b->n_ranges - 1, several);
}

static void emit_image(Lowering *l, const Block *b, Pos image)
{
    RowGroup *groups;
    int64_t n = row_groups(l, &b->window, b->x.dims[1], b->out.dims[1], b->rows, &groups);
    for (int64_t i = 0; i < n; i++) {
        Pos step = pos_loop(pos_at(0), any_open(l, groups[i].count), groups[i].rows);
        emit_rows(l, b, image, &groups[i], step);
        loop_close(l);
    }
}

int64_t block_flops(const Block *b, int64_t products)
{
    int64_t taps = b->window.kernel[0] * b->window.kernel[1];
    return view_count(&b->out) * (2 * taps + 2 * products * b->hidden);
}

static ScheduleOp block_op(const Block *b) { return b->bf16 ? SCHEDULE_BLOCK_BF16 : SCHEDULE_BLOCK; }

static const int64_t *block_dims(const Block *b, int64_t dims[SCHEDULE_DIMS])
{
    memcpy(dims, b->out.dims, 4 * sizeof *dims);
    dims[4] = b->hidden;
    return dims;
}

const ScheduleChoice *block_choice(const Lowering *l, const Block *b)
{
    int64_t dims[SCHEDULE_DIMS];
    return cpu_choice(l->cpu, block_op(b), block_dims(b, dims));
}

void block_shape(Lowering *l, const Block *b)
{
    int64_t dims[SCHEDULE_DIMS];
    phase_shape(l, block_op(b), block_dims(b, dims));
}

static void emit_block(Lowering *l, Block *b)
{
    int64_t images = b->out.dims[0], width = b->out.dims[2];
    int64_t h_dims[] = {b->rows * width, b->range}, a_dims[] = {b->rows, width, b->out.dims[3]};
    b->a = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 3, a_dims, true);
    if (!b->bf16)
        b->h = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 2, h_dims, true);
    if (b->bf16) {
        b->h = bf16_scratch(l, h_dims[0], h_dims[1], &b->p2);
        b->normal = bf16_scratch(l, h_dims[0], a_dims[2], &b->p1);
        b->strip = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 2, (int64_t[]){h_dims[0], b->p1.nr}, false);
    }
    phase_open(l, b->name, block_flops(b, 2));
    block_shape(l, b);
    if (images <= 4) {
        for (int64_t n = 0; n < images; n++)
            emit_image(l, b, pos_at(n));
        return;
    }
    emit_image(l, b, pos_loop(pos_at(0), section_open(l, images), 1));
    loop_close(l);
}

static bool lower_plain_block(Lowering *l, Block *b, const Segment *segments, const Value *result)
{
    if (!in_bf16(l, b))
        return false;
    b->choice = block_choice(l, b);
    choose_range(b, b->choice && b->choice->tile_columns ? b->choice->tile_columns : 2 * cpu_lanes(l->cpu));
    if (!block_rows_of(l->cpu, b, b->out.dims[3] + b->range))
        return false;
    b->out = view_output(l, result, NULL, true);
    block_pack(l, b, &segments[UP], &segments[PLAIN - 1]);
    if (b->n_ranges > 1 && b->range % b->p1.nr)
        return false;
    emit_block(l, b);
    view_set(l, result, b->out);
    return true;
}

bool lower_block(Lowering *l, const Segment *segments, int n)
{
    if (!has_form(segments, n) || !all_float(segments, n))
        return false;
    Block *b = NEW(l->arena, Block);
    const Segment *down = &segments[n - 1];
    b->x = view_of_input(l, segments[0].anchor, 0);
    if (b->x.strides[3] != 4 || !take_depthwise(l, b, &segments[DEPTHWISE]) || !take_norm(l, b, &segments[NORM]) ||
        !take_product(l, &segments[UP], &b->up, &b->w1) || !take_product(l, down, &b->down, &b->w2) || !is_per_column(&b->up))
        return false;
    const Value *result = down->last->outputs.at[0];
    b->out.rank = value_dims(result, b->out.dims);
    b->name = result->name;
    b->hidden = b->w1->dims[1];
    b->up_rest = &b->up;
    b->down_rest = &b->down;
    if (!b->hidden || !view_count(&b->out))
        return false;
    if (n == PLAIN)
        return lower_plain_block(l, b, segments, result);
    return !bf16_wanted(l, &b->x) && lower_grn_block(l, b, segments, n); /* bf16: its products are phases of their own */
}
