/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of 8-bit integers: left rows that find their scales, weights in panels, and what makes floats of the sums.
 *
 *   y = RowQuantizedMatMul(a, b, b_scale)   →   bytes, step, low = quantize(a);  sums = bytes · b, int32
 *                                               y = float(sums) * step * b_scale + low * (b_scale * Σ b)
 *
 * A range of b's rows is a product of its own, whose floats are added up in y: each row has a step and a low for each. All that
 * follows the sums is the kernel's expression, so bias, activation and residual come behind it as behind any product.
 *
 * Instructions want bytes of one sign. Where they are signed, they are 128 less, and so is every sum by Σ b as many times: sums
 * start from the opposite, and are the same on every CPU. */
#include "compiler/schedule/quantized.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/matmul.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/operand.h"

#include <string.h>

enum { CHUNK = 16384 };

/* ── Weights ─────────────────────────────────────────────────────────────────────────────────────────── */

bool quantized_weights(Lowering *l, const Node *node, QuantizedWeights *w)
{
    if (node->op->kind != OP_RowQuantizedMatMul)
        return false;
    int64_t range = node_attr_int(node, "range");
    *w = (QuantizedWeights){.b = view_of_input(l, node, 1).constant, .scale = view_of_input(l, node, 2).constant};
    if (!w->b || !w->scale || !w->b->count)
        return false;
    w->range = range ? range : w->b->dims[0];
    w->n_ranges = w->b->dims[0] / w->range;
    w->padded = columns_padded(w->b->dims[1]);
    return true;
}

static int64_t columns_of(const QuantizedWeights *w) { return w->b->dims[1]; }

void quantized_sums(const Tensor *b, int64_t first, int64_t rows, int32_t *sums)
{
    int64_t n = b->dims[1];
    const int8_t *row = (const int8_t *)b->data + first * n;
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int64_t i = 0; i < rows; i++, row += n)
        for (int64_t j = 0; j < n; j++)
            sums[j] += row[j];
}

static Tensor *table_new(Lowering *l, const QuantizedWeights *w, DType dtype)
{
    Tensor *table = tensor_new(l->arena, dtype, 2, (int64_t[]){w->n_ranges, w->padded});
    if (!table)
        out_of_memory();
    return table;
}

static void pack_totals(Lowering *l, const char *name, QuantizedWeights *w)
{
    int64_t n = columns_of(w), zero = operand_shift(w->panels.product, DT_UINT8);
    Tensor *start = table_new(l, w, DT_INT32), *totals = table_new(l, w, DT_FLOAT);
    int32_t *row = NEW_ARRAY(l->arena, int32_t, n);
    for (int64_t r = 0; r < w->n_ranges; r++) {
        quantized_sums(w->b, r * w->range, w->range, row);
        for (int64_t j = 0; j < n; j++) {
            tensor_set_int(start, r * w->padded + j, -zero * row[j]);
            tensor_set(totals, r * w->padded + j, (double)row[j] * tensor_get(w->scale, j));
        }
    }
    if (zero)
        w->start = ref_to(buffer_constant(l, arena_printf(l->arena, "%s.start", name), start, 0));
    w->totals = ref_to(buffer_constant(l, arena_printf(l->arena, "%s.totals", name), totals, 0));
}

void quantized_pack(Lowering *l, const char *name, QuantizedWeights *w, int64_t nr, const ScheduleChoice *choice)
{
    int64_t n = columns_of(w);
    WeightLayout layout = {.t = 1, .c = w->range, .n = n, .c_stride = n, .n_stride = 1, .groups = w->n_ranges};
    layout.group_stride = w->range * n;
    w->panels = panels_constant(l, name, w->b, layout, product_of(l->cpu, DT_INT8), nr);
    w->panels.choice = choice;
    w->scales = ref_to(buffer_constant(l, arena_printf(l->arena, "%s.scale", name), w->scale, w->padded));
    pack_totals(l, name, w);
}

/* ── Rows ────────────────────────────────────────────────────────────────────────────────────────────── */

