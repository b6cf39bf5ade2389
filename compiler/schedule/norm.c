/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* LayerNormalization and its kin, Softmax, LogSoftmax: rows of contiguous elements.
 *
 * A normalisation's scale and shift are the first steps of the kernel's expression; where earlier passes have
 * folded them into the next layer's weights (all ones, all zeros) they are left out. Softmax along another axis works
 * on a copy with that axis last, and leaves a permuted view of it. */
#include "compiler/schedule/norm.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/reduce.h"

#include "ir/params.h"

#include <string.h>

enum { CHUNK = 16384 }; /* elements of a chunk */

static int64_t rows_of_chunk(int64_t rows, int64_t n)
{
    int64_t block = n ? CHUNK / n : rows;
    return block < 1 ? 1 : block < rows ? block : rows;
}

/* Dimensions [0, split) as rows, the rest as elements. */
static bool as_rows(const View *view, int split, View *rows)
{
    int64_t row, step;
    if (!view_merge(view, 0, split, &row) || !view_merge(view, split, view->rank, &step))
        return false;
    *rows = *view;
    rows->rank = 2;
    rows->dims[0] = rows->dims[1] = 1;
    for (int i = 0; i < view->rank; i++)
        rows->dims[i >= split] *= view->dims[i];
    rows->strides[0] = row;
    rows->strides[1] = step;
    return true;
}

static View contiguous_rows(Lowering *l, View view, int split)
{
    View rows;
    view = view_float(l, view);
    if (as_rows(&view, split, &rows) && (rows.strides[1] == 4 || rows.dims[1] == 1))
        return rows;
    view = view_contiguous(l, view);
    as_rows(&view, split, &rows);
    return rows;
}

/* ── LayerNormalization and its kin ──────────────────────────────────────────────────────────────────── */

static KernelKind kernel_of(const Node *node)
{
    switch (node->op->kind) {
    case OP_RMSNormalization: return KERNEL_RMSNORM;
    case OP_SimpleNormalization: return KERNEL_SIMPLENORM;
    default: return KERNEL_LAYERNORM;
    }
}

void norm_rows(Lowering *l, const Node *node, View in, View out, const Fusion *epilogue, const View *operands)
{
    Kernel kernel = {.kind = kernel_of(node)};
    kernel.layernorm.rows = in.dims[0];
    kernel.layernorm.n = in.dims[1];
    kernel.layernorm.in_row = in.strides[0];
    kernel.layernorm.out_row = out.strides[0];
    kernel.layernorm.epsilon = node_attr_float(node, "epsilon");
    Ref args[MAX_ARGS] = {in.ref, out.ref};
    int n = 2;
    if (epilogue && epilogue->expr.n_steps) {
        kernel.expr = epilogue->expr;
        for (int i = 1; i < kernel.expr.n_operands; i++) {
            kernel.operands[i] = (Operand){operands[i].dtype, operands[i].strides[0], operands[i].strides[1]};
            args[n++] = operands[i].ref;
        }
    }
    emit_call(l, &kernel, args, n);
}

static bool all_equal(const Tensor *tensor, double number)
{
    for (int64_t i = 0; tensor && i < tensor->count; i++)
        if (tensor_get(tensor, i) != number)
            return false;
    return tensor != NULL;
}

/* value = op(value, input), unless that changes nothing. */
static bool add_affine(Lowering *l, Fusion *fusion, const Node *node, int input, OpKind op, double neutral, int *value)
{
    const Value *source = node_input(node, input);
    if (!source)
        return true;
    View view = *view_of(l, source);
    int64_t dims[MAX_RANK];
    int id, rank = value_dims(node->inputs.at[0], dims);
    if (all_equal(view.constant, neutral))
        return true;
    view = view_float_step(l, view);
    return view_broadcast(&view, rank, dims) && fusion_operand(fusion, source, view, view.constant, &id) &&
           fusion_step(fusion, op, DT_FLOAT, *value, id, 0, 0, 0, value);
}

bool norm_fusion(Lowering *l, const Node *node, const Fusion *epilogue, Fusion *fusion)
{
    int value = 0;
    memset(fusion, 0, sizeof *fusion);
    fusion->expr.n_operands = 1;
    bool ok = add_affine(l, fusion, node, 1, OP_Mul, 1, &value) && add_affine(l, fusion, node, 2, OP_Add, 0, &value) &&
              (!epilogue || fusion_append(fusion, epilogue, &value));
    fusion_end(fusion);
    return ok;
}

