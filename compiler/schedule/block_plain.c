/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
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
 * Of 8-bit integers, a range of H is floats until all of it is there, and then bytes with a scale for each pixel.
 *
 * W2 is packed range by range, so that weights are read front to back, unless several sizes of pictures share it; each panel's
 * first tile prefetches the next panel, from W1 into W2 and on to the next range. */
#include "compiler/schedule/block.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/operand.h"

/* What both products read is converted where it is made. Rows that end within a group are left to separate phases. */
static bool convert_operands(Lowering *l, Block *b)
{
    int64_t channels = b->x.dims[3], group = b->product.k_pack;
    Fusion *norm = NEW(l->arena, Fusion), *up = NEW(l->arena, Fusion);
    if (block_is_quantized(b))
        return block_fits_bytes(b);
    if (!product_converts(b->product))
        return true;
    if (channels % group || b->hidden % group || !operand_fuse(&b->norm, b->product, norm) ||
        !operand_fuse(block_coarse(l, b->up_rest), b->product, up))
        return false;
    b->norm = *norm;
    b->up_rest = up;
    return true;
}

/* Ranges of equal, whole panels, or as the profile has it; else one range with all columns. Where ranges have scales of their
 * own, the graph has said them. */
static void choose_range(Block *b, int64_t nr)
{
    if (block_is_quantized(b)) {
        b->range = b->q2.range;
        b->n_ranges = b->q2.n_ranges;
        return;
    }
    int64_t chosen = b->choice ? b->choice->hidden_chunk : 0;
    bool fits = chosen && b->hidden % chosen == 0 && chosen % nr == 0;
    b->n_ranges = fits ? b->hidden / chosen : region_hidden_ranges(b->hidden, nr);
    b->range = b->hidden / b->n_ranges;
}

/* ── The phase ──────────────────────────────────────────────────────────────────────────────────────────── */

static Ref first_panel(const Panels *panels) { return panels->n_full ? panels->full : panels->tail; }

/* H = act(A · W1[range] + b1). Columns are counted from the first range's on, H from its own first. */
static void multiply_up(Lowering *l, const Block *b, const Rows *r, Pos range, Ref next)
{
    Gemm gemm = {.c = r->h, .panels = &b->p1, .next = next};
    int64_t panels = b->n_ranges > 1 ? b->range / b->p1.nr : b->p1.n_full;
    gemm.c.ref = ref_pos(gemm.c.ref, range, -b->range * gemm.c.strides[1]);
    gemm.strip = b->strip;
    gemm.first = range.at * panels;
    for (int i = 0; i < range.n_terms; i++)
        gemm.panel = pos_loop(gemm.panel, range.terms[i].loop, range.terms[i].step * panels);
    gemm.count = panels;
    gemm.tail = b->n_ranges == 1;
    block_finish_up(l, b, r, &gemm);
    gemm_emit(l, &gemm);
}

/* y = b2 or y, + H · W2[range]; after the last range the rest of the expression. */
static void multiply_down(Lowering *l, const Block *b, const Rows *r, Pos range, bool first, bool last, Ref next)
{
    Panels panels = block_panels(b, range);
    Gemm gemm = {.panels = &panels, .count = panels.n_full, .tail = true, .next = next};
    block_finish_down(l, b, r, range, first, last, &gemm);
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
    Panels down = block_panels(b, range);
    multiply_up(l, b, r, range, first_panel(&down));
    Pos following = range;
    following.at++;
    bool more = !is_last && b->p1.n_full;
    multiply_down(l, b, r, range, is_first, is_last,
                  more ? ref_pos(up, following, b->range / b->p1.nr * b->p1.panel_bytes) : none);
    loop_close(l);
}

static void emit_rows(Lowering *l, const Block *b, Pos image, const RowGroup *group, Pos step)
{
    Rows r = block_rows_at(b, image, group->y, group->rows, step);
    if (product_converts(b->product) && !block_is_quantized(b)) {
        operand_end_rows(l, b->normal, &b->p1);
        operand_end_rows(l, b->h, &b->p2);
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

/* Scratch. H has floats also where W2 reads bytes: their scale is known when a range of it is there. */
static void place_rows(Lowering *l, Block *b)
{
    int64_t pixels = b->rows * b->out.dims[2], h_dims[] = {pixels, b->range};
    b->a = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 3, (int64_t[]){b->rows, b->out.dims[2], b->out.dims[3]}, true);
    if (product_converts(b->product) && !block_is_quantized(b)) {
        b->h = operand_place(l, SPACE_SCRATCH, pixels, b->range, &b->p2);
        b->normal = operand_place(l, SPACE_SCRATCH, pixels, b->out.dims[3], &b->p1);
    } else {
        b->h = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 2, h_dims, true);
    }
    if (block_is_quantized(b)) {
        b->r1 = quantized_rows(l, SPACE_SCRATCH, pixels, &b->q1);
        b->r2 = quantized_rows(l, SPACE_SCRATCH, pixels, &b->q2);
    }
    if (product_converts(b->product))
        b->strip = view_temp(l, SPACE_SCRATCH, b->product.sum, 2, (int64_t[]){pixels, b->p1.nr}, false);
}

static void emit_block(Lowering *l, Block *b)
{
    int64_t images = b->out.dims[0];
    place_rows(l, b);
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

bool block_plain(Lowering *l, Block *b)
{
    if (!convert_operands(l, b))
        return false;
    b->choice = block_choice(l, b);
    choose_range(b, b->choice && b->choice->tile_columns ? b->choice->tile_columns : 2 * cpu_lanes(l->cpu));
    if (!block_rows_of(l->cpu, b, b->out.dims[3] + b->range))
        return false;
    b->out = view_output(l, b->result, NULL, true);
    block_pack(l, b);
    if (b->n_ranges > 1 && b->range % b->p1.nr)
        return false;
    emit_block(l, b);
    view_set(l, b->result, b->out);
    return true;
}
