/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Values of the graph and where they lie: the view of each, found by its value, and where a node writes its output.
 *
 *   y = Relu(x), y an output of the graph   →   view_output(y): the graph's own tensor
 *   t = Relu(x), used once more             →   view_output(t): a place of its own in the arena
 *
 * A region's body is lowered as if its nodes stood in the graph: what a body gives out is the value that the region computes. */
#include "compiler/schedule/value.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

#include <assert.h>

/* ── The view of a value ─────────────────────────────────────────────────────────────────────────────── */

int value_dims(const Value *value, int64_t *dims)
{
    for (int i = 0; i < value->type.shape.rank; i++) {
        int64_t size = value->type.shape.dims[i].size;
        dims[i] = size < 0 ? 1 : size;
    }
    return value->type.shape.rank;
}

bool value_is_per_image(const Value *value) { return value->type.shape.rank > 0 && value->type.shape.dims[0].size < 0; }

/* Where a value's entry is or belongs: open addressing. */
static ViewEntry *view_entry(const ViewMap *map, const Value *value)
{
    uint64_t hash = ((uint64_t)(uintptr_t)value >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint64_t at = hash >> 32;; at++) {
        ViewEntry *entry = &map->entries[at & (uint64_t)(map->cap - 1)];
        if (!entry->value || entry->value == value)
            return entry;
    }
}

static void views_grow(ViewMap *map, Arena *arena)
{
    ViewMap bigger = {.len = map->len, .cap = map->cap ? 2 * map->cap : 256};
    bigger.entries = NEW_ARRAY(arena, ViewEntry, bigger.cap);
    for (int64_t i = 0; i < map->cap; i++)
        if (map->entries[i].value)
            *view_entry(&bigger, map->entries[i].value) = map->entries[i];
    *map = bigger;
}

void view_set(Lowering *l, const Value *value, View view)
{
    if (2 * l->views.len >= l->views.cap)
        views_grow(&l->views, l->arena);
    ViewEntry *entry = view_entry(&l->views, value);
    l->views.len += !entry->value;
    entry->value = value;
    entry->view = NEW(l->arena, View);
    *entry->view = view;
}

View *view_found(const Lowering *l, const Value *value) { return l->views.cap ? view_entry(&l->views, value)->view : NULL; }

const View *view_of(Lowering *l, const Value *value)
{
    if (!view_found(l, value)) {
        assert(value->constant);
        view_set(l, value, view_constant(l, value->constant, value->name));
    }
    return view_found(l, value);
}

View view_of_input(Lowering *l, const Node *node, int64_t input) { return *view_of(l, node->inputs.at[input]); }

View view_constant(Lowering *l, const Tensor *tensor, const char *name)
{
    View view = view_dense(ref_to(buffer_constant(l, name, tensor, 0)), tensor->dtype, tensor->rank, tensor->dims);
    view.constant = tensor;
    return view;
}

/* ── Where outputs go ────────────────────────────────────────────────────────────────────────────────── */

/* The value, as far outside as regions give it out. */
static const Value *outer_value(const Lowering *l, const Value *value)
{
    for (const Scope *scope = l->scope; scope; scope = scope->outer) {
        const Graph *body = node_attr_graph(scope->region, "body");
        for (int64_t i = 0; i < body->outputs.len; i++)
            if (body->outputs.at[i] == value && scope->region->outputs.at[i]) {
                value = scope->region->outputs.at[i];
                break;
            }
    }
    return value;
}

bool value_is_result(const Lowering *l, const Value *value)
{
    const Value *outer = outer_value(l, value);
    return outer->is_output && outer->graph == l->graph;
}

static bool is_row_major(int rank, const int64_t *dims, const int *order)
{
    int last = -1;
    for (int i = 0; order && i < rank; i++) {
        if (dims[order[i]] == 1)
            continue;
        if (order[i] < last)
            return false;
        last = order[i];
    }
    return true;
}

View view_output(Lowering *l, const Value *value, const int *order, bool pad)
{
    const Value *outer = outer_value(l, value);
    int64_t dims[MAX_RANK];
    int rank = value_dims(outer, dims);
    Buffer *buffer = value_is_result(l, value) && is_row_major(rank, dims, order) ? strmap_get(&l->results, outer->name) : NULL;
    View view = buffer ? view_dense(ref_to(buffer), outer->type.dtype, rank, dims)
                       : view_ordered(l, outer->name, SPACE_ARENA, outer->type.dtype, rank, dims, order, pad);
    view.when = l->when;
    view.per_image = value_is_per_image(outer);
    return view;
}

View float_output(Lowering *l, const Value *value, const int *order, bool pad)
{
    int64_t dims[MAX_RANK];
    if (value->type.dtype == DT_FLOAT)
        return view_output(l, value, order, pad);
    int rank = value_dims(value, dims);
    View view = view_ordered(l, arena_printf(l->arena, "%s.float", value->name), SPACE_ARENA, DT_FLOAT, rank, dims, order, pad);
    view.when = l->when;
    return view;
}

void float_output_set(Lowering *l, const Value *value, View computed)
{
    if (value->type.dtype != computed.dtype) {
        View out = view_output(l, value, NULL, false);
        copy_phase(l, value->name, out, computed);
        computed = out;
    }
    view_set(l, value, computed);
}

View output_like(Lowering *l, const Value *value, const View *like)
{
    int order[VIEW_RANK] = {0};
    if (like->rank != value->type.shape.rank || value_is_result(l, value)) /* a result is written in its place at once */
        return view_output(l, value, NULL, false);
    for (int i = 0; i < like->rank; i++)
        if (like->strides[i] <= 0 && like->dims[i] != 1)
            return view_output(l, value, NULL, false);
    view_order(like, order);
    return view_output(l, value, order, false);
}
