/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The fused graph as a list of nodes that name those they read:
 *
 *   {"id": 0, "op": "input", "kind": "input", "output": "pixel_values", "region": null, "inputs": [], "type": "float[N,3,32,32]"}
 *   {"id": 1, "op": "region", "kind": "block", "output": "layers.0", "region": 0, "inputs": [0], …}
 *
 * Constants are left out. A value's mark is the id of the node that gives it, plus one. */
#include "compiler/report/parts.h"

#include "compiler/report/json.h"

#include <assert.h>

typedef struct Drawing {
    const Build *build;
    const Groups *groups;
    json_t *nodes;
} Drawing;

static json_t *region_of(const Drawing *drawing, const Node *node)
{
    for (int64_t i = 0; node && i < drawing->groups->len; i++)
        if (drawing->groups->at[i].origin == node)
            return json_integer((json_int_t)i);
    return json_null();
}

static void add_input(json_t *ids, const Value *value)
{
    size_t i;
    const json_t *id;
    if (!value || !value->mark)
        return;
    json_array_foreach (ids, i, id)
        if (json_integer_value(id) == value->mark - 1)
            return;
    json_array_append_new(ids, json_integer((json_int_t)value->mark - 1));
}

static void add_node(Drawing *drawing, const char *op, const char *kind, const Value *value, const Node *node, json_t *inputs)
{
    assert(value || node);
    const char *type = value ? type_text(drawing->build->arena, &value->type) : "";
    json_array_append_new(drawing->nodes,
                          json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:s}", "id", (json_int_t)json_array_size(drawing->nodes),
                                    "op", op, "kind", kind, "output", value ? value->name : node->name, "region",
                                    region_of(drawing, node), "inputs", inputs, "type", type));
}

static int64_t next_mark(const Drawing *drawing) { return (int64_t)json_array_size(drawing->nodes) + 1; }

static void draw_node(Drawing *drawing, Node *node)
{
    bool region = node->op->kind == OP_Region;
    json_t *inputs = json_array();
    for (int64_t i = 0; i < node->inputs.len; i++)
        add_input(inputs, node->inputs.at[i]);
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            node->outputs.at[i]->mark = next_mark(drawing);
    add_node(drawing, region ? "region" : node->op->name, region ? node_attr_string(node, "kind") : node->op->name,
             node_output(node, 0), node, inputs);
}

json_t *parts_graph(const Build *build, const Groups *groups)
{
    Graph *graph = build->model->graph;
    Drawing drawing = {build, groups, json_array()};
    for (int64_t i = 0; i < graph->constants.len; i++)
        graph->constants.at[i]->mark = 0;
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        graph->inputs.at[i]->mark = next_mark(&drawing);
        add_node(&drawing, "input", "input", graph->inputs.at[i], NULL, json_array());
    }
    FOR_NODES (node, graph)
        draw_node(&drawing, node);
    for (int64_t i = 0; i < graph->outputs.len; i++) {
        json_t *inputs = json_array();
        add_input(inputs, graph->outputs.at[i]);
        add_node(&drawing, "output", "output", graph->outputs.at[i], NULL, inputs);
    }
    return json_pack("{s:o}", "nodes", drawing.nodes);
}
