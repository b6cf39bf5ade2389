/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* MatMulInteger by constant bytes, as passes leave it: int8 weights without zero points, one zero point of the rows.
 *
 *   y = MatMulInteger(a, b, z)   →   sums, int32, start from -z * Σ b;  sums += a · b
 *
 * Rows that are of the type which the CPU multiplies are read where they lie, others plus or less 128; Σ b as many times more
 * is in the start. What follows, scales for one, is the expression of the product's kernel; its result may be bytes again, for
 * which sums have a strip of their own. */
#include "compiler/schedule/integer.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/matmul.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/operand.h"
#include "compiler/schedule/quantized.h"

/* -zero * Σ b of each column; buffer NULL: 0. */
static Ref start_of(Lowering *l, const char *name, const Tensor *b, int64_t zero)
{
    int64_t n = b->dims[1], padded = columns_padded(n);
    if (!zero)
        return (Ref){0};
    Tensor *start = tensor_new(l->arena, DT_INT32, 1, &padded);
    int32_t *sums = (int32_t *)(uintptr_t)start->data;
    quantized_sums(b, 0, b->dims[0], sums);
    for (int64_t j = 0; j < n; j++)
        sums[j] *= -(int32_t)zero;
    return ref_to(buffer_constant(l, arena_printf(l->arena, "%s.start", name), start, 0));
}

/* Whether a product reads the rows as they lie. */
static bool may_stay(const View *a, const Panels *panels)
{
    return a->dtype == panels->product.a && !panels->product.unit && a->dims[1] % panels->product.k_pack == 0 &&
           a->strides[1] == 1;
}

/* In bytes that wrap, 128 more and 128 less are the same. */
static View rows_for(Lowering *l, const char *name, View a, const Panels *panels)
{
    View rows;
    if (!linear_rows(&a, &rows)) {
        a = view_contiguous(l, a);
        linear_rows(&a, &rows);
    }
    if (may_stay(&rows, panels))
        return rows;
    DType to = panels->product.a;
    View out = operand_rows(l, name, rows.dims[0], rows.dims[1], panels);
    Expr expr = {.n_operands = 1, .n_steps = 3};
    expr.steps[0] = (ExprStep){.op = OP_Cast, .dtype = to};
    expr.steps[1] = (ExprStep){.op = OP_Constant, .dtype = to, .imm = {(double)operand_shift(panels->product, rows.dtype)}};
    expr.steps[2] = (ExprStep){.op = OP_Add, .dtype = to, .in = {1, 2}};
    if (rows.dtype == to)
        expr.n_steps = 0;
    map_phase(l, arena_printf(l->arena, "%s.rows", name), &expr, out, &rows);
    return out;
}

static int64_t zero_of(Lowering *l, const Node *node)
{
    const View *zero = node_input(node, 2) ? view_of(l, node->inputs.at[2]) : NULL;
    return zero ? tensor_get_int(zero->constant, 0) : 0;
}

/* A region that a user wrote may have others. */
static bool is_constant(Lowering *l, const Node *node)
{
    return view_of(l, node->inputs.at[1])->constant && (!node_input(node, 2) || view_of(l, node->inputs.at[2])->constant);
}

static void multiply(Lowering *l, const Node *node, const Value *result, const Fusion *rest, View out)
{
    View a = view_of_input(l, node, 0), c;
    const Tensor *b = view_of_input(l, node, 1).constant;
    const char *name = result->name;
    int64_t k = b->dims[0], n = b->dims[1], m = view_count(&a) / k;
    Product product = product_of(l->cpu, DT_INT8);
    const ScheduleChoice *choice = gemm_choice(l, product, m, k, n);
    WeightLayout layout = {.t = 1, .c = k, .n = n, .c_stride = n, .n_stride = 1, .groups = 1};
    Panels panels = panels_constant(l, node->inputs.at[1]->name, b, layout, product, gemm_columns(l, product, choice, m, n));
    panels.choice = choice;
    linear_rows(&out, &c);
    Gemm gemm = {.a = operand_groups(rows_for(l, name, a, &panels), product), .c = c, .panels = &panels, .count = panels.n_full};
    gemm.tail = true;
    gemm.epilogue = rest;
    gemm.bias = start_of(l, name, b, zero_of(l, node) + operand_shift(product, a.dtype));
    gemm.init = gemm.bias.buffer ? GEMM_INIT_BIAS : GEMM_INIT_ZERO;
    for (int i = 1; rest && i < rest->expr.n_operands; i++)
        linear_rows(&rest->operands[i], &gemm.operands[i]);
    if (dtype_size(out.dtype) != product_sum_bytes(product))
        gemm.strip = view_temp(l, SPACE_SCRATCH, product.sum, 2, (int64_t[]){m, panels.nr}, false);
    phase_open(l, name, 2 * m * k * n);
    gemm_sections(l, &gemm);
}

bool integer_lower(Lowering *l, const Node *node, Epilogue *epilogue)
{
    if (!is_constant(l, node))
        return lower_unsupported(l, "MatMulInteger by weights that are not constant");
    const Fusion *rest = epilogue_take(epilogue, epilogue_is_linear);
    const Value *result = rest ? rest->result : node->outputs.at[0];
    View out = view_output(l, result, NULL, result->type.dtype == DT_FLOAT);
    if (view_count(&out))
        multiply(l, node, result, rest, out);
    view_set(l, result, out);
    return true;
}

bool lower_MatMulInteger(Lowering *l, const Node *node) { return integer_lower(l, node, NULL); }
