/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* LayerNorm over contiguous elements: mean, then variance of the differences, then scale. RMSNorm: the same with a mean of 0.
 * A simple norm divides what still has its mean.
 *
 * Two passes over the data, because the one-pass formula E[x²] - E[x]² cancels; the row is in L1 the second time.
 *
 *     mean = Σx/n;  variance = Σ(x-mean)²/n;  out = expr((x-mean) / sqrt(variance + epsilon))
 *
 * From a vector of sums to a number, a root and a quotient it is a long way, on which little else is done: a few rows go it
 * together, in the lanes of one vector.
 *
 * As 8-bit integers, of the differences: 1 / sqrt(…) is one factor of the row, so it goes into the step of its integers.   */
#include "compiler/codegen/emit.h"

enum { F32 = 4, SLOTS = 4, MOST_ROWS = 4 };

typedef struct RowNorm {
    const Kernel *kernel;
    int64_t n;
    double epsilon;
    IrValue row, in, out;        /* number and addresses of the present row */
    IrValue mean, scale;         /* vectors; mean NULL: 0 */
    IrValue lowest, inverse;     /* vectors: the lowest of what becomes integers, and what makes differences from it these */
} RowNorm;

static IrValue load_at(Emit *e, const RowNorm *r, IrValue first, int64_t active)
{
    return emit_load_lanes(e, e->f32, emit_index(e, r->in, first, F32), active);
}

static IrValue difference_at(Emit *e, const RowNorm *r, IrValue first, int64_t active)
{
    if (!r->mean)
        return load_at(e, r, first, active);
    return LLVMBuildFSub(e->ir, load_at(e, r, first, active), emit_low(e, r->mean), "");
}

static void add_elements(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *sums)
{
    sums[slot] = LLVMBuildFAdd(e->ir, sums[slot], load_at(e, context, first, active), "");
}

static void add_squares(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *sums)
{
    const RowNorm *r = context;
    IrValue difference = difference_at(e, r, first, active);
    difference = emit_keep_lanes(e, difference, active, 0);
    sums[slot] = emit_fma(e, difference, difference, sums[slot]);
}

static void write_elements(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const RowNorm *r = context;
    const Kernel *k = r->kernel;
    int64_t lanes = emit_narrow(e, active);
    IrValue values[MAX_OPERANDS];
    values[0] = LLVMBuildFMul(e->ir, difference_at(e, r, first, active), emit_low(e, r->scale), "");
    for (int q = 1; q < k->expr.n_operands; q++) {
        IrValue at = emit_index(e, emit_arg(e, N_LAYERNORM_ARGS + q - 1), r->row, k->operands[q].row);
        values[q] = expr_load(e, &k->operands[q], emit_index(e, at, first, k->operands[q].step), active);
    }
    int64_t size = dtype_size(expr_result_type(k));
    expr_finish(e, k, values, emit_index(e, r->out, first, size), active);
    emit_set_lanes(e, lanes);
}

/* Of a row's total, or of those of several. */
static IrValue divided(Emit *e, const RowNorm *r, IrValue total)
{
    return LLVMBuildFDiv(e->ir, total, emit_const_of(LLVMTypeOf(total), (double)r->n), "");
}

/* 1 / sqrt(variance + epsilon) */
static IrValue deviation(Emit *e, const RowNorm *r, IrValue variance)
{
    IrType type = LLVMTypeOf(variance);
    variance = LLVMBuildFAdd(e->ir, variance, emit_const_of(type, r->epsilon), "");
    IrValue root = emit_unary(e, "llvm.sqrt", variance);
    return LLVMBuildFDiv(e->ir, emit_const_of(type, 1), root, "");
}

/* ── As floats ───────────────────────────────────────────────────────────────────────────────────────── */

/* The sums that body collects over each row, divided by n, in the lanes of a vector. They start from what changes no number. */
static IrValue means(Emit *e, RowNorm *rows, int64_t count, VectorBody *body)
{
    IrValue totals[MOST_ROWS];
    for (int64_t i = 0; i < count; i++)
        totals[i] = emit_collect_lanes(e, rows[i].n, body, &rows[i], -0.0, emit_combine_add);
    return divided(e, rows, emit_across_each(e, totals, count, emit_combine_add));
}

static RowNorm row_at(Emit *e, const Kernel *kernel, IrValue row)
{
    RowNorm r = {.kernel = kernel, .n = kernel->layernorm.n, .epsilon = kernel->layernorm.epsilon, .row = row};
    r.in = emit_index(e, emit_arg(e, LAYERNORM_IN), row, kernel->layernorm.in_row);
    r.out = emit_index(e, emit_arg(e, LAYERNORM_OUT), row, kernel->layernorm.out_row);
    return r;
}

/* Rows first … first + count - 1. */
static void normalise_rows(Emit *e, const Kernel *kernel, IrValue first, int64_t count)
{
    RowNorm rows[MOST_ROWS];
    for (int64_t i = 0; i < count; i++)
        rows[i] = row_at(e, kernel, LLVMBuildNUWAdd(e->ir, first, emit_i64(e, i), ""));
    IrValue mean = kernel->kind != KERNEL_RMSNORM ? means(e, rows, count, add_elements) : NULL;
    for (int64_t i = 0; mean && i < count; i++)
        rows[i].mean = emit_splat_lane(e, mean, i);
    IrValue scale = deviation(e, rows, means(e, rows, count, add_squares));
    for (int64_t i = 0; i < count; i++) {
        rows[i].scale = emit_splat_lane(e, scale, i);
        rows[i].mean = kernel_is_centred(kernel) ? rows[i].mean : NULL;
        emit_for_vectors(e, rows[i].n, write_elements, &rows[i], NULL, 0);
    }
}

