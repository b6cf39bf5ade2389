/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Matrix products: tiles, panels, and the order in which caches see them.
 *
 * The right operand lies in panels of nr columns, read once for each block of rows from end to end; the left
 * operand's block of rows stays in L1 and L2 meanwhile. Rows are cut into tiles as equal as can be, so that 49
 * rows make 13 + 12 + 12 + 12 and no thin last tile. While the first tiles of a panel are computed, each fetches a part of the
 * next panel into L2: in a hand-written ConvNeXt-T on one Zen 5 core that took 51.7 ms down to 42.8.
 *
 *   C[49,3072] = A[49,768] · B:  parallel i0 in 8: for i1 in 12 panels: call 13x32; for i2 in 3: call 12x32
 *
 * A heavy epilogue (Gelu) runs over the finished strip of a panel while it is in L1, not inside the tile, where it
 * would compete with the accumulators for registers. */
#include "compiler/schedule/gemm.h"

#include "compiler/schedule/cost.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/schedule.h"
#include "compiler/schedule/tiles.h"
#include "compiler/target/registers.h"

#include <string.h>

enum { MAX_TILE_ROWS = 14 }; /* beyond it loads, not arithmetic, bound the tile (measured) */

static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

static Product float_product(const Lowering *l) { return product_of(l->cpu, DT_FLOAT); }

/* Registers for so many columns: half a vector takes a whole one. */
static int64_t vectors_of(const CpuProfile *cpu, int64_t n) { return (n + cpu_lanes(cpu) - 1) / cpu_lanes(cpu); }

/* Rows of a tile of floats: columns and blocks are chosen by it for all products. */
static int64_t gemm_rows(const Lowering *l, int64_t nr)
{
    Product product = float_product(l);
    int64_t rows = registers_tile_rows(l->cpu, product, vectors_of(l->cpu, nr));
    return limits_most(l->limits, KERNEL_GEMM, product, nr, at_most(rows, MAX_TILE_ROWS));
}

static ScheduleShape gemm_shape(Product product, int64_t m, int64_t k, int64_t n)
{
    return (ScheduleShape){SCHEDULE_GEMM, product.b, {m, k, n}};
}

const ScheduleChoice *gemm_choice(const Lowering *l, Product product, int64_t m, int64_t k, int64_t n)
{
    ScheduleShape shape = gemm_shape(product, m, k, n);
    return cpu_choice(l->cpu, &shape);
}

/* Cycles of a step in K over m rows of a panel. */
static double panel_cycles(const Lowering *l, int64_t m, int64_t nr)
{
    return panel_step_cycles(l->cpu, float_product(l), m, gemm_rows(l, nr), nr);
}

/* The same over all panels, the narrower last one included. */
static double step_cycles(const Lowering *l, int64_t m, int64_t n, int64_t nr)
{
    int64_t rest = cpu_columns(l->cpu, n % nr);
    double full = (double)(n / nr) * panel_cycles(l, m, nr);
    return rest ? full + panel_cycles(l, m, rest) : full;
}

/* Panels of several vectors, and no narrower one. */
static bool is_even(const CpuProfile *cpu, int64_t n, int64_t nv) { return nv > 1 && vectors_of(cpu, n) % nv == 0; }

int64_t gemm_columns(const Lowering *l, Product product, const ScheduleChoice *choice, int64_t m, int64_t n)
{
    if (product.unit)
        return 2 * product.unit;
    if (choice && choice->tile_columns)
        return choice->tile_columns;
    /* Of the cheapest the first that leaves no narrower panel, or else the first. */
    const CpuProfile *cpu = l->cpu;
    const int64_t *widths = registers_panel_widths(cpu);
    int64_t best = widths[0], lanes = cpu_lanes(cpu);
    double least = step_cycles(l, m, n, best * lanes);
    for (int i = 1; i < N_PANEL_WIDTHS; i++) {
        double cycles = step_cycles(l, m, n, widths[i] * lanes);
        if (cycles < least || (cycles <= least && is_even(cpu, n, widths[i]) && !is_even(cpu, n, best))) {
            best = widths[i];
            least = cycles;
        }
    }
    return best * lanes;
}