QuantizedRows quantized_rows(Lowering *l, Space space, int64_t m, const QuantizedWeights *w)
{
    QuantizedRows rows = {.bytes = operand_place(l, space, m, w->range, &w->panels)};
    rows.step = view_temp(l, space, DT_FLOAT, 1, &m, false);
    rows.low = view_temp(l, space, DT_FLOAT, 1, &m, false);
    return rows;
}

QuantizedRows quantized_part(QuantizedRows rows, Pos first, int64_t m)
{
    rows.bytes = view_slice(rows.bytes, 0, first, m, 1);
    rows.step = view_slice(rows.step, 0, first, m, 1);
    rows.low = view_slice(rows.low, 0, first, m, 1);
    return rows;
}

void quantize_rows(Lowering *l, View floats, const QuantizedRows *rows)
{
    Kernel kernel = {.kind = KERNEL_QUANTIZE};
    kernel.quantize.rows = floats.dims[0];
    kernel.quantize.n = floats.dims[1];
    kernel.quantize.in_row = floats.strides[0];
    kernel.quantize.out_row = rows->bytes.strides[0];
    kernel.quantize.out = rows->bytes.dtype;
    emit_call(l, &kernel,
              (Ref[]){[QUANTIZE_IN] = floats.ref,
                      [QUANTIZE_OUT] = rows->bytes.ref,
                      [QUANTIZE_STEP] = rows->step.ref,
                      [QUANTIZE_LOW] = rows->low.ref},
              N_QUANTIZE_ARGS);
}

void norm_quantize_rows(Lowering *l, const Node *norm, View in, const QuantizedRows *out, Ref factors)
{
    Kernel kernel = {.kind = norm->op->kind == OP_RMSNormalization ? KERNEL_RMSNORM_QUANTIZE : KERNEL_LAYERNORM_QUANTIZE};
    kernel.layernorm_quantize.rows = in.dims[0];
    kernel.layernorm_quantize.n = in.dims[1];
    kernel.layernorm_quantize.in_row = in.strides[0];
    kernel.layernorm_quantize.out_row = out->bytes.strides[0];
    kernel.layernorm_quantize.epsilon = node_attr_float(norm, "epsilon");
    kernel.layernorm_quantize.out = out->bytes.dtype;
    kernel.layernorm_quantize.scaled = factors.buffer;
    emit_call(l, &kernel, (Ref[]){in.ref, out->bytes.ref, out->step.ref, out->low.ref, factors}, N_LAYERNORM_QUANTIZE_ARGS);
}

static void quantize_phase(Lowering *l, const char *name, View floats, const QuantizedRows *rows, const Panels *panels)
{
    int64_t m = floats.dims[0], block = CHUNK / floats.dims[1];
    Tiling tiling = tile_blocks(m, block < 1 ? 1 : block < m ? block : m);
    operand_end_phase(l, name, rows->bytes, panels);
    phase_open(l, name, 4 * view_count(&floats));
    for (int i = 0; i < 2; i++) {
        int64_t size = tiling.parts[i].size;
        if (!tiling.parts[i].count)
            continue;
        Pos at = pos_loop(pos_at(tiling.parts[i].start), section_open(l, tiling.parts[i].count), size);
        QuantizedRows part = quantized_part(*rows, at, size);
        quantize_rows(l, view_slice(floats, 0, at, size, 1), &part);
        loop_close(l);
    }
}

/* ── What follows the sums ───────────────────────────────────────────────────────────────────────────── */

bool quantized_fits(const Fusion *rest)
{
    enum { OPERANDS = 6, STEPS = 6 }; /* with what is added */
    return !rest || (OPERANDS + rest->expr.n_operands - 1 <= MAX_OPERANDS && STEPS + rest->expr.n_steps <= MAX_STEPS);
}

static int operand(Fusion *fusion, Ref ref, int64_t m, int64_t n, int64_t row, int64_t step)
{
    int value = 0;
    View view = {.ref = ref, .dtype = DT_FLOAT, .rank = 2, .dims = {m, n}, .strides = {row, step}};
    if (!fusion_operand(fusion, NULL, view, NULL, &value))
        unreachable();
    return value;
}

static int step(Fusion *fusion, OpKind op, int a, int b)
{
    int value = 0;
    if (!fusion_step(fusion, op, DT_FLOAT, a, b, 0, 0, 0, &value))
        unreachable();
    return value;
}

