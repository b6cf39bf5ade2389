/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Resize: along one axis after the other, rows become weighted sums of neighbouring rows, or the nearest of them.
 *
 *   linear x[1,16,16,512] → [1,64,64,512]:   16 rows of 16*512 floats → 64;   then 64 times 16 rows of 512 → 64
 *
 * Of two axes side by side a chunk makes one row of the first in scratch, and of it the results: [16,512], then [64,512]. Where the
 * graph gives out its channels first, they are made in scratch, too, and turned while they are in the cache: [512,64] of as many planes.
 *
 * Rows are what lies behind the axis in memory. So that they are long, axes that are resized come first: channels-last pictures
 * stay as they are, others are copied. Doubles and integers, which sums of floats do not hold, take one neighbour after the other.
 * The nearest elements, where they lie a step apart, are a view; where each comes several times, a copy of one. */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/exact.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

#include "ir/resize.h"

#include <string.h>

enum {
    CHUNK = 16384,    /* elements of the result that a chunk aims at */
    TABLE_BYTES = 32, /* of what is computed for each place along an axis, about */
};

typedef struct Pass {
    const char *name;
    View in, out;          /* dimensions in the order of memory */
    int dim;               /* that is resized */
    ResizeTaps taps;
    Ref first, weights;    /* tables: int32, float */
} Pass;

/* ── Rows to rows ────────────────────────────────────────────────────────────────────────────────────── */

static int64_t count_of(const View *view, int from, int to)
{
    int64_t count = 1;
    for (int i = from; i < to; i++)
        count *= view->dims[i];
    return count;
}

static int64_t row_elements(const Pass *p) { return count_of(&p->in, p->dim + 1, p->in.rank); }

static Kernel kernel_of(const Pass *p, bool gathers, int64_t rows)
{
    Kernel kernel = {.kind = gathers ? KERNEL_GATHER : KERNEL_BLEND};
    int64_t n = row_elements(p), bytes = n * dtype_size(p->in.dtype);
    if (gathers) {
        kernel.gather.rows = rows;
        kernel.gather.row_bytes = bytes;
        kernel.gather.n_data = p->in.dims[p->dim];
        kernel.gather.index = DT_INT32;
        return kernel;
    }
    kernel.blend.rows = rows;
    kernel.blend.n = n;
    kernel.blend.taps = p->taps.n;
    kernel.blend.n_in = p->in.dims[p->dim];
    kernel.blend.in_row = kernel.blend.out_row = bytes;
    return kernel;
}

static int64_t row_bytes(const Pass *p) { return row_elements(p) * dtype_size(p->in.dtype); }

/* Rows from `row` on of a slice; in: the slice's, out: of the first of them. */
static void emit_rows(Lowering *l, const Pass *p, bool gathers, Ref in, Ref out, Pos row, int64_t rows)
{
    Kernel kernel = kernel_of(p, gathers, rows);
    Ref first = ref_pos(p->first, row, 4), weights = ref_pos(p->weights, row, 4 * p->taps.n);
    if (gathers)
        emit_call(l, &kernel, (Ref[]){in, first, out}, N_GATHER_ARGS);
    else
        emit_call(l, &kernel, (Ref[]){in, first, weights, out}, N_BLEND_ARGS);
}

/* Of the slice, rows from `row` on. */
typedef void EmitRows(Lowering *l, const Pass *p, const void *context, Ref in, Pos slice, Pos row, int64_t rows);

/* Chunks are slices where there are many, else blocks of rows of each. row_size: elements that a row becomes in the end. */
static void emit_chunks(Lowering *l, const Pass *p, int64_t row_size, EmitRows *emit, const void *context)
{
    int64_t outer = count_of(&p->in, 0, p->dim), rows = p->out.dims[p->dim], slice_bytes = p->in.dims[p->dim] * row_bytes(p);
    int64_t block = outer < 8 && row_size * rows > CHUNK ? (CHUNK + row_size - 1) / row_size : rows;
    Tiling blocks = tile_blocks(rows, block);
    for (int64_t o = 0; o < (outer < 8 ? outer : 1); o++)
        for (int i = 0; i < 2; i++) {
            if (!blocks.parts[i].count)
                continue;
            Pos slice = outer < 8 ? pos_at(o) : pos_loop(pos_at(0), section_open(l, outer), 1);
            Pos row = pos_loop(pos_at(blocks.parts[i].start), any_open(l, blocks.parts[i].count), blocks.parts[i].size);
            emit(l, p, context, ref_pos(p->in.ref, slice, slice_bytes), slice, row, blocks.parts[i].size);
            loop_close(l);
            if (outer >= 8)
                loop_close(l);
        }
}