/* ── Operands ────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

static Panels panels_sized(Lowering *l, Product product, int64_t k, int64_t n, int64_t nr)
{
    Panels panels = {.product = product, .k = k, .n = n, .nr = nr, .n_full = n / nr, .tail_n = n % nr};
    panels.panel_bytes = k * nr * product_group_bytes(product);
    panels.tail_nr = product.unit ? round_up(panels.tail_n, product.unit) : cpu_columns(l->cpu, panels.tail_n);
    return panels;
}

static void pack_loop(Pack *pack, int axis, int64_t step, int64_t extent)
{
    pack->loops[pack->n_loops].axis = axis;
    pack->loops[pack->n_loops].step = step;
    pack->loops[pack->n_loops++].extent = extent;
}

static void pack_axis(Pack *pack, int64_t size, int64_t stride)
{
    pack->axes[pack->n_axes].size = size;
    pack->axes[pack->n_axes++].stride = stride;
}

bool layout_fits(const WeightLayout *w, Product product) { return w->t == 1 || w->c == 1 || w->c % product.k_pack == 0; }

/* K in the panels: so many taps of so many groups. */
typedef struct Depth {
    int64_t taps, groups;
} Depth;

/* For a matrix unit a multiple of its tile: more groups of the only tap, or more taps. */
static Depth depth_of(const WeightLayout *w, Product product)
{
    Depth depth = {w->t, product_groups(product, w->c)};
    if (product.unit && depth.taps == 1)
        depth.groups = round_up(depth.groups, product.unit);
    while (product.unit && depth.taps * depth.groups % product.unit)
        depth.taps++;
    return depth;
}

/* `n_panels` panels of nr columns, from column `first` on. */
static Ref pack_weights(Lowering *l, const char *name, const Tensor *weights, const WeightLayout *w, Product product,
                        int64_t first, int64_t n_panels, int64_t nr)
{
    Pack *pack = NEW(l->arena, Pack);
    Depth depth = depth_of(w, product);
    pack->source = weights;
    pack->dtype = product.b;
    pack->base = w->base + first * w->n_stride;
    pack_axis(pack, w->groups, w->group_stride);
    pack_axis(pack, w->n - first, w->n_stride);
    pack_axis(pack, w->t, w->t_stride);
    pack_axis(pack, w->c, w->c_stride);
    pack_loop(pack, 0, 1, w->groups);
    pack_loop(pack, 1, nr, n_panels);
    pack_loop(pack, 2, 1, depth.taps);
    pack_loop(pack, 3, product.k_pack, depth.groups);
    pack_loop(pack, 1, 1, nr);
    if (product.k_pack > 1)
        pack_loop(pack, 3, 1, product.k_pack);
    return ref_to(buffer_packed(l, name, pack));
}

Panels panels_constant(Lowering *l, const char *name, const Tensor *weights, WeightLayout layout, Product product, int64_t nr)
{
    if (product.k_pack > 1 && layout.c == 1) { /* pointwise on channels that lie apart: groups go over t */
        layout.c = layout.t;
        layout.c_stride = layout.t_stride;
        layout.t = 1;
    }
    Depth depth = depth_of(&layout, product);
    Panels panels = panels_sized(l, product, depth.taps * depth.groups, layout.n, nr);
    name = arena_printf(l->arena, "%s.panels", name);
    panels.constant = true;
    if (panels.n_full)
        panels.full = pack_weights(l, name, weights, &layout, product, 0, panels.n_full, nr);
    if (panels.tail_n)
        panels.tail = pack_weights(l, name, weights, &layout, product, panels.n_full * nr, 1, panels.tail_nr);
    return panels;
}

