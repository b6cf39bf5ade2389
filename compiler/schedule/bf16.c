/* Products in bf16: half the bytes and, where the CPU multiplies pairs (vdpbf16ps), twice the speed.
 *
 * Two neighbours of K lie in the four bytes of one float, so a product of K/2 pairs has the loops, panels and
 * strides of a product of K/2 floats; only the multiply-add in its kernel differs. The left operand is rounded where it is
 * produced, or by a phase of its own; the weights when they are packed. A row of odd length ends in a zero.
 *
 *   A float [m, k] → bf16 [m, k] → pairs [m, k/2];  B float [k, n] → [n/nr][k/2][nr][2];  C float [m, n]
 *
 * Where the CPU has a matrix unit for them, it does them all (tiles.c).
 *
 * The head stays in float: its rows are pictures, so it is small, and its result is the answer. So do products over
 * few channels, such as the stem's: they are little of a model's work (0.3 % of ConvNeXt-T's), and the fewer terms a sum
 * has, the less their rounding averages out. */
#include "compiler/schedule/bf16.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

#include <string.h>

enum { FEW_CHANNELS = 64 };

static int64_t half(int64_t n) { return (n + 1) / 2; }

static bool is_head(const Lowering *l, const View *a)
{
    int64_t dims[MAX_RANK];
    if (a->rank != 2 || !l->graph->inputs.len)
        return a->rank < 2;
    return value_dims(l->graph->inputs.at[0], dims) > 0 && dims[0] == a->dims[0];
}

bool bf16_wanted(const Lowering *l, const View *a)
{
    return l->program->precision == DT_BFLOAT16 && !is_head(l, a) && view_count(a) && a->dims[a->rank - 1] >= FEW_CHANNELS;
}

void bf16_copy_phase(Lowering *l, const char *name, View out, View in)
{
    Expr expr = {.n_operands = 1, .n_steps = 1, .steps[0] = {.op = OP_Cast, .dtype = DT_BFLOAT16, .imm = {1}}};
    map_phase(l, name, &expr, out, &in);
}

/* A matrix unit reads whole tiles: of the last one's rows, those behind m belong to nobody. */
static View rows_in(Lowering *l, Space space, int64_t m, int64_t k, const Panels *panels)
{
    int64_t more = panels->unit ? panels->unit - 1 : 0;
    View rows = view_temp(l, space, DT_BFLOAT16, 2, (int64_t[]){m + more, 2 * panels->k}, true);
    rows.dims[0] = m;
    rows.dims[1] = k;
    return rows;
}

static View end_of(View rows, const Panels *panels)
{
    return view_slice(rows, 1, pos_at(rows.dims[1]), 2 * panels->k - rows.dims[1], 1);
}

View bf16_rows(Lowering *l, const char *name, int64_t m, int64_t k, const Panels *panels)
{
    View rows = rows_in(l, SPACE_ARENA, m, k, panels), end = end_of(rows, panels);
    if (end.dims[1])
        fill_phase(l, arena_printf(l->arena, "%s.end", name), end, 0);
    return rows;
}

View bf16_scratch(Lowering *l, int64_t m, int64_t k, const Panels *panels) { return rows_in(l, SPACE_SCRATCH, m, k, panels); }

void bf16_end_rows(Lowering *l, View rows, const Panels *panels)
{
    View end = end_of(rows, panels);
    if (end.dims[1])
        fill_emit(l, end, 0);
}

View bf16_rounded(Lowering *l, const char *name, View rows, const Panels *panels)
{
    name = arena_printf(l->arena, "%s.bf16", name);
    View out = bf16_rows(l, name, rows.dims[0], rows.dims[1], panels);
    bf16_copy_phase(l, name, out, rows);
    return bf16_pairs(out);
}

View bf16_pairs(View rows)
{
    rows.dims[1] = half(rows.dims[1]);
    rows.strides[1] *= 2;
    return rows;
}

bool bf16_fuse(const Fusion *fusion, Fusion *rounded)
{
    memset(rounded, 0, sizeof *rounded);
    if (fusion)
        *rounded = *fusion;
    Expr *expr = &rounded->expr;
    if (expr->n_steps == countof(expr->steps))
        return false;
    if (!expr->n_operands)
        expr->n_operands = 1;
    int last = expr->n_steps ? expr->n_operands + expr->n_steps - 1 : 0;
    expr->steps[expr->n_steps++] = (ExprStep){.op = OP_Cast, .in = {last}, .dtype = DT_BFLOAT16, .imm = {1}};
    return true;
}

/* ── Weights ─────────────────────────────────────────────────────────────────────────────────────────── */

bool bf16_layout_fits(const WeightLayout *w) { return w->t == 1 || w->c == 1 || w->c % 2 == 0; }

/* K in the panels: so many taps of so many pairs. */
typedef struct Depth {
    int64_t taps, pairs;
} Depth;

/* For a matrix unit a multiple of its tile: more pairs of the only tap, or more taps. */
static Depth depth_of(const WeightLayout *w, int64_t unit)
{
    Depth depth = {w->t, half(w->c)};
    if (unit && depth.taps == 1)
        depth.pairs = (depth.pairs + unit - 1) / unit * unit;
    while (unit && depth.taps * depth.pairs % unit)
        depth.taps++;
    return depth;
}

static Ref pack_pairs(Lowering *l, const char *name, const Tensor *weights, const WeightLayout *w, Depth depth, int64_t first,
                      int64_t n_panels, int64_t nr)
{
    Pack *pack = NEW(l->arena, Pack);
    *pack =
        (Pack){.source = weights,
               .dtype = DT_BFLOAT16,
               .base = w->base + first * w->n_stride,
               .n_axes = 4,
               .n_loops = 6,
               .axes = {{w->groups, w->group_stride}, {w->n - first, w->n_stride}, {w->t, w->t_stride}, {w->c, w->c_stride}},
               .loops = {{0, 1, w->groups}, {1, nr, n_panels}, {2, 1, depth.taps}, {3, 2, depth.pairs}, {1, 1, nr}, {3, 1, 2}}};
    return ref_to(buffer_packed(l, name, pack));
}

Panels bf16_panels(Lowering *l, const char *name, const Tensor *weights, WeightLayout layout, int64_t nr)
{
    int64_t lanes = cpu_lanes(l->cpu), n = layout.n, unit = cpu_matrix_unit(l->cpu);
    if (layout.c == 1) { /* pointwise on channels that lie apart: pairs go over t */
        layout.c = layout.t;
        layout.c_stride = layout.t_stride;
        layout.t = 1;
    }
    if (unit)
        nr = 2 * unit;
    Depth depth = depth_of(&layout, unit);
    Panels panels = {.k = depth.taps * depth.pairs, .n = n, .nr = nr, .n_full = n / nr, .tail_n = n % nr, .unit = unit};
    panels.constant = panels.pairs = true;
    panels.panel_bytes = panels.k * nr * 4;
    panels.tail_nr = (panels.tail_n + lanes - 1) / lanes * lanes;
    name = arena_printf(l->arena, "%s.pairs", name);
    if (panels.n_full)
        panels.full = pack_pairs(l, name, weights, &layout, depth, 0, panels.n_full, nr);
    if (panels.tail_n)
        panels.tail = pack_pairs(l, name, weights, &layout, depth, panels.n_full * nr, 1, panels.tail_nr);
    return panels;
}
