/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Precision: what each region loses of float32's values by itself, as `cnxc verify --per-op` measures it (verify.c).
 *
 *   regions[2].snr_db  {"bf16": 61.8, "int8": 38.2}     200: nothing is lost, for JSON has no infinity
 *   precision          {"int8": {"worst": [{"output", "kind", "snr_db"}], "stayed_float": [{"output", "op", "why"}]}}
 *
 * Regions of another precision are those of the same output; what fuses otherwise there has no number. */
#include "compiler/report/report.h"

#include "compiler/passes/passes.h"
#include "compiler/report/json.h"
#include "ir/op.h"

#include <math.h>
#include <string.h>

enum { MOST_WORST = 8 };
static const double MOST_DECIBELS = 200;

static double decibels_of(const Comparison *c) { return fmin(verify_decibels(c), MOST_DECIBELS); }

static json_t *worst_json(const Verify *verify)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < verify->values.len && i < MOST_WORST; i++) {
        const Comparison *c = &verify->values.at[i];
        const Node *node = c->value->producer;
        const char *kind = node->op->kind == OP_Region ? node_attr_string(node, "kind") : node->op->name;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:o}", "output", c->value->name, "kind", kind, "snr_db", json_finite(decibels_of(c))));
    }
    return list;
}

static void add_stayed(json_t *list, const Verify *verify, const Graph *graph)
{
    const Build *build = &verify->compiled;
    FOR_NODES (node, graph) {
        const char *why = quantize_reason(node, build->options.pipeline.plan, build->arena);
        if (node->op->kind == OP_Region)
            add_stayed(list, verify, node_attr_graph(node, "body"));
        else if (why)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "output", node->outputs.at[0]->name, "op", node->op->name, "why", why));
    }
}

static void put_decibels(json_t *region, const Verify *verify, const char *precision)
{
    const char *output = json_string_value(json_object_get(region, "output"));
    for (int64_t i = 0; i < verify->values.len; i++)
        if (strcmp(verify->values.at[i].value->name, output) == 0)
            json_object_set_new(json_object_get(region, "snr_db"), precision, json_finite(decibels_of(&verify->values.at[i])));
}

bool report_add_precision(json_t *report, Verify *verify)
{
    DType dtype = verify->compiled.options.pipeline.precision;
    const char *name = precision_name(dtype);
    size_t i;
    json_t *region, *all = json_object_get(report, "precision"), *precision = json_object();
    build_progress(&verify->compiled, -1, arena_printf(verify->compiled.arena, "compare %s with the interpreter", name));
    if (!verify_run(verify)) {
        json_decref(precision);
        return false;
    }
    json_array_foreach (json_object_get(report, "regions"), i, region)
        put_decibels(region, verify, name);
    json_object_set_new(precision, "worst", worst_json(verify));
    json_object_set_new(precision, "stayed_float", json_array());
    if (dtype == DT_INT8)
        add_stayed(json_object_get(precision, "stayed_float"), verify, verify->compiled.model->graph);
    if (!json_is_object(all))
        json_object_set_new(report, "precision", all = json_object());
    json_object_set_new(all, name, precision);
    json_object_del(report, "precision_why");
    return true;
}