Panels panels_group(Panels panels, Pos group)
{
    panels.full = ref_pos(panels.full, group, panels.n_full * panels.panel_bytes);
    panels.tail = ref_pos(panels.tail, group, panels.k * panels.tail_nr * product_group_bytes(panels.product));
    return panels;
}

Panels panels_slice(Panels panels, Pos start, int64_t step, int64_t k)
{
    int64_t bytes = step * product_group_bytes(panels.product);
    panels.k = k;
    panels.full = ref_pos(panels.full, start, bytes * panels.nr);
    panels.tail = ref_pos(panels.tail, start, bytes * panels.tail_nr);
    return panels;
}

/* b [g, K…, n] → [g, n/nr, K…, nr], the columns from the last full panel on apart. */
static Ref pack_full(Lowering *l, const char *name, View b, const Panels *panels)
{
    int n = b.rank - 1;
    int64_t stride = b.strides[n];
    b = view_slice(b, n, pos_at(0), panels->nr, 1);
    b = view_insert(b, 1, panels->n_full, stride * panels->nr);
    View packed = view_temp(l, SPACE_ARENA, DT_FLOAT, b.rank, b.dims, false);
    copy_phase(l, name, packed, b);
    return packed.ref;
}

static Ref pack_tail(Lowering *l, const char *name, View b, const Panels *panels)
{
    int n = b.rank - 1;
    b = view_slice(b, n, pos_at(panels->n_full * panels->nr), panels->tail_n, 1);
    View wide = b;
    wide.dims[n] = panels->tail_nr;
    View packed = view_temp(l, SPACE_ARENA, DT_FLOAT, wide.rank, wide.dims, false);
    if (panels->tail_nr > panels->tail_n)
        fill_phase(l, name, packed, 0);
    copy_phase(l, name, view_slice(packed, n, pos_at(0), panels->tail_n, 1), b);
    return packed.ref;
}

Panels panels_runtime(Lowering *l, const char *name, View b, int64_t nr)
{
    int64_t k = 1;
    for (int i = 1; i + 1 < b.rank; i++)
        k *= b.dims[i];
    Panels panels = panels_sized(l, float_product(l), k, b.dims[b.rank - 1], nr);
    if (panels.n_full)
        panels.full = pack_full(l, name, b, &panels);
    if (panels.tail_n)
        panels.tail = pack_tail(l, name, b, &panels);
    return panels;
}

/* Any panel may read nr elements, so up to 64 more than there are. */
int64_t columns_padded(int64_t n) { return round_up(n, 64); }

Ref bias_vector(Lowering *l, const char *name, const View *bias, int64_t n)
{
    return bias_padded(l, name, bias, n, columns_padded(n));
}

Ref bias_padded(Lowering *l, const char *name, const View *bias, int64_t n, int64_t padded)
{
    name = arena_printf(l->arena, "%s.bias", name);
    if (!bias || bias->constant) {
        Pack *pack = NEW(l->arena, Pack);
        pack->source = bias ? bias->constant : NULL;
        pack->dtype = DT_FLOAT;
        pack_axis(pack, bias ? n : padded, 1);
        pack_loop(pack, 0, 1, padded);
        return ref_to(buffer_packed(l, name, pack));
    }
    View copy = view_temp(l, SPACE_ARENA, DT_FLOAT, 1, &padded, false), flat = *bias;
    fill_phase(l, name, copy, 0);
    copy_phase(l, name, view_slice(copy, 0, pos_at(0), n, 1), flat);
    return copy.ref;
}

bool linear_rows(const View *view, View *rows)
{
    int last = view->rank - 1;
    int64_t stride, m = 1;
    if (last < 0 || !view_merge(view, 0, last, &stride))
        return false;
    for (int i = 0; i < last; i++)
        m *= view->dims[i];
    *rows = *view;
    rows->rank = 2;
    rows->dims[0] = m;
    rows->strides[0] = stride;
    rows->dims[1] = view->dims[last];
    rows->strides[1] = view->strides[last];
    rows->constant = NULL;
    return true;
}

