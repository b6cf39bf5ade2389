/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The rules that let a Transpose sink below a node (layout_sink.c). Each is y = op(Transpose(x)) -> Transpose(op'(x)). */
#ifndef CNXC_PASSES_LAYOUT_H
#define CNXC_PASSES_LAYOUT_H

#include "ir/graph.h"

bool sink_through_elementwise(Node *node);
bool sink_through_reduce(Node *node);
bool sink_through_norm(Node *node);
bool sink_through_softmax(Node *node);
bool sink_through_matmul(Node *node);
bool sink_through_concat(Node *node);
bool sink_through_split(Node *node);
bool sink_through_slice(Node *node);
bool sink_through_resize(Node *node);
bool sink_through_gather(Node *node);

#endif
