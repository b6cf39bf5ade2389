/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Edges of a graph in another element type than what lies between: names and places stay, a Cast comes between.
 *
 *   (float16[N,4] x) => (float16[N,4] y)                  (float16[N,4] x) => (float16[N,4] y)
 *   y = Relu(x)                                  ->       x_1 = Cast<to = 1>(x)
 *                                                         y_1 = Relu(x_1)
 *                                                         y = Cast<to = 10>(y_1) */
#include "ir/edge.h"

#include "ir/op.h"

static Value *new_value(Value *like, DType dtype)
{
    Type type = {dtype, like->type.shape};
    return graph_add_value(like->graph, graph_fresh_name(like->graph, like->name), type, like->span);
}

static void move_uses(Value *from, Value *to)
{
    while (from->users.len) {
        Node *user = from->users.at[0];
        for (int64_t i = 0; i < user->inputs.len; i++)
            if (user->inputs.at[i] == from)
                node_set_input(user, i, to);
    }
}

static void add_cast(Value *from, Value *to, Node *before)
{
    Node *cast = graph_insert_node(from->graph, before, op_get(OP_Cast), from->span);
    node_add_input(cast, from);
    node_add_output(cast, to);
    node_set_int(cast, "to", to->type.dtype);
}

void edge_take(Value *value, DType as)
{
    Value *inner = new_value(value, as);
    move_uses(value, inner);
    add_cast(value, inner, value->graph->first);
}

void edge_give(Value *value, DType from)
{
    Value *inner = new_value(value, from);
    Node *producer = value->producer;
    for (int64_t i = 0; i < producer->outputs.len; i++)
        if (producer->outputs.at[i] == value)
            producer->outputs.at[i] = inner;
    inner->producer = producer;
    move_uses(value, inner);
    add_cast(inner, value, NULL);
}