/* Rows that go together where there are registers: short ones stay in them from their sum to their variance, beside the sums. */
static int64_t rows_together(const Emit *e, const Kernel *kernel)
{
    enum { MOST_VECTORS = 20 };
    int64_t n = kernel->layernorm.n;
    bool fit = !emit_is_straight(e, n) || MOST_ROWS * n <= MOST_VECTORS * e->lanes;
    return e->cpu->n_vectors == 32 && fit && kernel->layernorm.rows >= MOST_ROWS ? MOST_ROWS : 1;
}

void kernel_layernorm(Emit *e, const Kernel *kernel)
{
    int64_t rows = kernel->layernorm.rows, group = rows_together(e, kernel), whole = rows / group * group;
    Loop groups = emit_loop_begin(e, rows / group, NULL, 0);
    normalise_rows(e, kernel, LLVMBuildNUWMul(e->ir, groups.index, emit_i64(e, group), ""), group);
    emit_loop_end(e, &groups, NULL);
    if (whole == rows)
        return;
    Loop rest = emit_loop_begin(e, rows - whole, NULL, 0);
    normalise_rows(e, kernel, LLVMBuildNUWAdd(e->ir, rest.index, emit_i64(e, whole), ""), 1);
    emit_loop_end(e, &rest, NULL);
}

void kernel_rmsnorm(Emit *e, const Kernel *kernel) { kernel_layernorm(e, kernel); }

void kernel_simplenorm(Emit *e, const Kernel *kernel) { kernel_layernorm(e, kernel); }

/* ── As 8-bit integers ───────────────────────────────────────────────────────────────────────────────── */

/* The difference, or that times its column's factor: what becomes an integer. */
static IrValue scaled_at(Emit *e, const RowNorm *r, IrValue first, int64_t active)
{
    IrValue difference = difference_at(e, r, first, active);
    if (!r->kernel->layernorm_quantize.scaled)
        return difference;
    IrValue at = emit_index(e, emit_arg(e, LAYERNORM_QUANTIZE_FACTORS), first, F32);
    return LLVMBuildFMul(e->ir, difference, emit_load_lanes(e, e->f32, at, active), "");
}

static void add_squares_and_span(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    add_squares(e, context, first, active, slot, carried);
    quantize_widen(e, carried + SLOTS, slot, emit_keep_lanes(e, scaled_at(e, context, first, active), active, 0));
}

static void write_bytes(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const RowNorm *r = context;
    IrValue x = r->kernel->layernorm_quantize.scaled ? scaled_at(e, r, first, active) : load_at(e, r, first, active);
    x = LLVMBuildFSub(e->ir, x, r->lowest, "");
    IrValue bytes = quantize_bytes(e, x, r->inverse, r->kernel->layernorm_quantize.out);
    emit_store_lanes(e, bytes, emit_index(e, r->out, first, 1), active);
}

static void store_for_row(Emit *e, const RowNorm *r, int argument, IrValue value)
{
    emit_store_scalar(e, value, emit_index(e, emit_arg(e, argument), r->row, F32));
}

/* The row's deviation is one factor: it is not multiplied into what becomes an integer, but into the step and the lowest.
 * mean: a scalar, or NULL. */
static void write_quantized(Emit *e, RowNorm *r, IrValue mean)
{
    IrValue slots[SLOTS + 2 * QUANTIZE_SLOTS];
    for (int i = 0; i < SLOTS + 2 * QUANTIZE_SLOTS; i++)
        slots[i] = emit_splat_const(e, 0);
    emit_for_vectors(e, r->n, add_squares_and_span, r, slots, SLOTS + 2 * QUANTIZE_SLOTS);
    IrValue squares = emit_combine_add(e, emit_combine_add(e, slots[0], slots[1]), emit_combine_add(e, slots[2], slots[3]));
    IrValue scale = deviation(e, r, divided(e, r, emit_across(e, squares, emit_combine_add)));
    QuantizeStep step = quantize_step(e, slots + SLOTS);
    store_for_row(e, r, LAYERNORM_QUANTIZE_STEP, LLVMBuildFMul(e->ir, step.step, scale, ""));
    store_for_row(e, r, LAYERNORM_QUANTIZE_LOW, LLVMBuildFMul(e->ir, step.low, scale, ""));
    bool from_mean = mean && !r->kernel->layernorm_quantize.scaled;
    r->lowest = emit_splat(e, from_mean ? LLVMBuildFAdd(e->ir, mean, step.low, "") : step.low);
    r->inverse = emit_splat(e, step.inverse);
    emit_for_vectors(e, r->n, write_bytes, r, NULL, 0);
}

void kernel_layernorm_quantize(Emit *e, const Kernel *kernel)
{
    RowNorm r = {.kernel = kernel, .n = kernel->layernorm_quantize.n, .epsilon = kernel->layernorm_quantize.epsilon};
    Loop rows = emit_loop_begin(e, kernel->layernorm_quantize.rows, NULL, 0);
    r.row = rows.index;
    r.in = emit_index(e, emit_arg(e, LAYERNORM_QUANTIZE_IN), rows.index, kernel->layernorm_quantize.in_row);
    r.out = emit_index(e, emit_arg(e, LAYERNORM_QUANTIZE_OUT), rows.index, kernel->layernorm_quantize.out_row);
    IrValue mean = NULL;
    if (kernel_is_centred(kernel)) {
        mean = divided(e, &r, emit_collect(e, r.n, add_elements, &r, -0.0, emit_combine_add));
        r.mean = emit_splat(e, mean);
    }
    write_quantized(e, &r, mean);
    emit_loop_end(e, &rows, NULL);
}

void kernel_rmsnorm_quantize(Emit *e, const Kernel *kernel) { kernel_layernorm_quantize(e, kernel); }
