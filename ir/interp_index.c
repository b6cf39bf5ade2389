/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reference functions of operators that pick and place elements by index, that order them, and that add them up on the way. */
#include "ir/interp_util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REF(name) bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
#define UNUSED (void)node, (void)inputs, (void)outputs, (void)diag

static int64_t product(const int64_t *dims, int from, int to)
{
    int64_t result = 1;
    for (int i = from; i < to; i++)
        result *= dims[i];
    return result;
}

static void copy_all(Tensor *to, const Tensor *from)
{
    for (int64_t i = 0; i < to->count; i++)
        tensor_copy_element(to, i, from, i);
}

/* ── What an update does ─────────────────────────────────────────────────────────────────────────────── */

static double combine_floats(const char *how, double a, double b)
{
    if (strcmp(how, "add") == 0)
        return a + b;
    if (strcmp(how, "mul") == 0)
        return a * b;
    if (isnan(a) || isnan(b))
        return NAN;
    return (strcmp(how, "max") == 0) == (a > b) ? a : b;
}

/* Sums and products wrap. */
static int64_t combine_integers(const char *how, int64_t a, int64_t b, bool is_unsigned)
{
    if (strcmp(how, "add") == 0)
        return (int64_t)((uint64_t)a + (uint64_t)b);
    if (strcmp(how, "mul") == 0)
        return (int64_t)((uint64_t)a * (uint64_t)b);
    bool greater = is_unsigned ? (uint64_t)a > (uint64_t)b : a > b;
    return (strcmp(how, "max") == 0) == greater ? a : b;
}

static void update(const char *how, Tensor *out, int64_t at, const Tensor *updates, int64_t i)
{
    if (strcmp(how, "none") == 0)
        tensor_copy_element(out, at, updates, i);
    else if (tensor_is_integer(out))
        tensor_set_int(out, at,
                       combine_integers(how, tensor_get_int(out, at), tensor_get_int(updates, i), out->dtype == DT_UINT64));
    else
        tensor_set(out, at, combine_floats(how, tensor_get(out, at), tensor_get(updates, i)));
}

/* ── Elements ────────────────────────────────────────────────────────────────────────────────────────── */

/* Where in data the indices' elements stand, but for the index itself; strides of data. */
static Walk walk_beside(const Node *node, const Tensor *data, const Tensor *indices, int64_t *along)
{
    int64_t strides[MAX_RANK];
    int axis = node_axis(node);
    Walk walk = walk_over(indices->rank, indices->dims);
    dense_strides(data->rank, data->dims, strides);
    for (int i = 0; i < data->rank; i++)
        walk.stride[0][i] = i == axis ? 0 : strides[i];
    *along = strides[axis];
    return walk;
}

REF(GatherElements)
{
    int64_t along, at, n = inputs[0]->dims[node_axis(node)];
    Walk walk = walk_beside(node, inputs[0], inputs[1], &along);
    for (int64_t i = 0; i < inputs[1]->count; i++, walk_next(&walk)) {
        if (!interp_index(node, inputs[1], i, n, &at, diag))
            return false;
        tensor_copy_element(outputs[0], i, inputs[0], walk.offset[0] + at * along);
    }
    return true;
}

REF(ScatterElements)
{
    int64_t along, at, n = inputs[0]->dims[node_axis(node)];
    Walk walk = walk_beside(node, inputs[0], inputs[1], &along);
    copy_all(outputs[0], inputs[0]);
    for (int64_t i = 0; i < inputs[1]->count; i++, walk_next(&walk)) {
        if (!interp_index(node, inputs[1], i, n, &at, diag))
            return false;
        update(node_attr_string(node, "reduction"), outputs[0], walk.offset[0] + at * along, inputs[2], i);
    }
    return true;
}

/* ── Slices by coordinates ───────────────────────────────────────────────────────────────────────────── */

/* Of data: the first element of slice `row` of those that indices names, behind `batch` dimensions that both have. */
static bool slice_at(const Node *node, const Tensor *data, const Tensor *indices, int batch, int64_t row, int64_t *from,
                     Diag *diag)
{
    int64_t n = indices->dims[indices->rank - 1], rows = product(indices->dims, batch, indices->rank - 1), at;
    *from = row / rows * product(data->dims, batch, data->rank);
    for (int64_t j = 0; j < n; j++) {
        int dim = batch + (int)j;
        if (!interp_index(node, indices, row * n + j, data->dims[dim], &at, diag))
            return false;
        *from += at * product(data->dims, dim + 1, data->rank);
    }
    return true;
}

REF(GatherND)
{
    const Tensor *data = inputs[0], *indices = inputs[1];
    int batch = (int)node_attr_int(node, "batch_dims"), n = (int)indices->dims[indices->rank - 1];
    int64_t inner = product(data->dims, batch + n, data->rank), from;
    for (int64_t row = 0; row < product(indices->dims, 0, indices->rank - 1); row++) {
        if (!slice_at(node, data, indices, batch, row, &from, diag))
            return false;
        for (int64_t i = 0; i < inner; i++)
            tensor_copy_element(outputs[0], row * inner + i, data, from + i);
    }
    return true;
}

