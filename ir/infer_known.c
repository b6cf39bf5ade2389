/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Shape arithmetic: what is known at compile time of small values computed from shapes.
 *
 *   s = Shape(x)             x is float[N,8,7,7]: s is known as {N, 8, 7, 7}
 *   n = Gather(s, 0)         {N}
 *   t = Concat(n, -1)        {N, -1}, so Reshape(x, t) is float[N,392]
 *
 * A value whose inputs are all known is computed by the interpreter. Of one that is known in part, operators
 * that move elements are followed by letting them move positions instead; a few elementwise ones by rules. */
#include "ir/infer_util.h"
#include "ir/interp.h"
#include "ir/known.h"

#include <string.h>

/* ── Everything known: the interpreter computes it ───────────────────────────────────────────────────── */

enum { MAX_INPUTS = 16 };

static Known *run(Node *node, Tensor *const *inputs, int64_t output)
{
    Arena *arena = node_arena(node);
    Tensor **outputs = NEW_ARRAY(arena, Tensor *, node->outputs.len);
    Diag quiet = {.n_errors = INT32_MAX}; /* beyond every limit: what fails is found when the program runs */
    if (!node_interpret(node, inputs, outputs, arena, &quiet) || !outputs[output])
        return NULL;
    return outputs[output]->count <= MAX_KNOWN ? known_tensor(arena, outputs[output]) : NULL;
}

static Known *from_constants(Node *node, int64_t output)
{
    Tensor *inputs[MAX_INPUTS] = {0};
    for (int64_t i = 0; i < node->inputs.len; i++) {
        const Tensor *tensor = node_has_input(node, i) ? value_constant(node->inputs.at[i]) : NULL;
        if (node_has_input(node, i) && (!tensor || !tensor->data || tensor->count > MAX_KNOWN))
            return NULL;
        inputs[i] = (Tensor *)(uintptr_t)tensor;
    }
    return run(node, inputs, output);
}

/* ── Known in part ───────────────────────────────────────────────────────────────────────────────────── */

/* The shape of value as numbers; false if it is not all numbers. */
static bool fixed_dims(const Value *value, int64_t *dims)
{
    for (int i = 0; i < value->type.shape.rank; i++)
        dims[i] = value->type.shape.dims[i].size;
    return shape_is_fixed(&value->type.shape);
}

/* A tensor in value's shape that holds first, first + 1 … */
static Tensor *positions_like(const Value *value, int64_t first)
{
    int64_t dims[MAX_RANK];
    if (!fixed_dims(value, dims))
        return NULL;
    Tensor *tensor = tensor_new(value->graph->model->arena, DT_INT64, value->type.shape.rank, dims);
    for (int64_t i = 0; tensor && i < tensor->count; i++)
        tensor_set_int(tensor, i, first + i);
    return tensor;
}

static Known *pick(Arena *arena, const Known *where, const KnownInt *from)
{
    Known *known = known_new(arena, where->count);
    for (int64_t i = 0; i < where->count; i++)
        known->at[i] = from[where->at[i].value];
    return known;
}

/* Moves positions instead of elements. Concat moves all its inputs, the others their first. */
static Known *from_moves(Node *node, int64_t output)
{
    KnownInt elements[MAX_INPUTS * MAX_KNOWN];
    Tensor *inputs[MAX_INPUTS] = {0};
    int64_t n = 0;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        Value *value = node->inputs.at[i];
        const Known *known = value ? value_known(value) : NULL;
        bool moved = i == 0 || node->op->kind == OP_Concat;
        if (!value)
            continue;
        if (moved && !known)
            return NULL;
        inputs[i] = moved ? positions_like(value, n) : (Tensor *)(uintptr_t)value_constant(value);
        if (!inputs[i] || inputs[i]->count > MAX_KNOWN || (moved && known->count != inputs[i]->count))
            return NULL;
        if (moved)
            memcpy(elements + n, known->at, (size_t)known->count * sizeof *elements);
        n += moved ? known->count : 0;
    }
    Known *where = run(node, inputs, output);
    return where ? pick(node_arena(node), where, elements) : NULL;
}

static bool moves(const Node *node)
{
    switch (node->op->kind) {
    case OP_Concat:
    case OP_Expand:
    case OP_Flatten:
    case OP_Gather:
    case OP_Identity:
    case OP_Reshape:
    case OP_Slice:
    case OP_Split:
    case OP_Squeeze:
    case OP_Tile:
    case OP_Transpose:
    case OP_Unsqueeze: return true;
    default: return false;
    }
}

static KnownInt number(int64_t value) { return (KnownInt){.is_known = true, .value = value}; }

static bool is_number(KnownInt a, int64_t value) { return a.is_known && a.value == value; }