/* ── One product ─────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Strip { /* a panel's columns, over all rows */
    Ref b, c, sums, bias, next, squares, operands[MAX_OPERANDS]; /* sums: c or the strip of the product */
    int64_t n, nr;
    bool fused; /* the epilogue is part of the tiles */
} Strip;

static Ref column(const View *view, Pos panel, int64_t nr) { return ref_pos(view->ref, panel, nr * view->strides[1]); }

static bool has_strip(const Gemm *g) { return g->strip.ref.buffer && !g->panels->product.unit; }

/* Where the tiles leave their sums. */
static const View *sums_of(const Gemm *g) { return has_strip(g) ? &g->strip : &g->c; }

static int64_t tile_rows(const Lowering *l, const Panels *p, int64_t nr)
{
    int64_t rows = p->choice && p->choice->tile_rows ? p->choice->tile_rows : gemm_rows(l, nr);
    rows = at_most(rows, registers_tile_rows(l->cpu, p->product, vectors_of(l->cpu, nr)));
    return limits_most(l->limits, KERNEL_GEMM, p->product, nr, rows);
}

static int n_operands(const Gemm *g) { return g->epilogue ? g->epilogue->expr.n_operands : 0; }

static Strip strip_at(const Gemm *g, Ref b, Pos panel, int64_t nr, int64_t step, int64_t n)
{
    Strip strip = {.b = b, .n = n, .nr = nr, .c = column(&g->c, panel, step)};
    strip.sums = has_strip(g) ? g->strip.ref : strip.c;
    if (g->bias.buffer)
        strip.bias = ref_pos(g->bias, panel, step * product_sum_bytes(g->panels->product));
    strip.squares = ref_pos(g->squares, panel, step * dtype_size(DT_FLOAT));
    for (int i = 1; i < n_operands(g); i++)
        strip.operands[i] = column(&g->operands[i], panel, step);
    strip.fused = g->epilogue && g->epilogue->expr.n_steps && !has_strip(g) &&
                  (g->panels->product.unit || !expr_wants_strip(&g->epilogue->expr));
    return strip;
}

static Ref row_at(Ref ref, Pos row, Pos line, int64_t m, int64_t stride)
{
    return ref_pos(ref_pos(ref, row, stride), line, m * stride);
}

typedef struct Fetch { /* part `part` of `parts` of what is read next; parts 0: nothing */
    int64_t part, parts;
} Fetch;

/* Where part `part` begins. */
static Ref fetch_from(const Gemm *g, const Strip *s, Fetch fetch)
{
    const Panels *p = g->panels;
    return fetch.parts ? ref_shift(s->next, fetch.part * (p->k * s->nr * product_group_bytes(p->product) / fetch.parts))
                       : (Ref){0};
}

/* Tiles of `rows` rows of a line, from row `start` on, one for each iteration of loop. */
static void emit_tile(Lowering *l, const Gemm *g, const Strip *s, Pos line, int64_t rows, int64_t start, const Stmt *loop,
                      Fetch fetch)
{
    Kernel kernel = {.kind = KERNEL_GEMM};
    kernel.gemm.m = rows;
    kernel.gemm.n = s->n;
    kernel.gemm.nr = s->nr;
    kernel.gemm.k = g->panels->k;
    kernel.gemm.a_row = rows > 1 ? g->a.strides[0] : 0;
    kernel.gemm.a_k = g->a.strides[1];
    kernel.gemm.c_row = rows > 1 ? sums_of(g)->strides[0] : 0;
    kernel.gemm.init = g->init;
    kernel.gemm.prefetch = fetch.parts;
    kernel.gemm.product = g->panels->product;
    Pos row = pos_loop(pos_at(start), loop, rows);
    int64_t m = g->a.dims[0];
    Ref args[MAX_ARGS] = {[GEMM_A] = ref_pos(ref_pos(g->a.ref, row, g->a.strides[0]), line, g->line),
                          [GEMM_B] = s->b,
                          [GEMM_C] = row_at(s->sums, row, line, m, sums_of(g)->strides[0]),
                          [GEMM_BIAS] = g->init == GEMM_INIT_BIAS ? s->bias : (Ref){0},
                          [GEMM_PREFETCH] = fetch_from(g, s, fetch)};
    int n = N_GEMM_ARGS; /* of TILES, too, but for the sums behind them */
    if (g->panels->product.unit)
        args[n++] = tiles_take(l, g, &kernel);
    if (s->fused) {
        kernel.expr = g->epilogue->expr;
        for (int i = 1; i < n_operands(g); i++) {
            kernel.operands[i] = (Operand){g->operands[i].dtype, g->operands[i].strides[0], g->operands[i].strides[1]};
            args[n++] = row_at(s->operands[i], row, line, m, g->operands[i].strides[0]);
        }
    }
    emit_call(l, &kernel, args, n);
}

