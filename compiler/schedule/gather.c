/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elements and slices picked or placed by index.
 *
 * Gather along an axis picks rows of what lies behind it, for each slice before it. All others count rows through the whole
 * operand: elementwise kernels compute where each one stands, from coordinates and the place in the result.
 *
 *   GatherElements<axis = 1>(x [5,7], i [5,2])   →   at = i + {0, 7, 14, 21, 28};  out[r] = rows of one element [at[r]]
 *   ScatterND(x [5,7,3], i [4,2], u [4,3])       →   out = x;  at = 7 * i[:,0] + i[:,1];  out's rows of 3 [at[r]] = u[r] */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/places.h"

#include "ir/infer.h"
#include "ir/params.h"

#include <string.h>

enum { CHUNK = 16384 }; /* elements that a thread picks at once, about */

/* ── Gather ──────────────────────────────────────────────────────────────────────────────────────────── */

static Kernel gather_kernel(int64_t rows, int64_t row_bytes, int64_t n_data, DType index)
{
    return (Kernel){.kind = KERNEL_GATHER, .gather = {.rows = rows, .row_bytes = row_bytes, .n_data = n_data, .index = index}};
}

/* One call for each slice before the axis: rows of what lies behind it. */
static void gather_phase(Lowering *l, const Value *value, View data, int axis, View index, View out)
{
    int64_t outer = 1, rows = view_count(&index), inner = dtype_size(data.dtype);
    for (int i = 0; i < axis; i++)
        outer *= data.dims[i];
    for (int i = axis + 1; i < data.rank; i++)
        inner *= data.dims[i];
    Kernel kernel = gather_kernel(rows, inner, data.dims[axis], index.dtype);
    phase_open(l, value->name, 0);
    Stmt *chunk = section_open(l, outer);
    Ref args[] = {ref_loop(data.ref, chunk, data.dims[axis] * inner), index.ref, ref_loop(out.ref, chunk, rows * inner)};
    emit_call(l, &kernel, args, 3);
    loop_close(l);
}

bool lower_Gather(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    View data = view_of_input(l, node, 0), index = view_of_input(l, node, 1);
    int axis = node_axis(node);
    if (data.per_image && axis == 0)
        return mixes_images(l, "Gather of the images of a free batch");
    if (index.per_image && axis != 0)
        return mixes_images(l, "Gather along another axis than the free batch's");
    const Tensor *known = value_constant(node->inputs.at[1]);
    if (known && known->rank == 0 && data.dims[axis]) { /* one slice: a view */
        int64_t at = tensor_get_int(known, 0);
        at = at < 0 ? at + data.dims[axis] : at;
        if (at >= 0 && at < data.dims[axis]) {
            view_set(l, value, view_drop(view_slice(data, axis, pos_at(at), 1, 1), axis));
            return true;
        }
    }
    View out = view_output(l, value, NULL, false);
    view_set(l, value, out);
    if (view_count(&out)) {
        data = view_contiguous(l, data);
        index = view_contiguous(l, index);
        gather_phase(l, value, data, axis, index, out);
    }
    return true;
}

/* ── Where rows stand ────────────────────────────────────────────────────────────────────────────────── */

/* at = so_far + stride * index, which counts from the end where it is negative and is taken to the nearest of n. */
static void add_coordinate(Lowering *l, const Node *node, View at, View so_far, View index, int64_t n, int64_t stride)
{
    Expr expr = {.n_operands = 2,
                 .n_steps = 10,
                 .steps = {{.op = OP_Cast, .in = {0}, .dtype = DT_INT64},                     /* 2 */
                           {.op = OP_Constant, .imm[0] = 0, .dtype = DT_INT64},               /* 3 */
                           {.op = OP_Constant, .imm[0] = (double)n, .dtype = DT_INT64},       /* 4 */
                           {.op = OP_Less, .in = {2, 3}, .dtype = DT_BOOL},                   /* 5 */
                           {.op = OP_Add, .in = {2, 4}, .dtype = DT_INT64},                   /* 6 */
                           {.op = OP_Where, .in = {5, 6, 2}, .dtype = DT_INT64},              /* 7 */
                           {.op = OP_Clip, .in = {7}, .imm = {0, (double)(n - 1)}, .dtype = DT_INT64}, /* 8 */
                           {.op = OP_Constant, .imm[0] = (double)stride, .dtype = DT_INT64},  /* 9 */
                           {.op = OP_Mul, .in = {8, 9}, .dtype = DT_INT64},                   /* 10 */
                           {.op = OP_Add, .in = {10, 1}, .dtype = DT_INT64}}};
    map_phase(l, node_label(node), &expr, at, (View[]){index, so_far});
}

/* For each element of the indices of GatherElements and ScatterElements, where in data it points. */
static View element_places(Lowering *l, const Node *node, View data, View index)
{
    int axis = node_axis(node);
    int64_t strides[MAX_RANK], stride = 1, along = 1;
    for (int i = data.rank - 1; i >= 0; stride *= data.dims[i], i--) {
        along = i == axis ? stride : along;
        strides[i] = i == axis ? 0 : stride;
    }
    View at = view_temp(l, SPACE_ARENA, DT_INT64, index.rank, index.dims, false);
    add_coordinate(l, node, at, places_of(l, node_label(node), index.rank, index.dims, strides), index, data.dims[axis], along);
    return at;
}

/* For each slice that the indices of GatherND and ScatterND name behind `batch` dimensions, where in data it stands, counted in
 * such slices. */