static void emit_one(Lowering *l, const Pass *p, const void *context, Ref in, Pos slice, Pos row, int64_t rows)
{
    const bool *gathers = context;
    Ref out = ref_pos(ref_pos(p->out.ref, slice, p->out.dims[p->dim] * row_bytes(p)), row, row_bytes(p));
    emit_rows(l, p, *gathers, in, out, row, rows);
}

static void rows_phase(Lowering *l, const Pass *p, bool gathers)
{
    phase_open(l, p->name, gathers ? 0 : 2 * p->taps.n * view_count(&p->out));
    emit_chunks(l, p, row_elements(p), emit_one, &gathers);
}

/* ── Along an axis ───────────────────────────────────────────────────────────────────────────────────── */

/* A table of n numbers to fill. */
static Tensor *table_new(Lowering *l, DType dtype, int64_t n)
{
    Tensor *table = tensor_new(l->arena, dtype, 1, &n);
    if (!table)
        out_of_memory();
    return table;
}

static View table_view(Lowering *l, const Pass *p, const char *what, const Tensor *table)
{
    return view_constant(l, table, arena_printf(l->arena, "%s.%s", p->name, what));
}

/* For each result its neighbour t. */
static Ref neighbours(Lowering *l, const Pass *p, int64_t t)
{
    Tensor *table = table_new(l, DT_INT32, p->out.dims[p->dim]);
    for (int64_t i = 0; i < table->count; i++)
        tensor_set_int(table, i, p->taps.first[i] + t);
    return table_view(l, p, "rows", table).ref;
}

static void make_tables(Lowering *l, Pass *p)
{
    Tensor *weights = table_new(l, DT_FLOAT, p->out.dims[p->dim] * p->taps.n);
    for (int64_t i = 0; i < weights->count; i++)
        tensor_set(weights, i, p->taps.weights[i]);
    p->weights = table_view(l, p, "weights", weights).ref;
    p->first = neighbours(l, p, 0);
}

/* The weights of neighbour t, as an operand beside the result. */
static View weights_of(Lowering *l, const Pass *p, int64_t t)
{
    Tensor *table = table_new(l, DT_DOUBLE, p->out.dims[p->dim]);
    for (int64_t i = 0; i < table->count; i++)
        tensor_set(table, i, p->taps.weights[i * p->taps.n + t]);
    View column = table_view(l, p, "weights", table), spread = p->out;
    spread.ref = column.ref;
    for (int i = 0; i < spread.rank; i++)
        spread.strides[i] = i == p->dim ? column.strides[0] : 0;
    return spread;
}

/* out += weights * rows, for one neighbour after the other. */
static void blend_doubles(Lowering *l, const Pass *p)
{
    Expr expr = {.n_operands = 3,
                 .n_steps = 2,
                 .steps = {{.op = OP_Mul, .in = {1, 2}, .dtype = DT_DOUBLE}, {.op = OP_Add, .in = {0, 3}, .dtype = DT_DOUBLE}}};
    Pass rows = *p;
    rows.out = view_temp(l, SPACE_ARENA, DT_DOUBLE, p->out.rank, p->out.dims, false);
    fill_phase(l, p->name, p->out, 0);
    for (int64_t t = 0; t < p->taps.n; t++) {
        rows.first = neighbours(l, p, t);
        rows_phase(l, &rows, true);
        map_phase(l, p->name, &expr, p->out, (View[]){p->out, rows.out, weights_of(l, p, t)});
    }
}

static void fill_outside(Lowering *l, const Node *node, const Pass *p)
{
    int64_t size = p->out.dims[p->dim], begin = p->taps.begin, end = p->taps.end;
    double beyond = begin > 0 || end < size ? node_attr_float(node, "extrapolation_value") : 0;
    fill_phase(l, p->name, view_slice(p->out, p->dim, pos_at(0), begin, 1), beyond);
    fill_phase(l, p->name, view_slice(p->out, p->dim, pos_at(end), size - end, 1), beyond);
}

