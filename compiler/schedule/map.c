/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elementwise loops: any rank, any strides, as few and as long inner loops as the strides allow.
 *
 * A nest holds the dimensions of the output and every operand's stride in each. Dimensions of size 1 go, the
 * rest are ordered by the output's strides, and neighbours that every operand walks as one are merged; the last
 * two become the kernel's rows and elements, the others loops, the outermost one the parallel chunks.
 *
 * A copy that turns pictures of channels apart into pixels of channels, or the reverse, has squares of both for its kernel, and chunks
 * of some pixels of all channels.
 *
 *   add x[1,56,56,96] and b[96]:  →  [3136, 96], b's row stride 0  →  parallel i0 in 18: map 170x96(…) */
#include "compiler/schedule/map.h"

#include "compiler/schedule/lower.h"

#include <assert.h>
#include <string.h>

enum { CHUNK = 16384, MAX_VIEWS = MAX_OPERANDS + 1 }; /* elements a chunk aims at: 64 KB of floats */

typedef struct Nest {
    const Expr *expr;      /* NULL: a copy of one operand */
    int n_views, rank;     /* views: the output, then the operands */
    int64_t dims[VIEW_RANK];
    int64_t strides[MAX_VIEWS][VIEW_RANK];
    Ref refs[MAX_VIEWS];
    DType dtypes[MAX_VIEWS];
} Nest;

static void nest_add(Nest *nest, const View *view)
{
    int at = nest->n_views++;
    memcpy(nest->strides[at], view->strides, sizeof view->strides);
    nest->refs[at] = view->ref;
    nest->dtypes[at] = view->dtype;
}

static void drop_dim(Nest *nest, int dim)
{
    nest->rank--;
    for (int i = dim; i < nest->rank; i++) {
        nest->dims[i] = nest->dims[i + 1];
        for (int v = 0; v < nest->n_views; v++)
            nest->strides[v][i] = nest->strides[v][i + 1];
    }
}

static void swap_dims(Nest *nest, int a, int b)
{
    int64_t dim = nest->dims[a];
    nest->dims[a] = nest->dims[b];
    nest->dims[b] = dim;
    for (int v = 0; v < nest->n_views; v++) {
        int64_t stride = nest->strides[v][a];
        nest->strides[v][a] = nest->strides[v][b];
        nest->strides[v][b] = stride;
    }
}

static bool mergeable(const Nest *nest, int dim)
{
    for (int v = 0; v < nest->n_views; v++)
        if (nest->strides[v][dim] != nest->strides[v][dim + 1] * nest->dims[dim + 1])
            return false;
    return true;
}

static int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

static void simplify(Nest *nest)
{
    for (int i = nest->rank - 1; i >= 0; i--)
        if (nest->dims[i] == 1)
            drop_dim(nest, i);
    for (int i = 1; i < nest->rank; i++)
        for (int j = i; j > 0 && magnitude(nest->strides[0][j - 1]) < magnitude(nest->strides[0][j]); j--)
            swap_dims(nest, j - 1, j);
    for (int i = nest->rank - 2; i >= 0; i--)
        if (mergeable(nest, i)) {
            nest->dims[i + 1] *= nest->dims[i];
            drop_dim(nest, i);
        }
}

/* In a copy, the dimension along which the input's elements are neighbours comes last but one. */
static void pair_neighbours(Nest *nest)
{
    int n = nest->rank - 1;
    if (n < 1 || nest->expr || nest->strides[0][n] != dtype_size(nest->dtypes[0]) || nest->strides[1][n] == nest->strides[0][n])
        return;
    for (int i = 0; i < n; i++)
        if (nest->strides[1][i] == dtype_size(nest->dtypes[1]))
            swap_dims(nest, i, n - 1);
}

static Nest nest_of(const Expr *expr, const View *out, const View *operands)
{
    Nest nest = {.expr = expr, .rank = out->rank};
    int n_operands = expr ? expr->n_operands : 1;
    assert(operands || !n_operands);
    memcpy(nest.dims, out->dims, sizeof out->dims);
    nest_add(&nest, out);
    for (int i = 0; i < n_operands; i++)
        nest_add(&nest, &operands[i]);
    simplify(&nest);
    pair_neighbours(&nest);
    return nest;
}

/* A copy whose elements are neighbours along the last dimension of the output, and in the input along the one before. */
static bool is_transposed(const Nest *nest)
{
    int n = nest->rank - 1;
    return n > 0 && !nest->expr && dtype_size(nest->dtypes[0]) == 4 && nest->strides[0][n] == 4 && nest->strides[1][n - 1] == 4 &&
           nest->strides[1][n] != 4 && nest->dims[n] > 1 && nest->dims[n - 1] > 1;
}