static View strip_view(const View *view, Ref ref, int64_t n)
{
    View strip = *view;
    strip.ref = ref;
    strip.dims[1] = n;
    return strip;
}

/* The epilogue over the finished strip, in place unless the sums have their own. */
static void emit_epilogue(Lowering *l, const Gemm *g, const Strip *s)
{
    View operands[MAX_OPERANDS] = {strip_view(sums_of(g), s->sums, s->n)};
    operands[0].dtype = g->panels->product.sum;
    for (int i = 1; i < n_operands(g); i++)
        operands[i] = strip_view(&g->operands[i], s->operands[i], s->n);
    map_emit(l, &g->epilogue->expr, strip_view(&g->c, s->c, s->n), operands);
}

/* The columns' sums of squares, over all rows of the finished strip. */
static void emit_squares(Lowering *l, const Gemm *g, const Strip *s)
{
    Kernel kernel = {.kind = KERNEL_REDUCE};
    kernel.reduce.op = REDUCE_SUM_SQUARE;
    kernel.reduce.n = g->c.dims[0];
    kernel.reduce.step = g->c.strides[0];
    kernel.reduce.n1 = 1;
    kernel.reduce.width = s->n;
    emit_call(l, &kernel, (Ref[]){s->c, s->squares}, 2);
}

/* In how many parts the next panel is fetched: all at once, more is asked of the memory than it gives meanwhile. On one thread of an
 * Intel Xeon quarters took ConvNeXt-T from 59.7 ms to 53.6. */
static int64_t fetch_parts(const Gemm *g, const Tiling *rows)
{
    enum { MOST = 4 };
    return g->panels->product.unit ? 1 : at_most(MOST, rows->parts[0].count + rows->parts[1].count);
}

static void emit_line(Lowering *l, const Gemm *g, const Strip *s, Pos line, bool prefetch)
{
    const Panels *p = g->panels;
    int64_t m = g->a.dims[0];
    Tiling rows = p->product.unit ? tiles_rows(p, m) : tile_product(p->product, m, tile_rows(l, p, s->nr));
    Fetch fetch = {0, prefetch ? fetch_parts(g, &rows) : 0};
    for (int i = 0; i < 2; i++) {
        int64_t start = rows.parts[i].start, size = rows.parts[i].size, count = rows.parts[i].count;
        for (; count && fetch.part < fetch.parts; fetch.part++, count--, start += size)
            emit_tile(l, g, s, line, size, start, NULL, fetch);
        if (count) {
            emit_tile(l, g, s, line, size, start, loop_open(l, count), (Fetch){0});
            loop_close(l);
        }
    }
}

static void emit_strip(Lowering *l, const Gemm *g, const Strip *s)
{
    int64_t lines = at_least(1, g->lines), first = s->next.buffer ? 1 : 0;
    if (first)
        emit_line(l, g, s, pos_at(0), true);
    if (lines > first) {
        emit_line(l, g, s, pos_loop(pos_at(first), loop_open(l, lines - first), 1), false);
        loop_close(l);
    }
    if (g->epilogue && g->epilogue->expr.n_steps && !s->fused)
        emit_epilogue(l, g, s);
    if (s->squares.buffer)
        emit_squares(l, g, s);
}

