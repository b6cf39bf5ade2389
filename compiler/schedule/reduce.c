/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reductions over any axes, and over the images of a free batch.
 *
 * The axes that stay and the axes that go are merged as far as strides allow. The kernel takes two axes that go and,
 * side by side in a vector, one that stays with contiguous elements; what else stays becomes loops.
 *
 *   mean of x[1,7,7,768] over axes 1, 2  →  n 49, step 3072, 768 results side by side
 *
 * A reduction over the batch is a running one: `begin` clears an accumulator, each image adds its own part, `end`
 * finishes. How many elements there were is counted along, since the batch is known only at run time. */
#include "compiler/schedule/reduce.h"

#include "compiler/schedule/exact.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

#include "ir/params.h"

#include <math.h>
#include <string.h>

enum { RUN = 128 }; /* results side by side in one chunk */

typedef struct Axis {
    int64_t size, in, out;
} Axis;
typedef struct Axes {
    Axis at[VIEW_RANK];
    int n;
} Axes;

/* Adds dimensions from the outside in, merging each with the one before where both strides allow. */
static void axes_add(Axes *axes, Axis axis)
{
    if (axis.size == 1)
        return;
    Axis *last = axes->n ? &axes->at[axes->n - 1] : NULL;
    if (last && last->in == axis.in * axis.size && last->out == axis.out * axis.size)
        *last = (Axis){last->size * axis.size, axis.in, axis.out};
    else
        axes->at[axes->n++] = axis;
}

static void split_axes(const View *in, const View *out, const bool *gone, Axes *kept, Axes *reduced)
{
    kept->n = reduced->n = 0;
    for (int i = 0; i < in->rank; i++)
        if (gone[i])
            axes_add(reduced, (Axis){in->dims[i], in->strides[i], 0});
        else
            axes_add(kept, (Axis){in->dims[i], in->strides[i], out->strides[i]});
}

typedef struct Reduction {
    Kernel kernel;     /* but for its width */
    Axes kept;
    int side;          /* of kept, the one whose results a call computes side by side; -1: none is contiguous */
    View in, out;
} Reduction;

static int side_by_side(const Reduction *r)
{
    for (int i = 0; i < r->kept.n; i++)
        if (r->kept.at[i].in == dtype_size(r->in.dtype) && r->kept.at[i].out == dtype_size(r->out.dtype))
            return i;
    return -1;
}

static Kernel reduce_kernel(int op, const Axes *reduced)
{
    Kernel kernel = {.kind = KERNEL_REDUCE};
    kernel.reduce.op = op;
    kernel.reduce.n = kernel.reduce.n1 = 1;
    if (reduced->n > 0) {
        kernel.reduce.n = reduced->at[reduced->n - 1].size;
        kernel.reduce.step = reduced->at[reduced->n - 1].in;
    }
    if (reduced->n > 1) {
        kernel.reduce.n1 = reduced->at[0].size;
        kernel.reduce.step1 = reduced->at[0].in;
    }
    return kernel;
}

static Kernel kernel_of_width(const Reduction *r, int64_t width)
{
    Kernel kernel = r->kernel;
    *(kernel.kind == KERNEL_ARG ? &kernel.arg.width : &kernel.reduce.width) = width;
    return kernel;
}

static void emit_kept(Lowering *l, const Reduction *r, int from, int skip, Ref in, Ref out, int64_t width)
{
    int loops = 0;
    for (int i = from; i < r->kept.n; i++) {
        if (i == skip || i == r->side)
            continue;
        Stmt *loop = loop_open(l, r->kept.at[i].size);
        in = ref_loop(in, loop, r->kept.at[i].in);
        out = ref_loop(out, loop, r->kept.at[i].out);
        loops++;
    }
    Kernel kernel = kernel_of_width(r, width);
    emit_call(l, &kernel, (Ref[]){in, out}, 2);
    while (loops--)
        loop_close(l);
}

/* Chunks: runs of the axis side by side if it is the only long one, else the outermost kept axis. */
static void reduce_sections(Lowering *l, const Reduction *r)
{
    Ref in = r->in.ref, out = r->out.ref;
    int outer = r->kept.n && r->side != 0 ? 0 : -1;
    if (outer == 0 && (r->side < 0 || r->kept.at[0].size >= 8)) {
        Stmt *chunk = section_open(l, r->kept.at[0].size);
        emit_kept(l, r, 0, 0, ref_loop(in, chunk, r->kept.at[0].in), ref_loop(out, chunk, r->kept.at[0].out),
                  r->side < 0 ? 1 : r->kept.at[r->side].size);
        loop_close(l);
        return;
    }
    Tiling runs = tile_blocks(r->side < 0 ? 1 : r->kept.at[r->side].size, RUN);
    for (int i = 0; i < 2; i++) {
        if (!runs.parts[i].count)
            continue;
        Pos at = pos_loop(pos_at(runs.parts[i].start), section_open(l, runs.parts[i].count), runs.parts[i].size);
        emit_kept(l, r, 0, -1, ref_pos(in, at, dtype_size(r->in.dtype)), ref_pos(out, at, dtype_size(r->out.dtype)),
                  runs.parts[i].size);
        loop_close(l);
    }
}

