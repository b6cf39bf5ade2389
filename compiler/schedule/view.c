/* Views: values as strided places in buffers, and what can be done to them without moving a byte.
 *
 *   x [4,6] strides 24 4:  permute(1,0) → [6,4] strides 4 24;  slice(1, 2, 3) → [4,3] at +8;
 *   reshape(2,2,6) → strides 48 24 4;  the permuted one reshaped to [24] needs a copy */
#include "compiler/schedule/view.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

#include <assert.h>
#include <string.h>

/* ── Values and their views ──────────────────────────────────────────────────────────────────────────── */

int value_dims(const Value *value, int64_t *dims)
{
    for (int i = 0; i < value->type.shape.rank; i++) {
        int64_t size = value->type.shape.dims[i].size;
        dims[i] = size < 0 ? 1 : size;
    }
    return value->type.shape.rank;
}

void view_set(Lowering *l, const Value *value, View view)
{
    vec_push(l->arena, &l->views, view);
    ((Value *)value)->mark = l->views.len;
}

const View *view_of(Lowering *l, const Value *value)
{
    if (!value->mark) {
        assert(value->constant);
        view_set(l, value, view_constant(l, value->constant, value->name));
    }
    return &l->views.at[value->mark - 1];
}

View view_dense(Ref ref, DType dtype, int rank, const int64_t *dims)
{
    View view = {.ref = ref, .dtype = dtype, .rank = rank};
    int64_t stride = dtype_size(dtype);
    for (int i = rank - 1; i >= 0; i--) {
        view.dims[i] = dims[i];
        view.strides[i] = stride;
        stride *= dims[i];
    }
    return view;
}

View view_constant(Lowering *l, const Tensor *tensor, const char *name)
{
    View view = view_dense(ref_to(buffer_constant(l, name, tensor, 0)), tensor->dtype, tensor->rank, tensor->dims);
    view.constant = tensor;
    return view;
}

/* The value of the main graph that a body's output stands for. */
static const Value *outer_value(const Lowering *l, const Value *value)
{
    if (!l->region || value->graph == l->graph)
        return value;
    for (int64_t i = 0; i < value->graph->outputs.len; i++)
        if (value->graph->outputs.at[i] == value)
            return l->region->outputs.at[i];
    return value;
}

bool value_is_result(const Lowering *l, const Value *value)
{
    const Value *outer = outer_value(l, value);
    return outer->is_output && outer->graph == l->graph;
}

/* The buffer of the graph output that this value is; NULL: it is none. */
static Buffer *output_buffer(const Lowering *l, const Value *value)
{
    for (int64_t i = 0; i < l->graph->outputs.len; i++)
        if (l->graph->outputs.at[i] == value)
            for (int64_t j = 0; j < l->program->buffers.len; j++) {
                Buffer *buffer = l->program->buffers.at[j];
                if (buffer->space == SPACE_TENSOR && buffer->index == l->graph->inputs.len + i)
                    return buffer;
            }
    return NULL;
}

/* Rows whose pitch is a multiple of 1024 bytes fall into few sets of the L1 cache (PERFORMANCE: leading
 * dimensions); one line more spreads them. */
static int64_t padded_pitch(int64_t bytes) { return bytes % 1024 == 0 ? bytes + 64 : bytes; }

static View view_ordered(Lowering *l, const char *name, Space space, DType dtype, int rank, const int64_t *dims, const int *order,
                         bool pad)
{
    View view = {.dtype = dtype, .rank = rank};
    int64_t bytes = dtype_size(dtype);
    for (int i = rank - 1; i >= 0; i--) {
        int dim = order ? order[i] : i;
        view.dims[dim] = dims[dim];
        view.strides[dim] = bytes;
        if (__builtin_mul_overflow(bytes, dims[dim], &bytes))
            out_of_memory();
        if (pad && i == rank - 1 && rank > 1)
            bytes = padded_pitch(bytes);
    }
    view.ref = ref_to(buffer_new(l, name, space, dtype, bytes));
    return view;
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
    Buffer *buffer = value_is_result(l, value) && is_row_major(rank, dims, order) ? output_buffer(l, outer) : NULL;
    View view = buffer ? view_dense(ref_to(buffer), outer->type.dtype, rank, dims)
                       : view_ordered(l, outer->name, SPACE_ARENA, outer->type.dtype, rank, dims, order, pad);
    view.when = l->when;
    view.per_image = rank > 0 && outer->type.shape.dims[0].size < 0;
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
    if (value->type.dtype != DT_FLOAT) {
        View out = view_output(l, value, NULL, false);
        copy_phase(l, value->name, out, computed);
        computed = out;
    }
    view_set(l, value, computed);
}

