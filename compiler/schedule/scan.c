/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Running sums and products: each slice along the axis from the one before it. Halves are summed up in float.
 *
 *   CumSum(x [3,50,7], axis 1)   →   parallel i in 3:  y[i,0] = x[i,0];  for k in 49: y[i,k+1] = y[i,k] + x[i,k+1] */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

#include "ir/params.h"

typedef struct Scan {
    OpKind op;
    int axis;
    int64_t first, step;    /* where along the axis it begins, and which way it goes */
    bool exclusive;
} Scan;

static View slice_at(View view, const Scan *scan, Pos at) { return view_slice(view, scan->axis, at, 1, 1); }

static void scan_emit(Lowering *l, const Scan *scan, View in, View out)
{
    int64_t n = in.dims[scan->axis];
    View head = slice_at(out, scan, pos_at(scan->first));
    Expr join = {.n_operands = 2, .n_steps = 1, .steps[0] = {.op = scan->op, .in = {0, 1}, .dtype = out.dtype}};
    if (scan->exclusive)
        fill_emit(l, head, scan->op == OP_Mul);
    else
        copy_emit(l, head, slice_at(in, scan, pos_at(scan->first)));
    if (n == 1)
        return;
    Stmt *loop = loop_open(l, n - 1);
    Pos before = pos_loop(pos_at(scan->first), loop, scan->step),
        here = pos_loop(pos_at(scan->first + scan->step), loop, scan->step);
    View taken = slice_at(in, scan, scan->exclusive ? before : here);
    map_emit(l, &join, slice_at(out, scan, here), (View[]){slice_at(out, scan, before), taken});
    loop_close(l);
}

/* A chunk for each slice of the first dimension before the axis that has several. */
static void scan_phase(Lowering *l, const char *name, const Scan *scan, View in, View out)
{
    int outer = 0;
    while (outer < scan->axis && in.dims[outer] == 1)
        outer++;
    phase_open(l, name, view_count(&in));
    Stmt *chunk = section_open(l, outer < scan->axis ? in.dims[outer] : 1);
    if (outer < scan->axis) {
        Pos at = pos_loop(pos_at(0), chunk, 1);
        in = view_slice(in, outer, at, 1, 1);
        out = view_slice(out, outer, at, 1, 1);
    }
    scan_emit(l, scan, in, out);
    loop_close(l);
}

static bool lower_scan(Lowering *l, const Node *node, OpKind op)
{
    const Value *value = node->outputs.at[0];
    View in = view_of_input(l, node, 0), out = view_output(l, value, NULL, false), sums = out;
    int64_t axis = node_ints(node, "", 1).at[0];
    Scan scan = {.op = op, .axis = (int)(axis < 0 ? axis + in.rank : axis), .exclusive = node_attr_int(node, "exclusive")};
    if (in.per_image && scan.axis == 0)
        return mixes_images(l, "a running sum over the images of a free batch");
    view_set(l, value, out);
    if (!view_count(&out))
        return true;
    bool reverse = node_attr_int(node, "reverse");
    scan.first = reverse ? in.dims[scan.axis] - 1 : 0;
    scan.step = reverse ? -1 : 1;
    if (in.dtype == DT_FLOAT16 || in.dtype == DT_BFLOAT16) {
        in = view_float(l, in);
        sums = view_temp(l, SPACE_ARENA, DT_FLOAT, in.rank, in.dims, false);
    }
    scan_phase(l, value->name, &scan, in, sums);
    if (sums.dtype != out.dtype)
        copy_phase(l, value->name, out, sums);
    return true;
}

bool lower_CumProd(Lowering *l, const Node *node) { return lower_scan(l, node, OP_Mul); }
bool lower_CumSum(Lowering *l, const Node *node) { return lower_scan(l, node, OP_Add); }