REF(ScatterND)
{
    const Tensor *data = inputs[0], *indices = inputs[1];
    int64_t inner = product(data->dims, (int)indices->dims[indices->rank - 1], data->rank), to;
    copy_all(outputs[0], data);
    for (int64_t row = 0; row < product(indices->dims, 0, indices->rank - 1); row++) {
        if (!slice_at(node, data, indices, 0, row, &to, diag))
            return false;
        for (int64_t i = 0; i < inner; i++)
            update(node_attr_string(node, "reduction"), outputs[0], to + i, inputs[2], row * inner + i);
    }
    return true;
}

REF(NonZero)
{
    UNUSED;
    Walk walk = walk_over(inputs[0]->rank, inputs[0]->dims);
    int64_t found = 0;
    for (int64_t i = 0; i < inputs[0]->count; i++, walk_next(&walk)) {
        if (tensor_get(inputs[0], i) == 0)
            continue;
        for (int d = 0; d < walk.rank; d++)
            tensor_set_int(outputs[0], d * outputs[0]->dims[1] + found, walk.at[d]);
        found++;
    }
    return true;
}

/* ── Order ───────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Item {
    double number; /* of a float, else 0 */
    int64_t whole; /* of an integer; a uint64 as far from the lowest int64 as it is from 0 */
    int64_t place;
} Item;

static Item item_of(const Tensor *tensor, int64_t i, int64_t place)
{
    if (!tensor_is_integer(tensor))
        return (Item){.number = tensor_get(tensor, i), .place = place};
    int64_t whole = tensor_get_int(tensor, i);
    return (Item){.whole = tensor->dtype == DT_UINT64 ? whole ^ INT64_MIN : whole, .place = place};
}

/* A NaN is greater than any number. */
static int by_value(const Item *a, const Item *b)
{
    if (isnan(a->number) || isnan(b->number))
        return (isnan(a->number) != 0) - (isnan(b->number) != 0);
    if (a->whole != b->whole)
        return a->whole < b->whole ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static int by_place(const Item *a, const Item *b) { return (a->place > b->place) - (a->place < b->place); }

static int smallest_first(const void *a, const void *b)
{
    int order = by_value(a, b);
    return order ? order : by_place(a, b);
}

static int greatest_first(const void *a, const void *b)
{
    int order = by_value(b, a);
    return order ? order : by_place(a, b);
}

REF(TopK)
{
    UNUSED;
    const Tensor *x = inputs[0], *any = outputs[0] ? outputs[0] : outputs[1];
    int axis = node_axis(node);
    int64_t n = x->dims[axis], inner = product(x->dims, axis + 1, x->rank), k = any->dims[axis];
    Arena *scratch = arena_new();
    Item *items = NEW_ARRAY(scratch, Item, n);
    for (int64_t row = 0; n && row < x->count / n; row++) {
        int64_t from = row / inner * n * inner + row % inner, to = row / inner * k * inner + row % inner;
        for (int64_t i = 0; i < n; i++)
            items[i] = item_of(x, from + i * inner, i);
        qsort(items, (size_t)n, sizeof *items, node_attr_int(node, "largest") ? greatest_first : smallest_first);
        for (int64_t i = 0; i < k; i++) {
            if (outputs[0])
                tensor_copy_element(outputs[0], to + i * inner, x, from + items[i].place * inner);
            if (node->outputs.len > 1 && outputs[1])
                tensor_set_int(outputs[1], to + i * inner, items[i].place);
        }
    }
    arena_free(scratch);
    return true;
}

/* ── Running sums and products ───────────────────────────────────────────────────────────────────────── */

/* Of n elements `step` apart, from `at` on; what has been taken up so far, before or after each. */
static void scan_row(const Tensor *x, Tensor *y, int64_t at, int64_t n, int64_t step, bool exclusive, bool multiply)
{
    double sum = multiply;
    uint64_t whole = multiply;
    bool integers = tensor_is_integer(x);
    for (int64_t i = 0; i < n; i++, at += step) {
        double number = tensor_get(x, at), next = multiply ? sum * number : sum + number;
        uint64_t element = (uint64_t)tensor_get_int(x, at), whole_next = multiply ? whole * element : whole + element;
        if (integers)
            tensor_set_int(y, at, (int64_t)(exclusive ? whole : whole_next));
        else
            tensor_set(y, at, exclusive ? sum : next);
        sum = next;
        whole = whole_next;
    }
}

static bool scan(const Node *node, const Tensor *x, Tensor *y, bool multiply)
{
    int64_t written = node_ints(node, "", 1).at[0], axis = written < 0 ? written + x->rank : written;
    int64_t n = x->dims[axis], inner = product(x->dims, (int)axis + 1, x->rank);
    bool reverse = node_attr_int(node, "reverse");
    for (int64_t row = 0; n && row < x->count / n; row++) {
        int64_t first = row / inner * n * inner + row % inner;
        scan_row(x, y, reverse ? first + (n - 1) * inner : first, n, reverse ? -inner : inner, node_attr_int(node, "exclusive"),
                 multiply);
    }
    return true;
}

REF(CumProd)
{
    UNUSED;
    return scan(node, inputs[0], outputs[0], true);
}
REF(CumSum)
{
    UNUSED;
    return scan(node, inputs[0], outputs[0], false);
}
