/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Depthwise convolution, channels last: rows of output pixels, a vector of channels at a time.
 *
 * Nothing is padded. Kernel rows that fall outside the picture are left out of the call; columns that do are left
 * out by the kernel, which is why a row is cut into a left, some middle and a right tile: the middle ones share
 * one kernel without any test. Output rows that clip alike share a loop.
 *
 *   7x7 over 56x56:  rows 0, 1, 2 | 3 … 52 | 53, 54, 55, each cut into 14 | 14 14 | 14 columns */
#include "compiler/schedule/dwconv.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/schedule.h"
#include "compiler/target/registers.h"

enum { MAX_TILE = 14 }; /* accumulators: enough to hide the FMA's latency, few enough beside 7 weights */

typedef struct Clip {
    int64_t first, count;
} Clip; /* kernel rows, or columns, inside the picture */

static Clip clip_at(const Window *w, int axis, int64_t at, int64_t size)
{
    int64_t begin = at * w->stride[axis] - w->begin[axis];
    Clip clip = {0, 0};
    for (int64_t k = 0; k < w->kernel[axis]; k++) {
        int64_t place = begin + k * w->dilation[axis];
        if (place < 0)
            clip.first = k + 1;
        else if (place < size)
            clip.count++;
    }
    return clip;
}

static Clip clip_row(const Window *w, int64_t y, int64_t height) { return clip_at(w, 0, y, height); }

static int64_t taps_inside(const Window *w, int axis, int64_t size, int64_t out_size)
{
    int64_t taps = 0;
    for (int64_t i = 0; i < out_size; i++)
        taps += clip_at(w, axis, i, size).count;
    return taps;
}

int64_t depthwise_flops(const Window *window, const int64_t *in, const int64_t *out)
{
    return 2 * out[0] * out[3] * taps_inside(window, 0, in[1], out[1]) * taps_inside(window, 1, in[2], out[2]);
}

static bool same_clip(Clip a, Clip b) { return a.first == b.first && a.count == b.count; }

int64_t row_groups(Lowering *l, const Window *window, int64_t height, int64_t out_height, int64_t block, RowGroup **groups)
{
    RowGroup *list = NEW_ARRAY(l->arena, RowGroup, out_height);
    int64_t n = 0;
    for (int64_t y = 0; y < out_height; y += block) {
        int64_t rows = out_height - y < block ? out_height - y : block;
        bool alike = n > 0 && list[n - 1].rows == rows;
        for (int64_t i = 0; i < rows && alike; i++)
            alike = same_clip(clip_row(window, list[n - 1].y + i, height), clip_row(window, y + i, height));
        if (alike)
            list[n - 1].count++;
        else
            list[n++] = (RowGroup){y, rows, 1};
    }
    *groups = list;
    return n;
}

Ref depthwise_weights(Lowering *l, const char *name, const Tensor *weights, const Window *window)
{
    int64_t lanes = cpu_lanes(l->cpu), taps = window->kernel[0] * window->kernel[1], channels = weights->dims[0];
    Pack *pack = NEW(l->arena, Pack);
    pack->source = weights;
    pack->dtype = DT_FLOAT;
    pack->n_axes = 2;
    pack->axes[0].size = channels;
    pack->axes[0].stride = taps;
    pack->axes[1].size = taps;
    pack->axes[1].stride = 1;
    pack->n_loops = 3;
    pack->loops[0].axis = 0;
    pack->loops[0].step = lanes;
    pack->loops[0].extent = (channels + lanes - 1) / lanes;
    pack->loops[1].axis = 1;
    pack->loops[1].step = 1;
    pack->loops[1].extent = taps;
    pack->loops[2].axis = 0;
    pack->loops[2].step = 1;
    pack->loops[2].extent = lanes;
    return ref_to(buffer_packed(l, arena_printf(l->arena, "%s.taps", name), pack));
}

/* ── Calls ───────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Columns {
    int64_t x, width, base, x0, in_width;
} Columns; /* a tile of output columns */

/* One row, or a loop of rows, for one vector of channels. */
typedef struct Place {
    Clip clip;
    int64_t y, to;          /* output row: in the picture, in d->out */
    Pos step, to_step;      /* and the loops that move it */
    Pos channel;
    int64_t channels;
} Place;

static Columns columns_at(const Depthwise *d, int64_t x, int64_t width)
{
    const Window *w = d->window;
    int64_t left = x * w->stride[1] - w->begin[1], span = (width - 1) * w->stride[1] + (w->kernel[1] - 1) * w->dilation[1] + 1;
    Columns c = {.x = x, .width = width, .base = left > 0 ? left : 0};
    if (c.base > d->x.dims[1] - 1)
        c.base = d->x.dims[1] - 1;
    c.x0 = left - c.base;
    c.in_width = c.x0 + span < d->x.dims[1] - c.base ? c.x0 + span : d->x.dims[1] - c.base;
    if (c.in_width < 1)
        c.in_width = 1;
    return c;
}