static void emit_transpose(Lowering *l, const Nest *nest)
{
    int n = nest->rank - 1;
    Kernel kernel = {.kind = KERNEL_TRANSPOSE};
    kernel.transpose.rows = nest->dims[n - 1];
    kernel.transpose.n = nest->dims[n];
    kernel.transpose.in_row = nest->strides[1][n];
    kernel.transpose.out_row = nest->strides[0][n - 1];
    emit_call(l, &kernel, (Ref[]){nest->refs[1], nest->refs[0]}, N_TRANSPOSE_ARGS);
}

static void emit_kernel(Lowering *l, const Nest *nest)
{
    if (is_transposed(nest)) {
        emit_transpose(l, nest);
        return;
    }
    int64_t n = nest->rank > 0 ? nest->dims[nest->rank - 1] : 1, rows = nest->rank > 1 ? nest->dims[nest->rank - 2] : 1;
    Kernel kernel = {.kind = KERNEL_MAP, .map = {.rows = rows, .n = n}};
    if (nest->expr)
        kernel.expr = *nest->expr;
    else
        kernel.expr.n_operands = 1;
    for (int v = 0; v < nest->n_views; v++) {
        Operand *operand = v ? &kernel.operands[v - 1] : &kernel.map.out;
        operand->dtype = nest->dtypes[v];
        operand->row = nest->rank > 1 ? nest->strides[v][nest->rank - 2] : 0;
        operand->step = nest->rank > 0 ? nest->strides[v][nest->rank - 1] : dtype_size(operand->dtype);
    }
    emit_call(l, &kernel, nest->refs, nest->n_views);
}

static void nest_step(Nest *nest, int dim, const Stmt *loop, int64_t count)
{
    for (int v = 0; v < nest->n_views; v++)
        nest->refs[v] = ref_loop(nest->refs[v], loop, nest->strides[v][dim] * count);
}

static void nest_shift(Nest *nest, int dim, int64_t count)
{
    for (int v = 0; v < nest->n_views; v++)
        nest->refs[v] = ref_shift(nest->refs[v], nest->strides[v][dim] * count);
}

static int64_t elements(const Nest *nest, int first)
{
    int64_t count = 1;
    for (int i = first; i < nest->rank; i++)
        count *= nest->dims[i];
    return count;
}

/* A call for a few elements costs more than they do: there the longest of the other dimensions takes the rows' place. Patches of
 * 4 x 4 pixels become 4 x 56, a line of all patches side by side. */
static void lengthen_rows(Nest *nest)
{
    enum { FEW = 64 };
    int rows = nest->rank - 2, longest = rows;
    if (rows < 1 || elements(nest, rows) >= FEW)
        return;
    for (int i = rows - 1; i >= 0; i--)
        if (nest->dims[i] > nest->dims[longest])
            longest = i;
    swap_dims(nest, longest, rows);
}

/* Loops for all but the last two dimensions, from the outside in, around the kernel. */
static void emit_nest(Lowering *l, Nest nest)
{
    int loops = 0;
    lengthen_rows(&nest);
    for (; nest.rank > 2; loops++) {
        nest_step(&nest, 0, loop_open(l, nest.dims[0]), 1);
        drop_dim(&nest, 0);
    }
    emit_kernel(l, &nest);
    while (loops--)
        loop_close(l);
}

/* Of dimension `dim` only `count` elements from `first` on. */
static Nest nest_part(Nest nest, int dim, int64_t first, int64_t count)
{
    nest_shift(&nest, dim, first);
    nest.dims[dim] = count;
    return nest;
}

static void emit_sections(Lowering *l, const Nest *nest);

/* Columns of a transposition that stay in L1 and L2 as long as their cache lines are used. */
static int64_t square_columns(int64_t rows)
{
    int64_t columns = 32768 / rows / 16 * 16;
    return columns < 64 ? 64 : columns > 256 ? 256 : columns;
}

/* Chunks of a transposition: some elements of the last dimension, over all of the others. */
static void emit_squares(Lowering *l, const Nest *nest)
{
    int n = nest->rank - 1;
    int64_t columns = square_columns(nest->dims[n - 1]);
    Tiling blocks = tile_blocks(nest->dims[n], columns);
    for (int i = 0; i < 2; i++) {
        if (!blocks.parts[i].count)
            continue;
        Nest part = nest_part(*nest, n, blocks.parts[i].start, blocks.parts[i].size);
        part.rank++;
        for (int d = n; d >= 0; d--) {
            part.dims[d + 1] = part.dims[d];
            for (int v = 0; v < 2; v++)
                part.strides[v][d + 1] = part.strides[v][d];
        }
        part.dims[0] = blocks.parts[i].count;
        for (int v = 0; v < 2; v++)
            part.strides[v][0] = part.strides[v][n + 1] * columns;
        emit_sections(l, &part);
    }
}

/* Parallel chunks of about CHUNK elements: blocks of the outermost dimension, or of the next one where the
 * outermost is too short to give every thread its share. */