static KnownInt arithmetic(OpKind op, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool fails = (op == OP_Add && __builtin_add_overflow(a, b, &result)) ||
                 (op == OP_Sub && __builtin_sub_overflow(a, b, &result)) ||
                 (op == OP_Mul && __builtin_mul_overflow(a, b, &result)) || (op == OP_Div && (b == 0 || b == -1));
    if (op == OP_Div && !fails)
        result = a / b;
    if (op == OP_Equal)
        result = a == b;
    return fails ? (KnownInt){0} : number(result);
}

/* A dimension's symbol stands for a number of at least 1. */
static KnownInt combine(OpKind op, KnownInt a, KnownInt b)
{
    bool same = a.symbol && str_equal(a.symbol, b.symbol);
    if (a.is_known && b.is_known)
        return arithmetic(op, a.value, b.value);
    switch (op) {
    case OP_Add: return is_number(a, 0) ? b : is_number(b, 0) ? a : (KnownInt){0};
    case OP_Sub: return same ? number(0) : is_number(b, 0) ? a : (KnownInt){0};
    case OP_Mul: return is_number(a, 1) ? b : is_number(b, 1) ? a : (KnownInt){0};
    case OP_Div: return same ? number(1) : is_number(b, 1) ? a : (KnownInt){0};
    case OP_Equal:
        if ((a.symbol && b.is_known && b.value < 1) || (b.symbol && a.is_known && a.value < 1))
            return number(0);
        return same ? number(1) : (KnownInt){0};
    default: return (KnownInt){0};
    }
}

static KnownInt element(const Known *known, int64_t i) { return known ? known->at[known->count == 1 ? 0 : i] : (KnownInt){0}; }

/* Elementwise, for values of rank 0 or 1. */
static Known *from_elements(Node *node, int64_t count)
{
    const Known *in[3] = {0};
    Known *known = known_new(node_arena(node), count);
    for (int64_t i = 0; i < node->inputs.len && i < 3; i++) {
        in[i] = value_known(node->inputs.at[i]);
        if (in[i] && in[i]->count != 1 && in[i]->count != count)
            return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        KnownInt a = element(in[0], i), b = element(in[1], i), c = element(in[2], i);
        if (node->op->kind == OP_Cast)
            known->at[i] = a;
        else if (node->op->kind == OP_Where)
            known->at[i] = a.is_known ? (a.value ? b : c) : (KnownInt){0};
        else
            known->at[i] = combine(node->op->kind, a, b);
    }
    return known;
}

static bool has_rules(const Node *node)
{
    switch (node->op->kind) {
    case OP_Add:
    case OP_Sub:
    case OP_Mul:
    case OP_Div:
    case OP_Equal:
    case OP_Where: return true;
    case OP_Cast: return dtype_is_integer(node_input_dtype(node, 0)) && node_attr_int(node, "to") != DT_BOOL;
    default: return false;
    }
}

static Known *from_shape(const Node *node, int64_t count)
{
    const Shape *in = node_input_shape(node, 0);
    int64_t start, end;
    Known *known = known_new(node_arena(node), count);
    node_shape_range(node, &start, &end);
    for (int64_t i = 0; i < count; i++) {
        Dim dim = in->dims[start + i];
        known->at[i] = (KnownInt){dim_is_fixed(dim), dim.size, dim.symbol};
    }
    return known;
}

static Known *from_size(const Node *node)
{
    int64_t count = shape_count(node_input_shape(node, 0));
    Known *known = known_new(node_arena(node), 1);
    if (count >= 0)
        known->at[0] = number(count);
    return known;
}

/* Known element by element, each of them: then the value is a constant. */
static void complete(Known *known, const Value *value)
{
    int64_t dims[MAX_RANK];
    for (int64_t i = 0; i < known->count; i++)
        if (!known->at[i].is_known)
            return;
    if (known->tensor || !fixed_dims(value, dims))
        return;
    known->tensor = tensor_new(value->graph->model->arena, value->type.dtype, value->type.shape.rank, dims);
    for (int64_t i = 0; known->tensor && i < known->count; i++)
        tensor_set_int(known->tensor, i, known->at[i].value);
}

static void infer_known_output(Node *node, int64_t output)
{
    Value *value = node->outputs.at[output];
    int64_t count = shape_count(&value->type.shape);
    Known *known = NULL;
    if (count < 0 || count > MAX_KNOWN || node->inputs.len > MAX_INPUTS || !dtype_is_computable(value->type.dtype))
        return;
    if (node->op->kind == OP_Shape)
        known = from_shape(node, count);
    else if (node->op->kind == OP_Size)
        known = from_size(node);
    else
        known = from_constants(node, output);
    if (!known && dtype_is_integer(value->type.dtype) && moves(node))
        known = from_moves(node, output);
    if (!known && dtype_is_integer(value->type.dtype) && value->type.shape.rank <= 1 && has_rules(node))
        known = from_elements(node, count);
    if (known && known->at)
        complete(known, value);
    value->known = known;
}

void infer_known(Node *node)
{
    if (node->op->class == CLASS_META)
        return;
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i]) {
            node->outputs.at[i]->known = NULL;
            infer_known_output(node, i);
        }
}