/* How far the prefetch runs before the products; 0: there is none. */
static int64_t panels_ahead(const Panels *p)
{
    return p->choice && p->choice->prefetch != PREFETCH_UNSAID ? p->choice->prefetch : 1;
}

/* `count` full panels from `first` on; what is read after each is the next, at the end `next` if given. */
static void emit_panels(Lowering *l, const Gemm *g, Pos first, int64_t count, Ref next)
{
    const Panels *p = g->panels;
    Pos panel = pos_loop(first, loop_open(l, count), 1);
    Strip strip = strip_at(g, ref_pos(p->full, panel, p->panel_bytes), panel, p->nr, p->nr, p->nr);
    if (g->ahead.buffer)
        strip.next = ref_pos(g->ahead, panel, p->panel_bytes);
    else if (p->constant && panels_ahead(p))
        strip.next = next.buffer ? next : ref_shift(strip.b, panels_ahead(p) * p->panel_bytes);
    emit_strip(l, g, &strip);
    loop_close(l);
}

void gemm_emit(Lowering *l, const Gemm *g)
{
    const Panels *p = g->panels;
    Pos first = pos_add(pos_at(g->first), g->panel), last = first;
    bool apart = g->next.buffer && g->count > 0 && !(g->tail && p->tail_n); /* the last panel announces something else */
    if (g->count > apart)
        emit_panels(l, g, first, g->count - apart, (Ref){0});
    last.at += g->count - 1;
    if (apart)
        emit_panels(l, g, last, 1, g->next);
    if (!g->tail || !p->tail_n)
        return;
    Strip strip = strip_at(g, p->tail, pos_at(p->n_full), p->tail_nr, p->nr, p->tail_n);
    if (p->constant && panels_ahead(p))
        strip.next = g->next.buffer ? g->next : ref_shift(p->tail, p->k * p->tail_nr * product_group_bytes(p->product));
    emit_strip(l, g, &strip);
}

/* ── A whole phase ───────────────────────────────────────────────────────────────────────────────────── */

typedef struct Blocking {
    int64_t rows, row_blocks, panels;
} Blocking; /* of a chunk; panels 0: all */

/* `blocks` or a few more, so that the threads finish together: 12 rather than 11 for four of them. Not if tiles fit so badly
 * then that all of it is more work by a twentieth. */
static int64_t fair_blocks(const Lowering *l, int64_t m, const Panels *p, int64_t blocks)
{
    int64_t threads = schedule_threads(l->cpu), best = 0;
    double least = 0, best_time = 0;
    for (int64_t n = blocks; n < blocks + threads && n <= m; n++) {
        Tiling rows = tile_even(m, (m + n - 1) / n);
        double big = step_cycles(l, rows.parts[0].size, p->n, p->nr), work = (double)rows.parts[0].count * big;
        int64_t count = rows.parts[0].count + rows.parts[1].count;
        if (rows.parts[1].count)
            work += (double)rows.parts[1].count * step_cycles(l, rows.parts[1].size, p->n, p->nr);
        double time = (double)((count + threads - 1) / threads) * big;
        least = best && least < work ? least : work;
        if (!best || (time < best_time && work <= least * 1.05)) {
            best = n;
            best_time = time;
        }
    }
    return best ? best : blocks;
}

/* A block of rows fills at most half of L2. Where rows are few, or far fewer bytes than the panels that stream from L3
 * anyway, chunks are column ranges instead, and each weight is read once. The profile may know better for this very shape. */
