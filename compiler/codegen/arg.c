/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Places of extremes: ArgMax and ArgMin.
 *
 * Beside the best element so far each lane keeps its place. Along contiguous floats each lane sees every 16th of them, and
 * of the lanes that hold the best one the first place wins, or the last; else neighbouring results lie side by side.
 *
 *     out[j] = the i for which in[i*step + j] is greatest                       a NaN is better than any number */
#include "compiler/codegen/emit.h"

enum { PLACE = 8, SLOTS = 4 }; /* bytes of a result; vectors that collect */

static bool is_float(const Kernel *k) { return k->arg.element == DT_FLOAT || k->arg.element == DT_DOUBLE; }

static bool is_unsigned(DType d) { return d == DT_UINT8 || d == DT_UINT16 || d == DT_UINT32 || d == DT_UINT64; }

/* Of integers, greater or less, or equal where the last of equals wins. */
static LLVMIntPredicate whole_predicate(const Kernel *k)
{
    static const LLVMIntPredicate all[2][2][2] = {{{LLVMIntSGT, LLVMIntSGE}, {LLVMIntSLT, LLVMIntSLE}},
                                                  {{LLVMIntUGT, LLVMIntUGE}, {LLVMIntULT, LLVMIntULE}}};
    return all[is_unsigned(k->arg.element)][k->arg.min][k->arg.last];
}

/* Whether x, which comes later, takes the place of the best so far. */
static IrValue is_better(Emit *e, const Kernel *k, IrValue x, IrValue best)
{
    if (!is_float(k))
        return LLVMBuildICmp(e->ir, whole_predicate(k), x, best, "");
    if (k->arg.last) {
        IrValue better = LLVMBuildFCmp(e->ir, k->arg.min ? LLVMRealOLE : LLVMRealOGE, x, best, "");
        return LLVMBuildOr(e->ir, better, LLVMBuildFCmp(e->ir, LLVMRealUNO, x, x, ""), "");
    }
    IrValue better = LLVMBuildFCmp(e->ir, k->arg.min ? LLVMRealULT : LLVMRealUGT, x, best, "");
    return LLVMBuildAnd(e->ir, better, LLVMBuildFCmp(e->ir, LLVMRealORD, best, best, ""), "");
}

static void take(Emit *e, IrValue better, IrValue x, IrValue place, IrValue *best, IrValue *at)
{
    *best = emit_select(e, better, x, *best);
    *at = emit_select(e, better, place, *at);
}

static IrValue splat_place(Emit *e, IrValue place) { return emit_splat(e, LLVMBuildTrunc(e->ir, place, e->i32, "")); }

/* ── Side by side ────────────────────────────────────────────────────────────────────────────────────── */

/* Of n vectors of results from `first` on, the last with `active` lanes: each row of `in` is read some cache lines at a time. */
static void arg_across(Emit *e, const Kernel *k, IrValue first, int n, int64_t active)
{
    IrType type = emit_memory_type(e, k->arg.element);
    int64_t element = dtype_size(k->arg.element);
    IrValue in = emit_index(e, emit_arg(e, ARG_IN), first, element), so_far[2 * SLOTS];
    for (int i = 0; i < n; i++) {
        so_far[i] = emit_load_lanes(e, type, emit_offset(e, in, i * e->lanes * element), i + 1 < n ? e->lanes : active);
        so_far[n + i] = LLVMConstNull(e->vi);
    }
    Loop loop = emit_loop_begin(e, k->arg.n, so_far, 2 * n);
    IrValue row = emit_index(e, in, loop.index, k->arg.step), place = splat_place(e, loop.index);
    for (int i = 0; i < n; i++) {
        IrValue x = emit_load_lanes(e, type, emit_offset(e, row, i * e->lanes * element), i + 1 < n ? e->lanes : active);
        take(e, is_better(e, k, x, so_far[i]), x, place, &so_far[i], &so_far[n + i]);
    }
    emit_loop_end(e, &loop, so_far);
    IrValue out = emit_index(e, emit_arg(e, ARG_OUT), first, PLACE);
    for (int i = 0; i < n; i++)
        emit_store_lanes(e, LLVMBuildZExt(e->ir, so_far[n + i], emit_vector_of(e, e->i64), ""),
                         emit_offset(e, out, i * e->lanes * PLACE), i + 1 < n ? e->lanes : active);
}

/* ── Along contiguous floats ─────────────────────────────────────────────────────────────────────────── */

/* carried: the best of each slot, then their places. */
static void arg_along(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    const Kernel *k = context;
    IrValue x = emit_load_lanes(e, e->f32, emit_index(e, emit_arg(e, ARG_IN), first, k->arg.step), active), lanes[16];
    for (int64_t i = 0; i < e->lanes; i++)
        lanes[i] = LLVMConstInt(e->i32, (unsigned long long)i, 0);
    IrValue place = LLVMBuildAdd(e->ir, splat_place(e, first), LLVMConstVector(lanes, (unsigned)e->lanes), "");
    IrValue better = emit_keep_lanes(e, is_better(e, k, x, carried[slot]), active, 0);
    take(e, better, x, place, &carried[slot], &carried[SLOTS + slot]);
}

/* Of the slots and lanes that hold the best one, the first place or the last. */
static IrValue place_of_best(Emit *e, const Kernel *k, const IrValue *best, const IrValue *places)
{
    EmitCombine *extreme = k->arg.min ? emit_minimum : emit_maximum;
    IrValue all = extreme(e, extreme(e, best[0], best[1]), extreme(e, best[2], best[3])), winner = NULL;
    IrValue whole = emit_splat(e, emit_across(e, all, extreme)), none = emit_splat_i32(e, k->arg.last ? -1 : INT32_MAX);
    const char *combine = k->arg.last ? "llvm.smax" : "llvm.smin";
    for (int i = 0; i < SLOTS; i++) {
        IrValue nan = LLVMBuildFCmp(e->ir, LLVMRealUNO, best[i], best[i], "");
        IrValue holds = LLVMBuildOr(e->ir, nan, LLVMBuildFCmp(e->ir, LLVMRealOEQ, best[i], whole, ""), "");
        IrValue place = emit_select(e, holds, places[i], none);
        winner = winner ? emit_intrinsic(e, combine, e->vi, (IrValue[]){winner, place}, 2) : place;
    }
    return emit_unary(e, k->arg.last ? "llvm.vector.reduce.smax" : "llvm.vector.reduce.smin", winner);
}

static void arg_contiguous(Emit *e, const Kernel *k)
{
    IrValue slots[2 * SLOTS];
    for (int i = 0; i < SLOTS; i++) {
        slots[i] = emit_splat(e, emit_load_scalar(e, e->f32, emit_arg(e, ARG_IN)));
        slots[SLOTS + i] = LLVMConstNull(e->vi);
    }
    emit_for_vectors(e, k->arg.n, arg_along, (void *)(uintptr_t)k, slots, 2 * SLOTS);
    IrValue place = place_of_best(e, k, slots, slots + SLOTS);
    emit_store_scalar(e, LLVMBuildZExt(e->ir, place, e->i64, ""), emit_arg(e, ARG_OUT));
}

void kernel_arg(Emit *e, const Kernel *kernel)
{
    if (kernel->arg.width == 1 && kernel->arg.element == DT_FLOAT && kernel->arg.step == dtype_size(DT_FLOAT))
        arg_contiguous(e, kernel);
    else
        emit_for_groups(e, kernel, kernel->arg.width, SLOTS, arg_across);
}