static void emit_tile(Lowering *l, const Depthwise *d, const Place *p, Columns c, const Stmt *loop)
{
    const Window *w = d->window;
    int64_t lanes = cpu_lanes(l->cpu);
    Kernel kernel = {.kind = KERNEL_DWCONV};
    kernel.dwconv.width = c.width;
    kernel.dwconv.channels = p->channels;
    kernel.dwconv.kh = p->clip.count;
    kernel.dwconv.kw = w->kernel[1];
    kernel.dwconv.stride_w = w->stride[1];
    kernel.dwconv.dilation_w = w->dilation[1];
    kernel.dwconv.x0 = c.x0;
    kernel.dwconv.in_width = c.in_width;
    kernel.dwconv.in_row = d->x.strides[0] * w->dilation[0];
    kernel.dwconv.in_col = d->x.strides[1];
    kernel.dwconv.out_col = d->out.strides[1];
    int64_t top = p->y * w->stride[0] - w->begin[0] + p->clip.first * w->dilation[0];
    Ref in = ref_shift(d->x.ref, top * d->x.strides[0]);
    in = ref_pos(in, p->step, d->x.strides[0] * w->stride[0]);
    in = ref_pos(in, pos_loop(pos_at(c.base), loop, c.width * w->stride[1]), d->x.strides[1]);
    Pos row = pos_add(pos_at(p->to), p->to_step), column = pos_loop(pos_at(c.x), loop, c.width);
    Ref args[MAX_ARGS] = {
        [DWCONV_IN] = ref_pos(in, p->channel, 4),
        [DWCONV_W] =
            ref_pos(ref_shift(d->weights, p->clip.first * w->kernel[1] * lanes * 4), p->channel, w->kernel[0] * w->kernel[1] * 4),
        [DWCONV_OUT] = ref_pos(ref_pos(ref_pos(d->out.ref, row, d->out.strides[0]), column, d->out.strides[1]), p->channel, 4),
        [DWCONV_BIAS] = ref_pos(d->bias, p->channel, 4),
    };
    int n = N_DWCONV_ARGS;
    Pos picture_row = pos_add(pos_at(p->y), p->step);
    if (d->epilogue && d->epilogue->expr.n_steps) {
        kernel.expr = d->epilogue->expr;
        for (int i = 1; i < kernel.expr.n_operands; i++) {
            const View *o = &d->operands[i];
            kernel.operands[i] = (Operand){o->dtype, o->strides[1], o->strides[2]};
            args[n++] =
                ref_pos(ref_pos(ref_pos(o->ref, picture_row, o->strides[0]), column, o->strides[1]), p->channel, o->strides[2]);
        }
    }
    emit_call(l, &kernel, args, n);
}

/* All columns of a row; neighbouring tiles with the same clipping share a loop. */
static void emit_row(Lowering *l, const Depthwise *d, const Place *p)
{
    int64_t taps = d->window->kernel[1], most = registers_depthwise_columns(l->cpu, taps);
    most = limits_most(l->limits, KERNEL_DWCONV, (Product){0}, taps, most < MAX_TILE ? most : MAX_TILE);
    Tiling tiles = tile_even(d->out.dims[1], most);
    for (int i = 0; i < 2; i++) {
        int64_t size = tiles.parts[i].size, count = tiles.parts[i].count;
        for (int64_t t = 0, run; t < count; t += run) {
            Columns first = columns_at(d, tiles.parts[i].start + t * size, size);
            for (run = 1; t + run < count; run++) {
                Columns next = columns_at(d, tiles.parts[i].start + (t + run) * size, size);
                if (next.x0 != first.x0 || next.in_width != first.in_width ||
                    next.base != first.base + run * size * d->window->stride[1])
                    break;
            }
            emit_tile(l, d, p, first, loop_open(l, run));
            loop_close(l);
        }
    }
}

/* No tap inside the picture: just the bias. A kernel with no rows would be one more kind; one row of zero weights
 * is the same. That happens only with padding as large as the kernel, so the general path takes such windows. */
static void emit_rows(Lowering *l, const Depthwise *d, Place p, int64_t rows)
{
    int64_t y = p.y, to = p.to;
    for (int64_t i = 0, run; i < rows; i += run) {
        p.clip = clip_row(d->window, y + i, d->x.dims[0]);
        for (run = 1; i + run < rows && same_clip(p.clip, clip_row(d->window, y + i + run, d->x.dims[0]));)
            run++;
        Stmt *loop = loop_open(l, run);
        Place row = p;
        row.y = y + i;
        row.to = to + i;
        row.step = pos_loop(p.step, loop, 1);
        row.to_step = pos_loop(p.to_step, loop, 1);
        emit_row(l, d, &row);
        loop_close(l);
    }
}

void depthwise_rows(Lowering *l, const Depthwise *d, int64_t y, int64_t rows, Pos step, int64_t to, Pos to_step)
{
    int64_t lanes = cpu_lanes(l->cpu), channels = d->x.dims[2];
    Place place = {.y = y, .to = to, .step = step, .to_step = to_step, .channels = lanes};
    if (channels >= lanes) {
        place.channel = pos_loop(pos_at(0), loop_open(l, channels / lanes), lanes);
        emit_rows(l, d, place, rows);
        loop_close(l);
    }
    if (channels % lanes) {
        place.channel = pos_at(channels / lanes * lanes);
        place.channels = channels % lanes;
        emit_rows(l, d, place, rows);
    }
}
