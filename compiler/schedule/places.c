/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Where elements stand: a constant where that is small, and otherwise computed, so that a model of a hundred bytes makes no program
 * of a gigabyte.
 *
 *   places of [3,4], strides 40 and 10   →   {0, 10, 20, 30, 40, … 110}
 *   of [3000,4000]                       →   out = 40 * {0, 1, …, 2999}, as a column;  out = out + 10 * {0, 1, …, 3999} */
#include "compiler/schedule/places.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

#include <assert.h>

static View table(Lowering *l, const char *name, int rank, const int64_t *dims, const int64_t *strides)
{
    Tensor *tensor = tensor_new(l->arena, DT_INT64, rank, dims);
    for (int64_t e = 0; e < tensor->count; e++) {
        int64_t rest = e, sum = 0;
        for (int i = rank - 1; i >= 0; rest /= dims[i], i--)
            sum += rest % dims[i] * strides[i];
        tensor_set_int(tensor, e, sum);
    }
    return view_constant(l, tensor, arena_printf(l->arena, "%s.places", name));
}

/* out = so_far + stride * along. */
static void add_places(Lowering *l, const char *name, View out, View so_far, View along, int64_t stride)
{
    Expr expr = {.n_operands = 2,
                 .n_steps = 3,
                 .steps = {{.op = OP_Constant, .imm[0] = (double)stride, .dtype = DT_INT64},
                           {.op = OP_Mul, .in = {1, 2}, .dtype = DT_INT64},
                           {.op = OP_Add, .in = {3, 0}, .dtype = DT_INT64}}};
    map_phase(l, name, &expr, out, (View[]){so_far, along});
}

/* Counted in two digits, the last of which is a table. */
View places_along(Lowering *l, const char *name, int64_t n)
{
    int64_t one = 1, digits[2] = {(n + MOST_TABLED - 1) / MOST_TABLED, MOST_TABLED}, padded = digits[0] * digits[1];
    if (n <= MOST_TABLED)
        return table(l, name, 1, &n, &one);
    View out = view_temp(l, SPACE_ARENA, DT_INT64, 2, digits, false);
    View low = places_along(l, name, digits[1]), high = view_insert(places_along(l, name, digits[0]), 1, digits[1], 0);
    view_broadcast(&low, 2, digits);
    add_places(l, name, out, low, high, digits[1]);
    view_reshape(&out, 1, &padded);
    return view_slice(out, 0, pos_at(0), n, 1);
}

View places_of(Lowering *l, const char *name, int rank, const int64_t *dims, const int64_t *strides)
{
    int64_t used[MAX_RANK], count = 1;
    assert(0 <= rank && rank <= MAX_RANK);
    for (int i = 0; i < rank; i++) {
        used[i] = strides[i] ? dims[i] : 1;
        count *= used[i];
    }
    bool computed = count > MOST_TABLED;
    View out = computed ? view_temp(l, SPACE_ARENA, DT_INT64, rank, used, false) : table(l, name, rank, used, strides);
    if (computed)
        fill_phase(l, name, out, 0);
    for (int i = 0; i < rank && computed; i++) {
        if (used[i] == 1)
            continue;
        View along = places_along(l, name, used[i]);
        for (int k = i + 1; k < rank; k++)
            along = view_insert(along, along.rank, 1, 0);
        view_broadcast(&along, rank, used);
        add_places(l, name, out, out, along, strides[i]);
    }
    view_broadcast(&out, rank, dims);
    return out;
}