static void resize_along(Lowering *l, const Node *node, Pass *p)
{
    if (resize_is_nearest(node)) {
        p->first = neighbours(l, p, 0);
        rows_phase(l, p, true);
    } else if (p->in.dtype == DT_FLOAT) {
        make_tables(l, p);
        rows_phase(l, p, false);
    } else {
        blend_doubles(l, p);
    }
    fill_outside(l, node, p);
}

/* ── Along two axes at once ──────────────────────────────────────────────────────────────────────────── */

typedef struct Both {
    const Pass *next;
    View scratch;          /* a row of the first pass */
    View made, turned;     /* and the results of it, and these as the graph's output has them; buffer NULL: there is no need */
} Both;

static bool goes_together(const Lowering *l, const Node *node, const Pass *p, const Pass *q)
{
    return !resize_is_nearest(node) && p->in.dtype == DT_FLOAT && q->dim == p->dim + 1 && row_bytes(p) <= l->cpu->l2_bytes / 2;
}

/* The results of a row have another order outside of scratch: they are turned beside it, so that what leaves it are whole lines. Planes
 * lie a power of two apart, and lines of more of them than a set of the cache holds, a part of each at a time, would leave it again and again. */
static void emit_turned(Lowering *l, const Pass *p, const Both *both, Pos slice, Pos row)
{
    const View *out = &both->next->out;
    View to = both->turned;
    memcpy(to.strides, out->strides + p->dim + 1, sizeof *to.strides * (size_t)to.rank);
    to.ref = ref_pos(ref_pos(out->ref, slice, p->dim ? out->strides[0] : 0), row, out->strides[p->dim]);
    copy_emit(l, both->turned, both->made);
    copy_emit(l, to, both->turned);
}

static void emit_both(Lowering *l, const Pass *p, const void *context, Ref in, Pos slice, Pos row, int64_t rows)
{
    const Both *both = context;
    const Pass *q = both->next;
    int64_t made = q->out.dims[q->dim], bytes = made * row_bytes(q);
    row = pos_loop(row, loop_open(l, rows), 1);
    bool turned = both->made.ref.buffer != NULL;
    Ref out = turned ? both->made.ref : ref_pos(ref_pos(q->out.ref, slice, p->out.dims[p->dim] * bytes), row, bytes);
    emit_rows(l, p, false, in, both->scratch.ref, row, 1);
    emit_rows(l, q, false, both->scratch.ref, out, pos_at(0), made);
    if (turned)
        emit_turned(l, p, both, slice, row);
    loop_close(l);
}

/* p makes rows, and q of each of them its results, which go to `out`, `turns`: in another order than they are made. */
static void both_phase(Lowering *l, const Node *node, Pass *p, Pass *q, bool turns)
{
    int64_t n = row_elements(p);
    Both both = {.next = q, .scratch = view_temp(l, SPACE_SCRATCH, DT_FLOAT, 1, &n, false)};
    if (turns) {
        int rank = q->out.rank - q->dim, order[MAX_RANK];
        both.made = both.turned = view_temp(l, SPACE_SCRATCH, DT_FLOAT, rank, q->out.dims + q->dim, false);
        memcpy(both.turned.strides, q->out.strides + q->dim, sizeof *both.turned.strides * (size_t)rank);
        view_order(&both.turned, order);
        both.turned = view_ordered(l, p->name, SPACE_SCRATCH, DT_FLOAT, rank, q->out.dims + q->dim, order, false);
    }
    make_tables(l, p);
    make_tables(l, q);
    phase_open(l, p->name, 2 * (p->taps.n * view_count(&p->out) + q->taps.n * view_count(&q->out)));
    emit_chunks(l, p, q->out.dims[q->dim] * row_elements(q), emit_both, &both);
    p->out = q->out;
    fill_outside(l, node, p);
    fill_outside(l, node, q);
}

/* ── All axes ────────────────────────────────────────────────────────────────────────────────────────── */

/* Dimensions as they should lie in memory: as they do, if the innermost one stays; else those that are resized outside. */
static void memory_order(const View *x, const bool *changes, int *order)
{
    int last = x->rank - 1, n = 0;
    view_order(x, order);
    while (last > 0 && x->dims[order[last]] == 1)
        last--;
    if (!changes[order[last]])
        return;
    if (!changes[0])
        order[n++] = 0;
    for (int turn = 0; turn < 2; turn++)
        for (int i = changes[0] ? 0 : 1; i < x->rank; i++)
            if (changes[i] == !turn)
                order[n++] = i;
}