static bool splits_at(const Fusion *epilogue, int axis)
{
    View rows;
    for (int i = 1; i < epilogue->expr.n_operands; i++)
        if (!as_rows(&epilogue->operands[i], axis, &rows))
            return false;
    return true;
}

static void norm_sections(Lowering *l, const Node *node, View in, View out, const Fusion *fusion, const View *operands)
{
    Tiling tiling = tile_blocks(in.dims[0], rows_of_chunk(in.dims[0], in.dims[1]));
    for (int i = 0; i < 2; i++) {
        int64_t size = tiling.parts[i].size;
        View own[MAX_OPERANDS];
        if (!tiling.parts[i].count)
            continue;
        Pos at = pos_loop(pos_at(tiling.parts[i].start), section_open(l, tiling.parts[i].count), size);
        for (int j = 1; j < fusion->expr.n_operands; j++)
            own[j] = view_slice(operands[j], 0, at, size, 1);
        norm_rows(l, node, view_slice(in, 0, at, size, 1), view_slice(out, 0, at, size, 1), fusion, own);
        loop_close(l);
    }
}

/* Mean and 1 / sqrt(variance + epsilon), when someone wants them: plain reductions. */
static void write_statistics(Lowering *l, const Node *node, View x, int axis)
{
    const Value *mean_value = node_output(node, 1), *deviation_value = node_output(node, 2);
    if (!mean_value && !deviation_value)
        return;
    View in = view_float(l, x);
    const char *name = node_label(node);
    bool gone[VIEW_RANK] = {false};
    int64_t dims[VIEW_RANK];
    for (int i = 0; i < in.rank; i++) {
        gone[i] = i >= axis;
        dims[i] = gone[i] ? 1 : in.dims[i];
    }
    View mean = mean_value ? view_output(l, mean_value, NULL, false) : view_temp(l, SPACE_ARENA, DT_FLOAT, in.rank, dims, false);
    reduce_phases(l, name, REDUCE_MEAN, in, gone, mean);
    if (mean_value)
        view_set(l, mean_value, mean);
    if (!deviation_value)
        return;
    View centred = view_temp(l, SPACE_ARENA, DT_FLOAT, in.rank, in.dims, false), wide = mean;
    view_broadcast(&wide, in.rank, in.dims);
    Expr square = {.n_operands = 2,
                   .n_steps = 2,
                   .steps = {{.op = OP_Sub, .in = {0, 1}, .dtype = DT_FLOAT}, {.op = OP_Mul, .in = {2, 2}, .dtype = DT_FLOAT}}};
    map_phase(l, name, &square, centred, (View[]){in, wide});
    View deviation = view_output(l, deviation_value, NULL, false);
    reduce_phases(l, name, REDUCE_MEAN, centred, gone, deviation);
    Expr root = {.n_operands = 1,
                 .n_steps = 4,
                 .steps = {{.op = OP_Constant, .imm[0] = node_attr_float(node, "epsilon"), .dtype = DT_FLOAT},
                           {.op = OP_Add, .in = {0, 1}, .dtype = DT_FLOAT},
                           {.op = OP_Sqrt, .in = {2}, .dtype = DT_FLOAT},
                           {.op = OP_Reciprocal, .in = {3}, .dtype = DT_FLOAT}}};
    map_phase(l, name, &root, deviation, &deviation);
    view_set(l, deviation_value, deviation);
}

bool norm_lower(Lowering *l, const Node *node, Epilogue *epilogue)
{
    View x = view_of_input(l, node, 0), out_rows, operands[MAX_OPERANDS];
    int axis = node_axis(node);
    if (x.per_image && axis == 0)
        return mixes_images(l, arena_printf(l->arena, "%s over the images of a free batch", node->op->name));
    const Fusion *behind = epilogue && epilogue->fusion && splits_at(epilogue->fusion, axis) ? epilogue->fusion : NULL;
    Fusion *fusion = NEW(l->arena, Fusion);
    bool fused = behind && norm_fusion(l, node, behind, fusion);
    if (!fused && !norm_fusion(l, node, NULL, fusion))
        return lower_unsupported(l, "a normalisation whose scale does not match its input");
    const Value *value = fused ? behind->result : node->outputs.at[0];
    if (fused)
        epilogue->taken = true;
    View in = contiguous_rows(l, x, axis);
    View out = float_output(l, value, NULL, axis == x.rank - 1);
    as_rows(&out, axis, &out_rows);
    for (int i = 1; i < fusion->expr.n_operands; i++)
        if (!as_rows(&fusion->operands[i], axis, &operands[i])) {
            fusion->operands[i] = view_contiguous(l, fusion->operands[i]);
            as_rows(&fusion->operands[i], axis, &operands[i]);
        }
    if (view_count(&out)) {
        phase_open(l, value->name, 8 * view_count(&out));
        norm_sections(l, node, in, out_rows, fusion, operands);
    }
    float_output_set(l, value, out);
    write_statistics(l, node, x, axis);
    return true;
}

