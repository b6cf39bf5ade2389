/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* as_strided with a free batch, as torch's exporter writes it: the data as one row, and a Gather of computed places.
 *
 * Problem: AdaptiveAvgPool2d(1), the pooling of timm's heads, leaves the exporter as a strided view; its places count
 * through all images, so that taken literally each image needs all others. Idea: places that count 0, 1, 2 … are no
 * more than a Reshape. Each is made of the images' numbers by sums and constant factors, so if the places of two images
 * count so, those of all do.
 *
 *   row = Reshape(x, {-1})                    x: [N,8,2,2]
 *   image = Range(0, N, 1)
 *   first = Unsqueeze(Mul(image, 32), {1})                       ->    y = Reshape(x, {0, 32})
 *   places = Add(first, {{0, 1, 2 …}})
 *   y = Gather(row, places)
 *
 * Requires types, and that what is constant has been folded; preserves names. */
#include "compiler/passes/strided.h"

#include "compiler/passes/rewrite.h"

#include "ir/infer.h"
#include "ir/interp.h"

enum { TWO_IMAGES = 2, MAX_PLACES = 1 << 20 };

static Tensor *counting(Arena *arena, int64_t n)
{
    Tensor *tensor = tensor_new(arena, DT_INT64, 1, &n);
    for (int64_t i = 0; tensor && i < n; i++)
        tensor_set_int(tensor, i, i);
    return tensor;
}

/* The node keeps each element a sum of constants and multiples of images' numbers. */
static bool is_affine(const Node *node)
{
    switch (node->op->kind) {
    case OP_Add:
    case OP_Sub:
    case OP_Unsqueeze:
    case OP_Identity: return true;
    case OP_Mul: return node->inputs.at[0]->constant || node->inputs.at[1]->constant;
    default: return false;
    }
}

/* The value if the batch were of two images; NULL: not of this form. */
static Tensor *for_two_images(const Value *value, Arena *arena)
{
    Node *node = value->producer;
    Tensor *inputs[2] = {NULL}, *output = NULL;
    Diag quiet = {.n_errors = INT32_MAX};
    if (value_constant(value))
        return (Tensor *)(uintptr_t)value_constant(value);
    if (node && node->op->kind == OP_Range)
        return value->type.dtype == DT_INT64 && !node->inputs.at[1]->constant ? counting(arena, TWO_IMAGES) : NULL;
    if (!node || !is_affine(node))
        return NULL;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        inputs[i] = node->inputs.at[i] ? for_two_images(node->inputs.at[i], arena) : NULL;
        if (!inputs[i] || !inputs[i]->data || inputs[i]->count > MAX_PLACES)
            return NULL;
    }
    return node_interpret(node, inputs, &output, arena, &quiet) ? output : NULL;
}

static bool counts(const Tensor *places, int64_t n)
{
    if (!places || places->dtype != DT_INT64 || places->count != n)
        return false;
    for (int64_t i = 0; i < n; i++)
        if (tensor_get_int(places, i) != i)
            return false;
    return true;
}

/* The elements of an image in a value whose first dimension, and no other, is free; 0: it is another one. */
static int64_t image_count(const Value *value)
{
    const Shape *shape = &value->type.shape;
    int64_t count = 1;
    if (shape->rank < 1 || shape->dims[0].size >= 0)
        return 0;
    for (int i = 1; i < shape->rank; i++)
        if (shape->dims[i].size < 0 || __builtin_mul_overflow(count, shape->dims[i].size, &count))
            return 0;
    return count <= MAX_PLACES ? count : 0;
}

bool strided_to_reshape(Node *node)
{
    Value *y = node->outputs.at[0];
    const Node *row = value_made_by(node->inputs.at[0], OP_Reshape);
    Value *x = row ? row->inputs.at[0] : NULL;
    int64_t target[MAX_RANK], count = x ? image_count(x) : 0;
    if (!count || value_rank(row->outputs.at[0]) != 1 || count != image_count(y) ||
        !reshape_target(&x->type.shape, &y->type.shape, target))
        return false;
    Arena *scratch = arena_new();
    bool found = counts(for_two_images(node->inputs.at[1], scratch), TWO_IMAGES * count);
    arena_free(scratch);
    if (!found)
        return false;
    Tensor *shape = tensor_from_i64(node->graph->model->arena, target, value_rank(y));
    node_replace(node, OP_Reshape, (Value *[]){x, constant_new(node->graph, "shape", shape, node->span)}, 2);
    return true;
}