/* Of integers a sum is rounded, and kept within their type. */
static void store_doubles(Lowering *l, const Value *value, View out, View sums)
{
    DType dtype = out.dtype;
    Expr expr = {.n_operands = 1,
                 .n_steps = 3,
                 .steps = {{.op = OP_Round, .in = {0}, .dtype = DT_DOUBLE},
                           {.op = OP_Clip, .in = {1}, .imm = {dtype_lowest(dtype), dtype_highest(dtype)}, .dtype = DT_DOUBLE},
                           {.op = OP_Cast, .in = {2}, .dtype = dtype}}};
    map_phase(l, value->name, &expr, out, &sums);
}

/* The passes in the order of memory, from outside in. Returns how many. */
static int set_passes(Lowering *l, const Node *node, View x, const int *order, const ResizeAxis *axes, int n, Pass *passes)
{
    int made = 0;
    for (int dim = 0; dim < x.rank; dim++)
        for (int i = 0; i < n; i++) {
            if (axes[i].axis != order[dim])
                continue;
            Pass *pass = &passes[made++];
            *pass = (Pass){.name = node_label(node), .in = x, .dim = dim, .taps = resize_taps(node, &axes[i], l->arena)};
            x.dims[dim] = axes[i].out;
            x = view_dense((Ref){0}, x.dtype, x.rank, x.dims);
            pass->out = x;
        }
    return made;
}

/* x, in the order of memory, through all axes into out. */
static void resize_all(Lowering *l, const Node *node, View x, View out, const int *order, const ResizeAxis *axes, int n,
                       bool turns)
{
    Pass passes[MAX_RANK];
    int n_passes = set_passes(l, node, x, order, axes, n, passes);
    for (int i = 0; i < n_passes; i++) {
        Pass *p = &passes[i], *last = i + 1 < n_passes && goes_together(l, node, p, p + 1) ? p + 1 : p;
        int64_t dims[MAX_RANK];
        memcpy(dims, last->out.dims, sizeof dims);
        p->in.ref = x.ref;
        last->out = last == &passes[n_passes - 1] ? out : view_temp(l, SPACE_ARENA, x.dtype, x.rank, dims, false);
        x = last->out;
        if (last == p)
            resize_along(l, node, p);
        else
            both_phase(l, node, p, last, turns);
        i += last != p;
    }
}

static DType computed_type(const Node *node, DType dtype)
{
    return resize_is_nearest(node) ? dtype : exact_wanted(dtype) ? DT_DOUBLE : DT_FLOAT;
}

static View as_type(Lowering *l, View x, DType dtype)
{
    if (x.dtype == dtype)
        return x;
    View copy = view_temp(l, SPACE_ARENA, dtype, x.rank, x.dims, false);
    copy_phase(l, "wide", copy, x);
    return copy;
}

/* Whether the graph's own tensor takes the results, whose order is another one, as they are made: of one pair of axes, a row at a time. */
static bool can_turn(Lowering *l, const Node *node, const View *x, const int *order, const ResizeAxis *axes, int n)
{
    const Value *value = node->outputs.at[0];
    Pass passes[MAX_RANK];
    if (n != 2 || x->dtype != DT_FLOAT || value->type.dtype != DT_FLOAT || !value_is_result(l, value))
        return false;
    set_passes(l, node, view_permute(*x, order), order, axes, n, passes);
    const Pass *p = &passes[0], *q = &passes[1];
    return p->dim <= 1 && goes_together(l, node, p, q) && q->out.dims[q->dim] * row_bytes(q) <= l->cpu->l2_bytes / 2;
}