bool lower_LayerNormalization(Lowering *l, const Node *node) { return norm_lower(l, node, NULL); }
bool lower_RMSNormalization(Lowering *l, const Node *node) { return norm_lower(l, node, NULL); }

bool lower_SimpleNormalization(Lowering *l, const Node *node) { return norm_lower(l, node, NULL); }

/* ── Softmax ─────────────────────────────────────────────────────────────────────────────────────────── */

static void softmax_sections(Lowering *l, const char *name, View in, View out, bool log)
{
    Tiling tiling = tile_blocks(in.dims[0], rows_of_chunk(in.dims[0], in.dims[1]));
    phase_open(l, name, 4 * view_count(&in));
    for (int i = 0; i < 2; i++) {
        int64_t size = tiling.parts[i].size;
        if (!tiling.parts[i].count)
            continue;
        Pos at = pos_loop(pos_at(tiling.parts[i].start), section_open(l, tiling.parts[i].count), size);
        Kernel kernel = {.kind = KERNEL_SOFTMAX};
        kernel.softmax.rows = size;
        kernel.softmax.n = in.dims[1];
        kernel.softmax.in_row = in.strides[0];
        kernel.softmax.out_row = out.strides[0];
        kernel.softmax.log = log;
        emit_call(l, &kernel, (Ref[]){ref_pos(in.ref, at, in.strides[0]), ref_pos(out.ref, at, out.strides[0])}, 2);
        loop_close(l);
    }
}

/* Dimensions but `axis`, then axis; and back. */
static void axis_last(int rank, int axis, int *there, int *back)
{
    int at = 0;
    for (int i = 0; i < rank; i++)
        if (i != axis)
            there[at++] = i;
    there[at] = axis;
    for (int i = 0; i < rank; i++)
        back[there[i]] = i;
}

View softmax_phases(Lowering *l, const char *name, View in, int axis, bool log, const Value *value)
{
    int there[VIEW_RANK], back[VIEW_RANK];
    View out, rows;
    if (axis == in.rank - 1) {
        View from = contiguous_rows(l, in, axis);
        out = value && value->type.dtype == DT_FLOAT ? view_output(l, value, NULL, false)
                                                     : view_temp(l, SPACE_ARENA, DT_FLOAT, in.rank, in.dims, false);
        as_rows(&out, axis, &rows);
        softmax_sections(l, name, from, rows, log);
        return out;
    }
    axis_last(in.rank, axis, there, back);
    View moved = view_permute(in, there);
    out = view_temp(l, SPACE_ARENA, DT_FLOAT, moved.rank, moved.dims, false);
    copy_phase(l, name, out, moved);
    as_rows(&out, out.rank - 1, &rows);
    softmax_sections(l, name, rows, rows, log);
    out.per_image = in.per_image;
    return view_permute(out, back);
}

/* The result in the value's own dimensions and element type. */
static void set_softmax(Lowering *l, const Value *value, View result, bool per_image)
{
    int64_t dims[MAX_RANK];
    int rank = value_dims(value, dims);
    view_reshape(&result, rank, dims);
    result.per_image = per_image;
    float_output_set(l, value, result);
}

static bool lower_softmax(Lowering *l, const Node *node, bool log)
{
    View in = view_of_input(l, node, 0);
    const Value *value = node->outputs.at[0];
    int axis = node_axis(node);
    if (in.per_image && axis == 0)
        return mixes_images(l, "Softmax over the images of a free batch");
    if (!view_count(&in)) {
        view_set(l, value, view_output(l, value, NULL, false));
        return true;
    }
    set_softmax(l, value, softmax_phases(l, value->name, in, axis, log, value), in.per_image);
    return true;
}

bool lower_Softmax(Lowering *l, const Node *node) { return lower_softmax(l, node, false); }
bool lower_LogSoftmax(Lowering *l, const Node *node) { return lower_softmax(l, node, true); }
