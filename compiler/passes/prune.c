/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pruning: what nothing needs goes.
 *
 *   a = Relu(x)
 *   b = Erf(x)            ->      a = Relu(x)         for outputs (a)
 *
 * Requires and preserves everything; inputs of the graph stay, used or not. */
#include "compiler/passes/passes.h"

static bool is_needed(const Node *node)
{
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i] && (node->outputs.at[i]->users.len || node->outputs.at[i]->is_output))
            return true;
    return false;
}

static bool prune_nodes(Graph *graph)
{
    bool changed = false;
    for (Node *node = graph->last, *prev; node; node = prev) { /* backwards: users go before producers */
        prev = node->prev;
        if (!is_needed(node)) {
            node_remove(node);
            changed = true;
        }
    }
    return changed;
}

static bool prune_constants(Graph *graph)
{
    int64_t kept = 0, n = graph->constants.len;
    for (int64_t i = 0; i < n; i++) {
        Value *value = graph->constants.at[i];
        if (value->users.len || value->is_output || value->is_input)
            graph->constants.at[kept++] = value;
        else
            strmap_put(&graph->names, value->name, NULL);
    }
    graph->constants.len = kept;
    return kept < n;
}

bool pass_prune(Graph *graph)
{
    bool changed = prune_nodes(graph);
    return prune_constants(graph) || changed;
}
