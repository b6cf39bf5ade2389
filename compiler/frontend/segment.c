/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Segmentation of graphs: exports end with logits, programs answer with labels.
 *
 *   logits float[N,150,512,512]   →   "labels" = ArgMax <axis = 1, keepdims = 0> (logits), an output more
 *   seen int64[N,512,512]         →   as it is; metadata cnxc.mask names it
 */
#include "compiler/frontend/segment.h"
#include "ir/op.h"

#include <string.h>

static const char LABELS[] = "labels";

bool segment_is_logits(const Value *value)
{
    const Shape *shape = &value->type.shape;
    return value->type.dtype == DT_FLOAT && shape->rank == 4 && shape->dims[1].size > 0;
}

bool segment_is_mask(const Value *value)
{
    const Shape *shape = &value->type.shape;
    return value->type.dtype == DT_INT64 && (shape->rank == 3 || (shape->rank == 4 && shape->dims[1].size == 1));
}

/* The output of that name, or else the only one that fits. */
static Value *find(const Graph *graph, const char *name, bool (*fits)(const Value *value))
{
    Value *found = NULL;
    int64_t n = 0;
    for (int64_t i = 0; i < graph->outputs.len; i++) {
        Value *value = graph->outputs.at[i];
        if (!fits(value))
            continue;
        if (strcmp(value->name, name) == 0)
            return value;
        found = value;
        n++;
    }
    return n == 1 ? found : NULL;
}

static Value *find_noted(const Model *model, const char *key, const char *name, bool (*fits)(const Value *value))
{
    const char *noted = model_prop(model, key);
    return find(model->graph, noted ? noted : name, fits);
}

const Value *segment_answer(const Model *model)
{
    const Value *logits = find_noted(model, "cnxc.logits", "logits", segment_is_logits);
    return logits ? logits : find_noted(model, "cnxc.mask", LABELS, segment_is_mask);
}

static void note(Model *model, const char *key, const char *name, const Value *value)
{
    if (strcmp(value->name, name) != 0)
        model_set_prop(model, key, value->name);
}

static void add_labels(Graph *graph, Value *logits)
{
    Node *node = graph_add_op(graph, NULL, op_get(OP_ArgMax), &logits, 1, LABELS, NO_SPAN);
    const Dim *dims = logits->type.shape.dims;
    node_set_int(node, "axis", 1);
    node_set_int(node, "keepdims", 0);
    node->outputs.at[0]->type = (Type){DT_INT64, {3, {dims[0], dims[2], dims[3]}}};
    graph_add_output(graph, node->outputs.at[0]);
    note(graph->model, "cnxc.mask", LABELS, node->outputs.at[0]);
}

bool segment_outputs(Model *model, Diag *diag)
{
    if (!str_equal(model_prop(model, "cnxc.task"), SEGMENTATION))
        return true;
    Value *mask = find_noted(model, "cnxc.mask", LABELS, segment_is_mask);
    Value *logits = find_noted(model, "cnxc.logits", "logits", segment_is_logits);
    if (!mask && !logits) {
        diag_error(diag, model->graph->span,
                   "--task=" SEGMENTATION " needs an output of logits, float (N, classes, height, width), or of labels, int64 "
                   "(N, height, width); the graph has neither, or several");
        return false;
    }
    if (logits)
        note(model, "cnxc.logits", "logits", logits);
    if (mask)
        note(model, "cnxc.mask", LABELS, mask);
    else
        add_labels(model->graph, logits);
    return true;
}