static Blocking block_for(const Lowering *l, int64_t m, const Panels *p)
{
    const CpuProfile *cpu = l->cpu;
    const ScheduleChoice *choice = p->choice;
    int64_t unit = p->product.unit, mr = unit ? 2 * unit : gemm_rows(l, p->nr), chunks = at_least(8, 2 * cpu->cores);
    int64_t row_bytes = p->k * product_group_bytes(p->product);
    int64_t a_bytes = m * row_bytes, b_bytes = p->n * row_bytes;
    Blocking blocking = {.rows = m, .row_blocks = 1};
    if (choice && choice->thread_split)
        chunks = choice->thread_split;
    if (choice && choice->row_block) {
        blocking.rows = at_most(m, choice->row_block);
        blocking.row_blocks = (m + blocking.rows - 1) / blocking.rows;
    } else if (m > 4 * mr && !(b_bytes > cpu->l2_bytes / 2 && (a_bytes <= cpu->l2_bytes / 2 || 4 * a_bytes <= b_bytes))) {
        int64_t fits = at_least(1, cpu->l2_bytes / 2 / row_bytes / mr), wanted = at_least(1, m / chunks / mr);
        int64_t tiles = at_most(at_most(fits, 16), at_least(wanted, 4));
        int64_t blocks = fair_blocks(l, m, p, (m + tiles * mr - 1) / (tiles * mr));
        blocking.rows = round_up((m + blocks - 1) / blocks, unit ? unit : 1);
        blocking.row_blocks = (m + blocking.rows - 1) / blocking.rows;
    }
    int64_t wanted = (chunks + blocking.row_blocks - 1) / blocking.row_blocks;
    int64_t flops = 2 * m * p->k * p->n;
    wanted = at_most(wanted, at_least(1, flops / 200000)); /* a chunk is worth at least some microseconds */
    if (wanted > 1 && p->n_full > 1)
        blocking.panels = (p->n_full + wanted - 1) / wanted;
    return blocking;
}

static Gemm gemm_block(const Gemm *g, Pos row, int64_t rows)
{
    Gemm block = *g;
    block.a = view_slice(g->a, 0, row, rows, 1);
    block.c = view_slice(g->c, 0, row, rows, 1);
    for (int i = 1; i < n_operands(g); i++)
        block.operands[i] = view_slice(g->operands[i], 0, row, rows, 1);
    return block;
}

/* All, unless the left operand's m rows and two panels overflow L2. */
int64_t gemm_part_k(const CpuProfile *cpu, int64_t m, const Panels *p, int64_t k)
{
    int64_t row_bytes = (m + 2 * p->nr) * product_group_bytes(p->product), fits = at_least(64, cpu->l2_bytes / 2 / row_bytes);
    if (k * row_bytes <= cpu->l2_bytes * 3 / 4)
        return k;
    int64_t parts = (k + fits - 1) / fits;
    return at_most(k, round_up((k + parts - 1) / parts, 16));
}

/* A part of K from `start` on. What is read after its last panel: the same panels from `behind` on, or at the end the first of those
 * that follow. */
static void emit_part(Lowering *l, const Gemm *g, const GemmPart *of, Pos start, Pos behind, bool first, bool last)
{
    Gemm part = *g;
    int64_t group = g->panels->nr * product_group_bytes(g->panels->product);
    Panels panels = panels_slice(*g->panels, start, 1, of->k);
    part.panels = &panels;
    part.a.dims[1] = of->k;
    part.init = first ? g->init : GEMM_INIT_C;
    part.epilogue = last ? g->epilogue : NULL;
    if (g->panels->constant && g->count) {
        part.next = ref_pos(g->panels->full, pos_add(pos_at(g->first), g->panel), g->panels->panel_bytes);
        part.next = last ? ref_shift(part.next, g->count * g->panels->panel_bytes) : ref_pos(part.next, behind, group);
    }
    gemm_emit(l, &part);
}

/* Its left operand's columns stay in L2 while the panels pass by. */
void gemm_parts(Lowering *l, const Gemm *g, const GemmPart *parts, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        Gemm part = *g;
        part.a.ref = ref_shift(g->a.ref, parts[i].bytes);
        bool last = i + 1 == n;
        emit_part(l, &part, &parts[i], pos_at(parts[i].start), pos_at(last ? 0 : parts[i + 1].start), i == 0, last);
    }
}