static void resize(Lowering *l, const Node *node, View x, const ResizeAxis *axes, int n, const bool *changes)
{
    const Value *value = node->outputs.at[0];
    x = as_type(l, x, computed_type(node, value->type.dtype));
    int order[MAX_RANK] = {0};
    memory_order(&x, changes, order);
    bool turns = can_turn(l, node, &x, order, axes, n);
    View out = view_output(l, value, turns ? NULL : order, false), sums = out;
    if (x.dtype != out.dtype)
        sums = view_ordered(l, arena_printf(l->arena, "%s.wide", value->name), SPACE_ARENA, x.dtype, out.rank, out.dims, order,
                            false);
    view_set(l, value, out);
    if (!view_count(&out))
        return;
    resize_all(l, node, view_contiguous(l, view_permute(x, order)), view_permute(sums, order), order, axes, n, turns);
    if (x.dtype == DT_DOUBLE && out.dtype != DT_DOUBLE)
        store_doubles(l, value, out, sums);
    else if (x.dtype != out.dtype)
        copy_phase(l, value->name, out, sums);
}

/* ── The nearest, without tables ─────────────────────────────────────────────────────────────────────── */

/* Results are elements a step apart. */
static bool is_slice(const ResizeTaps *taps, int64_t out, int64_t *step)
{
    *step = out > 1 ? taps->first[1] - taps->first[0] : 1;
    for (int64_t i = 0; i < out; i++)
        if (taps->first[i] != taps->first[0] + i * *step)
            return false;
    return *step != 0 && taps->begin == 0 && taps->end == out;
}

/* Results are each element as often. */
static bool is_repeated(const ResizeTaps *taps, const ResizeAxis *axis)
{
    if (axis->out % axis->in || taps->begin != 0 || taps->end != axis->out)
        return false;
    for (int64_t i = 0; i < axis->out; i++)
        if (taps->first[i] != i / (axis->out / axis->in))
            return false;
    return true;
}

/* Takes the axes that are slices out of the list; x is what is left of it. */
static View take_slices(Lowering *l, const Node *node, View x, ResizeAxis *axes, int *n)
{
    int kept = 0;
    for (int i = 0; i < *n; i++) {
        ResizeTaps taps = resize_taps(node, &axes[i], l->arena);
        int64_t step;
        if (is_slice(&taps, axes[i].out, &step))
            x = view_slice(x, axes[i].axis, pos_at(taps.first[0]), axes[i].out, step);
        else
            axes[kept++] = axes[i];
    }
    *n = kept;
    return x;
}

static bool all_repeated(Lowering *l, const Node *node, const ResizeAxis *axes, int n)
{
    for (int i = 0; i < n; i++) {
        ResizeTaps taps = resize_taps(node, &axes[i], l->arena);
        if (!is_repeated(&taps, &axes[i]))
            return false;
    }
    return n <= VIEW_RANK - MAX_RANK;
}

/* A copy of x in which elements stand beside themselves: a dimension more for each axis. */
static void repeat(Lowering *l, const Node *node, View x, const ResizeAxis *axes, int n)
{
    const Value *value = node->outputs.at[0];
    View out = output_like(l, value, &x), spread = out;
    for (int dim = x.rank - 1; dim >= 0; dim--)
        for (int i = 0; i < n; i++) {
            if (axes[i].axis != dim)
                continue;
            int64_t times = axes[i].out / axes[i].in, stride = spread.strides[dim];
            spread = view_insert(spread, dim + 1, times, stride);
            spread.dims[dim] = axes[i].in;
            spread.strides[dim] = stride * times;
            x = view_insert(x, dim + 1, times, 0);
        }
    copy_phase(l, value->name, spread, x);
    view_set(l, value, out);
}

bool lower_Resize(Lowering *l, const Node *node)
{
    ResizeAxis all[MAX_RANK], axes[MAX_RANK];
    bool changes[MAX_RANK] = {false};
    int n = 0, named = node_resize(node, all);
    for (int i = 0; i < named; i++) {
        changes[all[i].axis] = !all[i].stays;
        if (!all[i].stays)
            axes[n++] = all[i];
    }
    for (int i = 0; i < n; i++)
        if (!lower_may_compute(l, axes[i].out * TABLE_BYTES))
            return false;
    View x = view_of_input(l, node, 0);
    const Value *value = node->outputs.at[0];
    bool short_way = resize_is_nearest(node) && shape_count(&value->type.shape) != 0;
    if (x.per_image && changes[0])
        return mixes_images(l, "Resize of the images of a free batch");
    if (short_way)
        x = take_slices(l, node, x, axes, &n);
    if (!n)
        view_set(l, value, x);
    else if (short_way && all_repeated(l, node, axes, n))
        repeat(l, node, x, axes, n);
    else
        resize(l, node, x, axes, n, changes);
    return true;
}