void layout_order(const View *view, int *order)
{
    for (int i = 0; i < view->rank; i++) {
        int at = i;
        for (; at > 0 && view->strides[order[at - 1]] < view->strides[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

View output_like(Lowering *l, const Value *value, const View *like)
{
    int order[VIEW_RANK];
    if (like->rank != value->type.shape.rank || value_is_result(l, value)) /* a result is written in its place at once */
        return view_output(l, value, NULL, false);
    for (int i = 0; i < like->rank; i++)
        if (like->strides[i] <= 0 && like->dims[i] != 1)
            return view_output(l, value, NULL, false);
    layout_order(like, order);
    return view_output(l, value, order, false);
}

View view_temp(Lowering *l, Space space, DType dtype, int rank, const int64_t *dims, bool pad)
{
    const char *name = arena_printf(l->arena, "%s%lld", space == SPACE_SCRATCH ? "s" : "t", (long long)++l->n_names);
    View view = view_ordered(l, name, space, dtype, rank, dims, NULL, pad);
    view.when = l->when;
    return view;
}

/* ── Algebra ─────────────────────────────────────────────────────────────────────────────────────────── */

int64_t view_count(const View *view)
{
    int64_t count = 1;
    for (int i = 0; i < view->rank; i++)
        count *= view->dims[i];
    return count;
}

View view_slice(View view, int dim, Pos start, int64_t size, int64_t step)
{
    view.ref = ref_pos(view.ref, start, view.strides[dim]);
    view.dims[dim] = size;
    view.strides[dim] *= step;
    view.constant = NULL;
    return view;
}

View view_drop(View view, int dim)
{
    view.rank--;
    for (int i = dim; i < view.rank; i++) {
        view.dims[i] = view.dims[i + 1];
        view.strides[i] = view.strides[i + 1];
    }
    view.constant = NULL;
    return view;
}

View view_insert(View view, int dim, int64_t size, int64_t stride)
{
    assert(view.rank < VIEW_RANK);
    for (int i = view.rank; i > dim; i--) {
        view.dims[i] = view.dims[i - 1];
        view.strides[i] = view.strides[i - 1];
    }
    view.rank++;
    view.dims[dim] = size;
    view.strides[dim] = stride;
    view.constant = NULL;
    return view;
}

View view_permute(View view, const int *perm)
{
    View result = view;
    for (int i = 0; i < view.rank; i++) {
        result.dims[i] = view.dims[perm[i]];
        result.strides[i] = view.strides[perm[i]];
    }
    result.constant = NULL;
    return result;
}

bool view_broadcast(View *view, int rank, const int64_t *dims)
{
    if (view->per_image && view->rank != rank)
        return false;
    view->constant = NULL;
    while (view->rank < rank)
        *view = view_insert(*view, 0, 1, 0);
    for (int i = 0; i < rank; i++)
        if (view->dims[i] == 1) {
            view->strides[i] = 0;
            view->dims[i] = dims[i];
        }
    return true;
}

bool view_merge(const View *view, int first, int last, int64_t *stride)
{
    bool known = false;
    int64_t next = 0; /* the stride that the next dimension outwards must have */
    *stride = 0;
    for (int i = last - 1; i >= first; i--) {
        if (view->dims[i] == 1)
            continue;
        if (known && view->strides[i] != next)
            return false;
        if (!known)
            *stride = view->strides[i];
        known = true;
        next = view->strides[i] * view->dims[i];
    }
    return true;
}

/* Splits dims off a run of mergeable dimensions of the source, right to left. */
bool view_reshape(View *view, int rank, const int64_t *dims)
{
    View result = *view;
    result.rank = rank;
    memcpy(result.dims, dims, (size_t)rank * sizeof *dims);
    int64_t count = view_count(view);
    int from = view->rank, to = rank;
    while (to > 0) { /* match the shortest runs of equal product */
        int first_from = from, first_to = to - 1;
        int64_t want = dims[first_to], have = 1;
        while (have != want && count > 0) {
            if (have < want && first_from > 0)
                have *= view->dims[--first_from];
            else if (have > want && first_to > 0)
                want *= dims[--first_to];
            else
                return false;
        }
        int64_t stride;
        if (!view_merge(view, first_from, from, &stride))
            return false;
        if (want == 1 || count == 0)
            stride = dtype_size(view->dtype);
        for (int i = to - 1; i >= first_to; i--) {
            result.strides[i] = stride;
            stride *= dims[i];
        }
        from = first_from;
        to = first_to;
    }
    *view = result;
    return true;
}

bool view_is_dense(const View *view)
{
    int64_t stride;
    return view_merge(view, 0, view->rank, &stride) && (stride == dtype_size(view->dtype) || view_count(view) <= 1);
}

View view_contiguous(Lowering *l, View view)
{
    View result = view;
    if (view_is_dense(&view)) {
        View dense = view_dense(view.ref, view.dtype, view.rank, view.dims);
        memcpy(result.strides, dense.strides, sizeof result.strides);
        return result;
    }
    View copy = view_temp(l, SPACE_ARENA, view.dtype, view.rank, view.dims, false);
    copy_phase(l, "copy", copy, view);
    copy.when = view.when > l->when ? view.when : l->when;
    copy.per_image = view.per_image;
    return copy;
}

View view_float(Lowering *l, View view)
{
    if (view.dtype == DT_FLOAT)
        return view;
    View copy = view_temp(l, SPACE_ARENA, DT_FLOAT, view.rank, view.dims, false);
    copy_phase(l, "float", copy, view);
    copy.per_image = view.per_image;
    return copy;
}
