/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a lowering says of the node that it is at. */
#include "compiler/schedule/lower.h"

#include "ir/infer.h"

const char *node_label(const Node *node)
{
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            return node->outputs.at[i]->name;
    return node->op->name;
}

bool lower_unsupported(Lowering *l, const char *what)
{
    diag_unsupported(l->diag, l->node->span, "%s: %s is not supported", l->node->op->name, what);
    return false;
}

bool lower_may_compute(Lowering *l, int64_t bytes)
{
    enum { MOST = 256 << 20 };
    l->computed_bytes += bytes;
    return l->computed_bytes <= MOST ||
           lower_unsupported(l, "a constant that has to be computed, with which there are more than 256 MiB of them,");
}

bool mixes_images(Lowering *l, const char *what)
{
    const char *symbol = graph_batch_symbol(l->graph);
    diag_unsupported(l->diag, l->node->span, "%s: %s is not supported; --dim %s=N fixes the batch", l->node->op->name, what,
                     symbol ? symbol : "batch_size");
    return false;
}
