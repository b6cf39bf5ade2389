/* LayerNorm over contiguous elements: mean, then variance of the differences, then scale.
 *
 * Two passes over the data, because the one-pass formula E[x²] - E[x]² cancels; the row is in L1 the second time.
 *
 *     mean = Σx/n;  variance = Σ(x-mean)²/n;  out = expr((x-mean) / sqrt(variance + epsilon))                   */
#include "compiler/codegen/emit.h"

enum { F32 = 4 };

typedef struct RowNorm {
    const Kernel *kernel;
    IrValue row, in, out;        /* number and addresses of the present row */
    IrValue mean, scale;         /* vectors */
} RowNorm;

static IrValue load_at(Emit *e, const RowNorm *r, IrValue first, int64_t active)
{
    return emit_load_lanes(e, e->f32, emit_index(e, r->in, first, F32), active);
}

static void add_elements(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *sums)
{
    sums[slot] = LLVMBuildFAdd(e->ir, sums[slot], load_at(e, context, first, active), "");
}

static void add_squares(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *sums)
{
    const RowNorm *r = context;
    IrValue difference = LLVMBuildFSub(e->ir, load_at(e, r, first, active), r->mean, "");
    difference = emit_keep_lanes(e, difference, active, 0);
    sums[slot] = emit_fma(e, difference, difference, sums[slot]);
}

static void write_elements(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried)
{
    (void)slot, (void)carried;
    const RowNorm *r = context;
    const Kernel *k = r->kernel;
    IrValue values[MAX_OPERANDS];
    values[0] = LLVMBuildFMul(e->ir, LLVMBuildFSub(e->ir, load_at(e, r, first, active), r->mean, ""), r->scale, "");
    for (int q = 1; q < k->expr.n_operands; q++) {
        IrValue at = emit_index(e, emit_arg(e, N_LAYERNORM_ARGS + q - 1), r->row, k->operands[q].row);
        values[q] = expr_load(e, &k->operands[q], emit_index(e, at, first, k->operands[q].step), active);
    }
    int64_t size = dtype_size(expr_result_type(k));
    expr_finish(e, k, values, emit_index(e, r->out, first, size), active);
}

/* The sum that body collects over the row, divided by n: a scalar. */
static IrValue row_mean(Emit *e, RowNorm *r, VectorBody *body)
{
    IrValue total = emit_collect(e, r->kernel->layernorm.n, body, r, 0, emit_combine_add);
    return LLVMBuildFDiv(e->ir, total, LLVMConstReal(e->f32, (double)r->kernel->layernorm.n), "");
}

void kernel_layernorm(Emit *e, const Kernel *kernel)
{
    RowNorm r = {.kernel = kernel};
    Loop rows = emit_loop_begin(e, kernel->layernorm.rows, NULL, 0);
    r.row = rows.index;
    r.in = emit_index(e, emit_arg(e, LAYERNORM_IN), rows.index, kernel->layernorm.in_row);
    r.out = emit_index(e, emit_arg(e, LAYERNORM_OUT), rows.index, kernel->layernorm.out_row);
    r.mean = emit_splat(e, row_mean(e, &r, add_elements));
    IrValue variance = row_mean(e, &r, add_squares);
    variance = LLVMBuildFAdd(e->ir, variance, LLVMConstReal(e->f32, kernel->layernorm.epsilon), "");
    IrValue root = emit_unary(e, "llvm.sqrt", variance);
    r.scale = emit_splat(e, LLVMBuildFDiv(e->ir, LLVMConstReal(e->f32, 1), root, ""));
    emit_for_vectors(e, kernel->layernorm.n, write_elements, &r, NULL, 0);
    emit_loop_end(e, &rows, NULL);
}