static View slice_places(Lowering *l, const Node *node, View data, View index, int batch)
{
    int64_t strides[MAX_RANK] = {0}, stride = 1;
    int last = index.rank - 1, n = (int)index.dims[last];
    View at = view_temp(l, SPACE_ARENA, DT_INT64, last, index.dims, false);
    int64_t along[MAX_RANK];
    for (int i = batch + n - 1; i >= 0; stride *= data.dims[i], i--) {
        along[i] = stride;
        if (i < batch)
            strides[i] = stride;
    }
    View so_far = places_of(l, node_label(node), last, index.dims, strides);
    for (int i = 0; i < n; i++, so_far = at)
        add_coordinate(l, node, at, so_far, view_drop(view_slice(index, last, pos_at(i), 1, 1), last), data.dims[batch + i],
                       along[batch + i]);
    return at;
}

/* ── Rows ────────────────────────────────────────────────────────────────────────────────────────────── */

/* out[r] = data[at[r]] for rows of so many bytes. */
static void pick_rows(Lowering *l, const Value *value, View data, View at, View out, int64_t row_bytes)
{
    int64_t block = CHUNK / (row_bytes / dtype_size(data.dtype));
    Tiling runs = tile_blocks(view_count(&at), block < 1 ? 1 : block);
    phase_open(l, value->name, 0);
    for (int i = 0; i < 2; i++) {
        if (!runs.parts[i].count)
            continue;
        int64_t rows = runs.parts[i].size;
        Kernel kernel = gather_kernel(rows, row_bytes, view_count(&data) * dtype_size(data.dtype) / row_bytes, DT_INT64);
        Pos row = pos_loop(pos_at(runs.parts[i].start), section_open(l, runs.parts[i].count), rows);
        emit_call(l, &kernel, (Ref[]){data.ref, ref_pos(at.ref, row, dtype_size(DT_INT64)), ref_pos(out.ref, row, row_bytes)}, 3);
        loop_close(l);
    }
}

static bool of_nothing(Lowering *l) { return lower_unsupported(l, "picking elements of nothing"); }

bool lower_GatherElements(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    View data = view_of_input(l, node, 0), index = view_of_input(l, node, 1);
    if (data.per_image ? node_axis(node) == 0 || !index.per_image : index.per_image && node_axis(node) != 0)
        return mixes_images(l, "GatherElements across the images of a free batch");
    View out = view_output(l, value, NULL, false);
    view_set(l, value, out);
    if (!view_count(&out))
        return true;
    if (!view_count(&data))
        return of_nothing(l);
    data = view_contiguous(l, data);
    pick_rows(l, value, data, element_places(l, node, data, index), out, dtype_size(data.dtype));
    return true;
}

bool lower_GatherND(Lowering *l, const Node *node)
{
    const Value *value = node->outputs.at[0];
    View data = view_of_input(l, node, 0), index = view_of_input(l, node, 1);
    int batch = (int)node_attr_int(node, "batch_dims");
    if (data.per_image ? batch == 0 || !index.per_image : index.per_image && batch)
        return mixes_images(l, "GatherND across the images of a free batch");
    View out = view_output(l, value, NULL, false);
    view_set(l, value, out);
    if (!view_count(&out))
        return true;
    if (!view_count(&data))
        return of_nothing(l);
    data = view_contiguous(l, data);
    View at = slice_places(l, node, data, index, batch);
    pick_rows(l, value, data, at, out, view_count(&out) / view_count(&at) * dtype_size(data.dtype));
    return true;
}

/* ── Scatter ─────────────────────────────────────────────────────────────────────────────────────────── */

static ScatterOp scatter_op(const Node *node)
{
    static const char *const words[] = {"none", "add", "mul", "max", "min"};
    int op = SCATTER_PUT;
    while (strcmp(node_attr_string(node, "reduction"), words[op]) != 0)
        op++;
    return (ScatterOp)op;
}

/* One thread, in order: of updates of one element the last stays. */
static void place_rows(Lowering *l, const Node *node, View out, View at, View updates)
{
    Kernel kernel = {.kind = KERNEL_SCATTER};
    kernel.scatter.rows = view_count(&at);
    kernel.scatter.n = view_count(&updates) / view_count(&at);
    kernel.scatter.n_data = view_count(&out) / kernel.scatter.n;
    kernel.scatter.element = out.dtype;
    kernel.scatter.op = scatter_op(node);
    phase_open(l, node_label(node), 0);
    section_open(l, 1);
    emit_call(l, &kernel, (Ref[]){out.ref, at.ref, updates.ref}, 3);
    loop_close(l);
}

static bool lower_scatter(Lowering *l, const Node *node, bool elements)
{
    const Value *value = node->outputs.at[0];
    View data = view_of_input(l, node, 0), index = view_of_input(l, node, 1), updates = view_of_input(l, node, 2);
    View out = view_output(l, value, NULL, false);
    view_set(l, value, out);
    copy_phase(l, value->name, out, data);
    if (!view_count(&updates))
        return true;
    if (!view_count(&data))
        return of_nothing(l);
    View at = elements ? element_places(l, node, out, index) : slice_places(l, node, out, index, 0);
    place_rows(l, node, out, at, view_contiguous(l, updates));
    return true;
}

bool lower_ScatterElements(Lowering *l, const Node *node)
{
    bool images = view_of_input(l, node, 0).per_image;
    for (int i = 1; i < 3; i++)
        if (view_of_input(l, node, i).per_image != images || (images && node_axis(node) == 0))
            return mixes_images(l, "ScatterElements across the images of a free batch");
    return lower_scatter(l, node, true);
}

bool lower_ScatterND(Lowering *l, const Node *node)
{
    for (int i = 0; i < 3; i++)
        if (view_of_input(l, node, i).per_image)
            return mixes_images(l, "ScatterND across the images of a free batch");
    return lower_scatter(l, node, false);
}