/* The same view with the axes that go last, contiguous: they merge into one. */
static View gathered(Lowering *l, View in, const bool *gone, int *n_kept)
{
    int perm[VIEW_RANK] = {0}, at = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < in.rank; i++)
            if (gone[i] == pass)
                perm[at++] = i;
        if (!pass)
            *n_kept = at;
    }
    View moved = view_permute(in, perm), copy = view_temp(l, SPACE_ARENA, in.dtype, in.rank, moved.dims, false);
    copy_phase(l, "gather", copy, moved);
    return copy;
}

/* The open reduction as a phase, its chunks where results lie side by side if they can. */
static void reduction_phase(Lowering *l, const char *name, Reduction *r)
{
    r->side = side_by_side(r);
    phase_open(l, name, view_count(&r->in));
    reduce_sections(l, r);
}

static void reduce_float(Lowering *l, const char *name, int op, View in, const bool *gone, View out)
{
    Reduction r = {.out = out};
    Axes reduced;
    split_axes(&in, &out, gone, &r.kept, &reduced);
    if (reduced.n > 2) {
        int n_kept, to = 0;
        bool last[VIEW_RANK] = {false};
        View copy = gathered(l, in, gone, &n_kept), narrow = copy;
        for (int i = 0; i < in.rank; i++)
            if (!gone[i])
                narrow.strides[to++] = out.strides[i];
        for (int i = n_kept; i < in.rank; i++)
            last[i] = true;
        in = copy;
        split_axes(&copy, &narrow, last, &r.kept, &reduced);
    }
    r.in = in;
    r.kernel = reduce_kernel(op, &reduced);
    reduction_phase(l, name, &r);
}

void reduce_phases(Lowering *l, const char *name, int op, View in, const bool *axes, View out)
{
    if (!view_count(&out))
        return;
    if (!view_count(&in)) {
        fill_phase(l, name, out, exact_neutral(op, out.dtype));
        return;
    }
    if (exact_wanted(in.dtype)) {
        exact_reduce(l, name, op, in, axes, out);
        return;
    }
    in = view_float(l, in);
    if (out.dtype == DT_FLOAT) {
        reduce_float(l, name, op, in, axes, out);
        return;
    }
    View result = view_temp(l, SPACE_ARENA, DT_FLOAT, out.rank, out.dims, false);
    reduce_float(l, name, op, in, axes, result);
    copy_phase(l, name, out, result);
}

/* ── Over the free batch ─────────────────────────────────────────────────────────────────────────────── */

/* into = op(into, from), element by element. */
void batch_join(Lowering *l, const char *name, OpKind op, View into, View from)
{
    Expr expr = {.n_operands = 2, .n_steps = 1, .steps[0] = {.op = op, .in = {0, 1}, .dtype = into.dtype}};
    map_phase(l, name, &expr, into, (View[]){into, from});
}

View batch_accumulator(Lowering *l, const char *name, DType dtype, int rank, const int64_t *dims, double start)
{
    When when = l->when;
    l->when = WHEN_BEGIN;
    View view = view_temp(l, SPACE_ARENA, dtype, rank, dims, false);
    fill_phase(l, arena_printf(l->arena, "%s.clear", name), view, start);
    l->when = when;
    return view;
}

/* One more image's `number` of elements. */
static void count_elements(Lowering *l, const char *name, View count, double number)
{
    Expr expr = {.n_operands = 1,
                 .n_steps = 2,
                 .steps = {{.op = OP_Constant, .imm[0] = number, .dtype = count.dtype},
                           {.op = OP_Add, .in = {0, 1}, .dtype = count.dtype}}};
    map_phase(l, name, &expr, count, &count);
}

static OpKind joining(int op)
{
    return op == REDUCE_MAX ? OP_Max : op == REDUCE_MIN ? OP_Min : op == REDUCE_PROD ? OP_Mul : OP_Add;
}

