/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elements of values as they are known at compile time: of initializers, of Constant nodes, and what shape arithmetic
 * (infer_known.c) has noted.
 *
 *   c = Constant <value_ints = [3, 4]> ()   →   value_constant(c): int64[2] {3, 4} */
#include "ir/known.h"

#include "ir/infer_util.h"

bool dtype_is_integer(DType dtype) { return dtype <= DT_LAST && ((SET_INT | SET_BOOL) >> dtype & 1); }

Known *known_new(Arena *arena, int64_t count)
{
    Known *known = NEW(arena, Known);
    known->count = count;
    known->at = NEW_ARRAY(arena, KnownInt, count);
    return known;
}

Known *known_tensor(Arena *arena, Tensor *tensor)
{
    bool integer = dtype_is_integer(tensor->dtype) && tensor->count <= MAX_KNOWN;
    Known *known = integer ? known_new(arena, tensor->count) : NEW(arena, Known);
    known->tensor = tensor;
    known->count = tensor->count;
    for (int64_t i = 0; integer && i < tensor->count; i++)
        known->at[i] = (KnownInt){.is_known = true, .value = tensor_get_int(tensor, i)};
    return known;
}

Tensor *constant_tensor(const Node *node)
{
    Arena *arena = node->graph->model->arena;
    const Attr *attr = node->attrs.len ? &node->attrs.at[0] : NULL;
    if (!attr)
        return NULL;
    switch (attr->kind) {
    case ATTR_TENSOR: return attr->tensor;
    case ATTR_FLOAT: return tensor_scalar_f32(arena, (float)attr->f);
    case ATTR_INTS: return tensor_from_i64(arena, attr->ints, attr->count);
    case ATTR_INT: return tensor_reshaped(arena, tensor_from_i64(arena, &attr->i, 1), 0, NULL);
    case ATTR_FLOATS: {
        Tensor *tensor = tensor_new(arena, DT_FLOAT, 1, &attr->count);
        for (int64_t i = 0; i < attr->count; i++)
            tensor_set(tensor, i, attr->floats[i]);
        return tensor;
    }
    default: return NULL;
    }
}

const Tensor *value_constant(const Value *value)
{
    if (value->constant)
        return value->constant;
    if (value->known)
        return value->known->tensor;
    if (value->producer && value->producer->op->kind == OP_Constant)
        return constant_tensor(value->producer);
    return NULL;
}

const Known *value_known(const Value *value)
{
    const Known *known = value->known;
    if (value->constant && value->constant->count <= MAX_KNOWN && dtype_is_integer(value->constant->dtype))
        known = known_tensor(value->graph->model->arena, value->constant);
    return known && known->at ? known : NULL;
}