int quantized_product(Gemm *gemm, const QuantizedWeights *w, const QuantizedRows *rows, Pos range, const View *add,
                      const Fusion *rest, Fusion *fusion)
{
    int64_t m = rows->bytes.dims[0], n = columns_of(w), row_bytes = w->padded * 4;
    *fusion = (Fusion){.expr.n_operands = 1};
    int value = step(fusion, OP_Cast, 0, 0);
    value = step(fusion, OP_Mul, value, operand(fusion, rows->step.ref, m, n, 4, 0));
    value = step(fusion, OP_Mul, value, operand(fusion, w->scales, m, n, 0, 4));
    int low = operand(fusion, rows->low.ref, m, n, 4, 0);
    int total = operand(fusion, ref_pos(w->totals, range, row_bytes), m, n, 0, 4);
    value = step(fusion, OP_Add, value, step(fusion, OP_Mul, low, total));
    if (add)
        value = step(fusion, OP_Add, value, operand(fusion, add->ref, m, n, add->strides[0], add->strides[1]));
    int own = fusion->expr.n_operands;
    if (rest && !fusion_append(fusion, rest, &value))
        unreachable();
    fusion_end(fusion);
    gemm->a = operand_groups(rows->bytes, w->panels.product);
    gemm->epilogue = fusion;
    gemm->init = w->start.buffer ? GEMM_INIT_BIAS : GEMM_INIT_ZERO;
    gemm->bias = ref_pos(w->start, range, row_bytes);
    for (int i = 1; i < fusion->expr.n_operands; i++)
        linear_rows(&fusion->operands[i], &gemm->operands[i]);
    return own;
}

/* ── Phases ──────────────────────────────────────────────────────────────────────────────────────────── */

static const Fusion *taken(Epilogue *epilogue)
{
    return epilogue && epilogue->fusion && quantized_fits(epilogue->fusion) ? epilogue_take(epilogue, epilogue_is_linear) : NULL;
}

/* One range after the other, the later ones added to what `out` holds. */
static void product_phases(Lowering *l, const char *name, const QuantizedWeights *w, View a, View out, const Fusion *rest)
{
    int64_t m = a.dims[0], n = columns_of(w);
    QuantizedRows rows = quantized_rows(l, SPACE_ARENA, m, w);
    for (int64_t i = 0; i < w->n_ranges; i++) {
        Panels panels = panels_group(w->panels, pos_at(i));
        Gemm gemm = {.c = out, .panels = &panels, .count = panels.n_full, .tail = true};
        bool last = i == w->n_ranges - 1;
        quantize_phase(l, arena_printf(l->arena, "%s.int8", name), view_slice(a, 1, pos_at(i * w->range), w->range, 1), &rows,
                       &w->panels);
        quantized_product(&gemm, w, &rows, pos_at(i), i ? &out : NULL, last ? rest : NULL, NEW(l->arena, Fusion));
        phase_open(l, name, 2 * m * w->range * n);
        gemm_sections(l, &gemm);
    }
}

bool quantized_lower(Lowering *l, const Node *node, Epilogue *epilogue)
{
    QuantizedWeights w;
    View a = view_of_input(l, node, 0), rows;
    if (!quantized_weights(l, node, &w))
        return lower_unsupported(l, "RowQuantizedMatMul by weights that are not constant, or empty,");
    const Fusion *rest = taken(epilogue);
    const Value *result = rest ? rest->result : node->outputs.at[0];
    View out = float_output(l, result, NULL, true);
    if (view_count(&out)) {
        a = matrix_rows(l, a);
        linear_rows(&out, &rows);
        Product product = product_of(l->cpu, DT_INT8);
        const ScheduleChoice *choice = gemm_choice(l, product, a.dims[0], w.range, columns_of(&w));
        quantized_pack(l, node->inputs.at[1]->name, &w, gemm_columns(l, product, choice, a.dims[0], columns_of(&w)), choice);
        product_phases(l, result->name, &w, a, rows, rest);
    }
    float_output_set(l, result, out);
    return true;
}

bool lower_RowQuantizedMatMul(Lowering *l, const Node *node) { return quantized_lower(l, node, NULL); }