/* What one image contributes is joined to what all before it did. */
static void reduce_batch(Lowering *l, const char *name, int op, View in, const bool *axes, View out)
{
    int64_t elements = 1;
    for (int i = 0; i < in.rank; i++)
        elements *= axes[i] ? in.dims[i] : 1;
    int part_op = op == REDUCE_MEAN ? REDUCE_SUM : op == REDUCE_L2 ? REDUCE_SUM_SQUARE : op;
    DType dtype = exact_wanted(in.dtype) ? in.dtype : DT_FLOAT;
    View sum = batch_accumulator(l, name, dtype, out.rank, out.dims, exact_neutral(part_op, dtype)), count = sum;
    View part = view_temp(l, SPACE_ARENA, dtype, out.rank, out.dims, false);
    reduce_phases(l, arena_printf(l->arena, "%s.image", name), part_op, in, axes, part);
    batch_join(l, arena_printf(l->arena, "%s.add", name), joining(op), sum, part);
    if (op == REDUCE_MEAN) {
        count = batch_accumulator(l, name, dtype, 0, NULL, 0);
        count_elements(l, arena_printf(l->arena, "%s.count", name), count, (double)elements);
        view_broadcast(&count, out.rank, out.dims);
    }
    l->when = WHEN_END;
    Expr expr = {.n_operands = op == REDUCE_MEAN ? 2 : 1};
    if (op == REDUCE_MEAN)
        expr.steps[expr.n_steps++] = (ExprStep){.op = OP_Div, .in = {0, 1}, .dtype = dtype};
    if (op == REDUCE_L2)
        exact_root(&expr, 0, dtype);
    if (out.dtype != dtype) {
        int last = expr.n_steps ? expr.n_operands + expr.n_steps - 1 : 0;
        expr.steps[expr.n_steps++] = (ExprStep){.op = OP_Cast, .in = {last}, .dtype = out.dtype};
    }
    map_phase(l, name, &expr, out, (View[]){sum, count});
}

/* ── Operators ───────────────────────────────────────────────────────────────────────────────────────── */

/* The output's view with a 1 for each axis that went. */
static View with_axes(const View *out, int rank, const bool *gone)
{
    View wide = *out;
    if (wide.rank == rank)
        return wide;
    for (int i = 0; i < rank; i++)
        if (gone[i])
            wide = view_insert(wide, i, 1, 0);
    return wide;
}

static bool lower_reduce(Lowering *l, const Node *node, int op)
{
    bool gone[MAX_RANK];
    View in = view_of_input(l, node, 0);
    const Value *value = node->outputs.at[0];
    node_reduced(node, gone);
    bool over_batch = in.per_image && in.rank > 0 && gone[0];
    When when = l->when;
    l->when = over_batch ? WHEN_END : when;
    View out = view_output(l, value, NULL, false), wide = with_axes(&out, in.rank, gone);
    l->when = when;
    if (over_batch) {
        reduce_batch(l, value->name, op, in, gone, wide);
        out.when = WHEN_END;
    } else
        reduce_phases(l, value->name, op, in, gone, wide);
    l->when = when;
    view_set(l, value, out);
    return true;
}

bool lower_ReduceSum(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_SUM); }
bool lower_ReduceMean(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_MEAN); }
bool lower_ReduceL1(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_L1); }
bool lower_ReduceL2(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_L2); }
bool lower_ReduceMax(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_MAX); }
bool lower_ReduceMin(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_MIN); }
bool lower_ReduceProd(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_PROD); }
bool lower_ReduceSumSquare(Lowering *l, const Node *node) { return lower_reduce(l, node, REDUCE_SUM_SQUARE); }

/* Where along one axis the extreme lies: elements of any type but halves, which become floats. */
static bool lower_arg(Lowering *l, const Node *node, bool min)
{
    const Value *value = node->outputs.at[0];
    View in = view_of_input(l, node, 0), out = view_output(l, value, NULL, false);
    int axis = node_axis(node);
    bool gone[VIEW_RANK] = {false};
    Axes reduced;
    gone[axis] = true;
    if (in.per_image && axis == 0)
        return mixes_images(l, "ArgMax or ArgMin of the images of a free batch");
    view_set(l, value, out);
    if (!view_count(&out))
        return true;
    in = in.dtype == DT_FLOAT16 || in.dtype == DT_BFLOAT16 ? view_float(l, in) : in;
    Reduction r = {.kernel = {.kind = KERNEL_ARG}, .in = in, .out = with_axes(&out, in.rank, gone)};
    split_axes(&r.in, &r.out, gone, &r.kept, &reduced);
    r.kernel.arg.n = in.dims[axis];
    r.kernel.arg.step = in.strides[axis];
    r.kernel.arg.element = in.dtype;
    r.kernel.arg.min = min;
    r.kernel.arg.last = node_attr_int(node, "select_last_index");
    reduction_phase(l, value->name, &r);
    return true;
}

bool lower_ArgMax(Lowering *l, const Node *node) { return lower_arg(l, node, false); }
bool lower_ArgMin(Lowering *l, const Node *node) { return lower_arg(l, node, true); }