/* The same of parts of `step` each, those between the first and the last as a loop. */
static void looped_parts(Lowering *l, const Gemm *g, int64_t k, int64_t step)
{
    GemmPart part = {.k = step};
    Gemm inner = *g;
    int64_t n = (k + step - 1) / step;
    emit_part(l, g, &part, pos_at(0), pos_at(step), true, false);
    Pos start = pos_loop(pos_at(step), loop_open(l, n - 2), step);
    inner.a.ref = ref_pos(g->a.ref, start, g->a.strides[1]);
    emit_part(l, &inner, &part, start, pos_add(start, pos_at(step)), false, false);
    loop_close(l);
    part.k = k - (n - 1) * step;
    inner.a.ref = ref_shift(g->a.ref, (n - 1) * step * g->a.strides[1]);
    emit_part(l, &inner, &part, pos_at((n - 1) * step), pos_at(0), false, true);
}

enum { MOST_PARTS = 32 }; /* of code of their own */

/* A long sum in parts. Columns of bytes have no place for sums. */
static void emit_slices(Lowering *l, const Gemm *g)
{
    bool keeps_sums = dtype_size(g->c.dtype) == product_sum_bytes(g->panels->product);
    int64_t k = g->panels->k, step = keeps_sums ? gemm_part_k(l->cpu, g->a.dims[0], g->panels, k) : k, n = 0;
    if (k / step >= MOST_PARTS) {
        looped_parts(l, g, k, step);
        return;
    }
    GemmPart *parts = NEW_ARRAY(l->arena, GemmPart, (k + step - 1) / step);
    for (int64_t start = 0; start < k; start += step)
        parts[n++] = (GemmPart){start, at_most(step, k - start), start * g->a.strides[1]};
    if (n == 1)
        gemm_emit(l, g);
    else
        gemm_parts(l, g, parts, n);
}

/* One block of rows, its columns cut into chunks of `panels` panels and the narrow last one. */
static void column_sections(Lowering *l, const Gemm *g, int64_t panels)
{
    Tiling ranges = tile_even(g->panels->n_full, panels);
    for (int i = 0; i < 2; i++) {
        if (!ranges.parts[i].count)
            continue;
        Gemm range = *g;
        Stmt *chunk = section_open(l, ranges.parts[i].count);
        range.first = ranges.parts[i].start;
        range.panel = pos_loop(pos_at(0), chunk, ranges.parts[i].size);
        range.count = ranges.parts[i].size;
        range.tail = false;
        emit_slices(l, &range);
        loop_close(l);
    }
    if (!g->panels->tail_n)
        return;
    Gemm tail = *g;
    tail.count = 0;
    section_open(l, 1);
    emit_slices(l, &tail);
    loop_close(l);
}

void gemm_sections(Lowering *l, const Gemm *g)
{
    Product product = g->panels->product;
    int64_t m = g->a.dims[0];
    ScheduleShape shape = gemm_shape(product, m, product.k_pack * g->a.dims[1], g->panels->n);
    phase_shape(l, &shape);
    Blocking blocking = block_for(l, m, g->panels);
    Tiling rows = (product.unit ? tile_blocks : tile_even)(m, blocking.rows);
    for (int i = 0; i < 2; i++) {
        int64_t start = rows.parts[i].start, size = rows.parts[i].size, count = rows.parts[i].count;
        for (int64_t b = 0; blocking.panels && b < count; b++) {
            Gemm block = gemm_block(g, pos_at(start + b * size), size);
            column_sections(l, &block, blocking.panels);
        }
        if (blocking.panels || !count)
            continue;
        Stmt *chunk = section_open(l, count);
        Gemm block = gemm_block(g, pos_loop(pos_at(start), chunk, size), size);
        emit_slices(l, &block);
        loop_close(l);
    }
}