static void emit_sections(Lowering *l, const Nest *nest)
{
    int64_t inner = elements(nest, 1), outer = nest->rank ? nest->dims[0] : 1;
    if (nest->rank > 1 && outer < 8 && inner > 2 * CHUNK) {
        for (int64_t i = 0; i < outer; i++) {
            Nest part = *nest;
            nest_shift(&part, 0, i);
            drop_dim(&part, 0);
            emit_sections(l, &part);
        }
        return;
    }
    int64_t block = inner >= CHUNK ? 1 : CHUNK / inner;
    Tiling tiling = tile_blocks(outer, block < outer ? block : outer);
    for (int i = 0; i < 2; i++) {
        if (!tiling.parts[i].count)
            continue;
        Nest part = *nest;
        Stmt *chunk = section_open(l, tiling.parts[i].count);
        if (part.rank) {
            nest_shift(&part, 0, tiling.parts[i].start);
            nest_step(&part, 0, chunk, tiling.parts[i].size);
            part.dims[0] = tiling.parts[i].size;
        }
        emit_nest(l, part);
        loop_close(l);
    }
}

static const Expr *steps_or_copy(const Expr *expr) { return expr && (expr->n_steps || expr->n_operands != 1) ? expr : NULL; }

void map_emit(Lowering *l, const Expr *expr, View out, const View *operands)
{
    if (!view_count(&out))
        return;
    emit_nest(l, nest_of(steps_or_copy(expr), &out, operands));
}

static void map_sections(Lowering *l, const Expr *expr, View out, const View *operands)
{
    if (!view_count(&out))
        return;
    Nest nest = nest_of(steps_or_copy(expr), &out, operands);
    if (is_transposed(&nest) && nest.rank < VIEW_RANK)
        emit_squares(l, &nest);
    else
        emit_sections(l, &nest);
}

void map_phase(Lowering *l, const char *name, const Expr *expr, View out, const View *operands)
{
    if (!view_count(&out))
        return;
    phase_open(l, name, expr ? expr->n_steps * view_count(&out) : 0);
    map_sections(l, expr, out, operands);
}

static Expr cast_expr(DType dtype) { return (Expr){.n_operands = 1, .n_steps = 1, .steps[0] = {.op = OP_Cast, .dtype = dtype}}; }

static Expr fill_expr(double number, DType dtype)
{
    return (Expr){.n_steps = 1, .steps[0] = {.op = OP_Constant, .imm[0] = number, .dtype = dtype}};
}

void copy_emit(Lowering *l, View out, View in)
{
    Expr cast = cast_expr(out.dtype);
    map_emit(l, in.dtype == out.dtype ? NULL : &cast, out, &in);
}

void copy_phase(Lowering *l, const char *name, View out, View in)
{
    Expr cast = cast_expr(out.dtype);
    map_phase(l, name, in.dtype == out.dtype ? NULL : &cast, out, &in);
}

void fill_emit(Lowering *l, View out, double number)
{
    Expr fill = fill_expr(number, out.dtype);
    map_emit(l, &fill, out, NULL);
}

void fill_phase(Lowering *l, const char *name, View out, double number)
{
    Expr fill = fill_expr(number, out.dtype);
    map_phase(l, name, &fill, out, NULL);
}

void pad_phase(Lowering *l, const char *name, View out, View in, const int64_t *before, double number)
{
    Expr fill = fill_expr(number, out.dtype);
    phase_open(l, name, 0);
    for (int i = 0; i < out.rank; i++) {
        int64_t behind = before[i] + in.dims[i];
        map_sections(l, &fill, view_slice(out, i, pos_at(0), before[i], 1), NULL);
        map_sections(l, &fill, view_slice(out, i, pos_at(behind), out.dims[i] - behind, 1), NULL);
        out = view_slice(out, i, pos_at(before[i]), in.dims[i], 1);
    }
    Expr cast = cast_expr(out.dtype);
    map_sections(l, in.dtype == out.dtype ? NULL : &cast, out, &in);
}

/* ── Copies where kernels need them ──────────────────────────────────────────────────────────────────── */

View view_contiguous(Lowering *l, View view)
{
    View result = view;
    if (view_is_dense(&view)) {
        View dense = view_dense(view.ref, view.dtype, view.rank, view.dims);
        memcpy(result.strides, dense.strides, sizeof result.strides);
        return result;
    }
    View copy = view_temp(l, SPACE_ARENA, view.dtype, view.rank, view.dims, false);
    copy_phase(l, "copy", copy, view);
    copy.when = view.when > l->when ? view.when : l->when;
    copy.per_image = view.per_image;
    return copy;
}

View view_float(Lowering *l, View view)
{
    if (view.dtype == DT_FLOAT)
        return view;
    View copy = view_temp(l, SPACE_ARENA, DT_FLOAT, view.rank, view.dims, false);
    copy_phase(l, "float", copy, view);
    copy.per_image = view.per_image;
    return copy;
}

View view_float_step(Lowering *l, View view) { return dtype_is_half(view.dtype) ? view : view_float(l, view); }
