/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Which products are computed in less than float, and their left operands: bf16 has half the bytes and, where the CPU
 * multiplies pairs (vdpbf16ps), twice the speed.
 *
 * The k_pack neighbours of K that an instruction takes lie side by side, so a product of groups has the loops, panels and
 * strides of a product of floats. The left operand is converted where it is produced, or by a phase of its own; the weights
 * when they are packed. A row ends in zeros that fill its last group.
 *
 *   A float [m, k] → bf16 [m, k] → pairs [m, k/2];  B float [k, n] → [n/nr][k/2][nr][2];  C float [m, n]
 *
 * Where the CPU has a matrix unit for them, it does them all (tiles.c).
 *
 * The head stays in float: its rows are pictures, so it is small, and its result is the answer. So do products over
 * few channels, such as the stem's: they are little of a model's work (0.3 % of ConvNeXt-T's), and the fewer terms a sum
 * has, the less their rounding averages out. */
#include "compiler/schedule/operand.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "ir/region.h"

#include <string.h>

enum { FEW_CHANNELS = 64 };

static bool is_head(const Lowering *l, const View *a)
{
    int64_t dims[MAX_RANK];
    if (a->rank != 2 || !l->graph->inputs.len)
        return a->rank < 2;
    return value_dims(l->graph->inputs.at[0], dims) > 0 && dims[0] == a->dims[0];
}

/* Of products of floats: what a region says, or else the program. Passes have said which products are of integers. */
static DType precision_here(const Lowering *l)
{
    for (const Scope *scope = l->scope; scope; scope = scope->outer)
        if (region_precision(scope->region))
            return region_precision(scope->region);
    return l->program->precision == DT_INT8 ? DT_FLOAT : l->program->precision;
}

Product product_for(const Lowering *l, const View *a)
{
    bool few = !view_count(a) || a->rank < 1 || a->dims[a->rank - 1] < FEW_CHANNELS;
    return product_of(l->cpu, few || is_head(l, a) ? DT_FLOAT : precision_here(l));
}

/* From a float, value `from` of an expression, to an element of A. */
static ExprStep conversion(Product product, int from)
{
    return (ExprStep){.op = OP_Cast, .in = {from}, .dtype = product.a, .imm = {CAST_OF_PRODUCT}};
}

void operand_copy_phase(Lowering *l, const char *name, Product product, View out, View in)
{
    Expr expr = {.n_operands = 1, .n_steps = 1, .steps[0] = conversion(product, 0)};
    map_phase(l, name, &expr, out, &in);
}

/* A matrix unit reads whole tiles: of the last one's rows, those behind m belong to nobody. */
View operand_place(Lowering *l, Space space, int64_t m, int64_t k, const Panels *panels)
{
    Product product = panels->product;
    int64_t more = product.unit ? product.unit - 1 : 0;
    View rows = view_temp(l, space, product.a, 2, (int64_t[]){m + more, product.k_pack * panels->k}, true);
    rows.dims[0] = m;
    rows.dims[1] = k;
    return rows;
}

static View end_of(View rows, const Panels *panels)
{
    return view_slice(rows, 1, pos_at(rows.dims[1]), panels->product.k_pack * panels->k - rows.dims[1], 1);
}

int64_t operand_shift(Product product, DType from) { return from == product.a ? 0 : product.a == DT_UINT8 ? 128 : -128; }

View operand_rows(Lowering *l, const char *name, int64_t m, int64_t k, const Panels *panels)
{
    View rows = operand_place(l, SPACE_ARENA, m, k, panels);
    operand_end_phase(l, name, rows, panels);
    return rows;
}

void operand_end_phase(Lowering *l, const char *name, View rows, const Panels *panels)
{
    View end = end_of(rows, panels);
    if (end.dims[1])
        fill_phase(l, arena_printf(l->arena, "%s.end", name), end, 0);
}

void operand_end_rows(Lowering *l, View rows, const Panels *panels)
{
    View end = end_of(rows, panels);
    if (end.dims[1])
        fill_emit(l, end, 0);
}

View operand_converted(Lowering *l, const char *name, View rows, const Panels *panels)
{
    name = arena_printf(l->arena, "%s.%s", name, dtype_name(panels->product.a));
    View out = operand_rows(l, name, rows.dims[0], rows.dims[1], panels);
    operand_copy_phase(l, name, panels->product, out, rows);
    return operand_groups(out, panels->product);
}

View operand_groups(View rows, Product product)
{
    rows.dims[1] = product_groups(product, rows.dims[1]);
    rows.strides[1] *= product.k_pack;
    return rows;
}

bool operand_fuse(const Fusion *fusion, Product product, Fusion *converted)
{
    memset(converted, 0, sizeof *converted);
    if (fusion)
        *converted = *fusion;
    Expr *expr = &converted->expr;
    if (expr->n_steps == countof(expr->steps))
        return false;
    if (!expr->n_operands)
        expr->n_operands = 1;
    int last = expr->n_steps ? expr->n_operands + expr->n_steps - 1 : 0;
    expr->steps[expr->n_steps++] = conversion(product, last);
    return true;
}
