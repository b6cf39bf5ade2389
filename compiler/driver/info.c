/* cnxc info: what a model is, what it costs, and what the compiler makes of it.
 *
 *   inputs       pixel_values  float[batch_size,3,224,224]
 *   outputs      logits        float[batch_size,1000]
 *   layers       22 Conv, 18 Gelu …
 *   arithmetic   4.46 GMAC an image
 *   estimate     83.1 ms an image on 1 thread, … (estimate.c)
 *   fused        26 regions, 1 nodes stand alone, 38 phases, and each of them with its schedule (inforegions.c) */
#include "compiler/driver/build.h"
#include "compiler/driver/cost.h"
#include "compiler/driver/estimate.h"
#include "compiler/driver/inforegions.h"
#include "compiler/passes/passes.h"

#include "ir/op.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct Unfused {
    const char *output, *op, *reason;
} Unfused;

typedef struct Report {
    Build *build;
    Cost cost;
    int64_t layers[OP_COUNT];   /* nodes by operator, before fusion */
    int64_t n_nodes;
    VEC(Unfused) unfused;
} Report;

static void collect_layers(Report *report, const Graph *graph)
{
    report->n_nodes = graph->n_nodes;
    report->cost = graph_cost(graph);
    FOR_NODES (node, graph)
        report->layers[node->op->kind]++;
}

static void collect_fusion(Report *report, const Graph *graph)
{
    Arena *arena = report->build->driver->arena;
    FOR_NODES (node, graph) {
        if (node->op->kind == OP_Region)
            continue;
        const Value *output = node_output(node, 0);
        const char *reason = fuse_reason(node, arena);
        Unfused item = {output ? output->name : node->name, node->op->name, reason ? reason : ""};
        vec_push(arena, &report->unfused, item);
    }
}

/* ── Text ────────────────────────────────────────────────────────────────────────────────────────────── */

static void print_values(const Report *report, const char *title, Value *const *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        printf("%-12s %s  %s\n", i ? "" : title, values[i]->name, type_text(report->build->driver->arena, &values[i]->type));
}

static void print_layers(const Report *report)
{
    printf("%-12s", "layers");
    const char *separator = " ";
    for (int kind = 0; kind < OP_COUNT; kind++)
        if (report->layers[kind]) {
            printf("%s%lld %s", separator, (long long)report->layers[kind], op_table[kind].name);
            separator = ", ";
        }
    putchar('\n');
}

static void print_text(const Report *report)
{
    const Build *build = report->build;
    const Graph *graph = build->model->graph;
    const char *task = model_prop(build->model, "cnxc.task");
    const char *const *labels;
    int64_t n_labels = prop_strings(build->model, "cnxc.labels", &labels);
    printf("%-12s %s\n", "model", build->input);
    printf("%-12s %s\n", "task", task ? task : "raw");
    print_values(report, "inputs", graph->inputs.at, graph->inputs.len);
    print_values(report, "outputs", graph->outputs.at, graph->outputs.len);
    if (n_labels)
        printf("%-12s %lld: %s%s\n", "labels", (long long)n_labels, labels[0], n_labels > 1 ? ", …" : "");
    print_layers(report);
    printf("%-12s %.3f GMAC an image\n", "arithmetic", (double)report->cost.macs * 1e-9);
    printf("%-12s %lld (%.1f MB)\n", "parameters", (long long)report->cost.parameters,
           (double)report->cost.parameter_bytes * 1e-6);
    printf("%-12s %.1f MB arena%s, %.1f MB scratch a thread, %.1f MB packed weights\n", "memory",
           (double)build->program->arena_bytes * 1e-6,
           build->program->by_image ? " a thread (batches are shared out by image)" : "",
           (double)build->program->scratch_bytes * 1e-6, (double)build->program->weights_bytes * 1e-6);
    printf("%-12s %s: %lld kB L1d and %lld kB L2 a core, %lld kB L3\n", "cpu", build->cpu->name,
           (long long)build->cpu->l1d_bytes >> 10, (long long)build->cpu->l2_bytes >> 10, (long long)build->cpu->l3_bytes >> 10);
    estimate_print(build->program);
    regions_print(build);
}

/* ── JSON ────────────────────────────────────────────────────────────────────────────────────────────── */

static json_t *values_json(const Report *report, Value *const *values, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", values[i]->name, "type",
                                              type_text(report->build->driver->arena, &values[i]->type)));
    return list;
}

static json_t *layers_json(const Report *report)
{
    json_t *layers = json_object();
    for (int kind = 0; kind < OP_COUNT; kind++)
        if (report->layers[kind])
            json_object_set_new(layers, op_table[kind].name, json_integer(report->layers[kind]));
    return layers;
}

static json_t *unfused_json(const Report *report)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < report->unfused.len; i++) {
        const Unfused *item = &report->unfused.at[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "output", item->output, "op", item->op, "reason", item->reason));
    }
    return list;
}

static json_t *memory_json(const Build *build)
{
    return json_pack("{s:I, s:b, s:I, s:I}", "arena_bytes", (json_int_t)build->program->arena_bytes, "arena_per_thread",
                     (int)build->program->by_image, "scratch_bytes", (json_int_t)build->program->scratch_bytes, "weights_bytes",
                     (json_int_t)build->program->weights_bytes);
}

static void print_json(const Report *report)
{
    const Build *build = report->build;
    const Graph *graph = build->model->graph;
    const char *task = model_prop(build->model, "cnxc.task");
    const char *const *labels;
    json_t *root =
        json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "model", build->input,
                  "task", task ? task : "raw", "inputs", values_json(report, graph->inputs.at, graph->inputs.len), "outputs",
                  values_json(report, graph->outputs.at, graph->outputs.len), "n_labels",
                  (json_int_t)prop_strings(build->model, "cnxc.labels", &labels), "layers", layers_json(report), "nodes",
                  (json_int_t)report->n_nodes, "macs", (json_int_t)report->cost.macs, "parameters",
                  (json_int_t)report->cost.parameters, "parameter_bytes", (json_int_t)report->cost.parameter_bytes, "memory",
                  memory_json(build), "estimate", estimate_json(build->program), "cpu", build->cpu->name, "caches",
                  caches_json(build), "regions", regions_json(build), "unfused", unfused_json(report));
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(root);
}

ExitCode subcommand_info(Driver *driver)
{
    Build build = {.driver = driver, .input = driver->options.arguments.at[0]};
    Report report = {.build = &build};
    if (!build_load(&build))
        return driver_exit_code(driver);
    collect_layers(&report, build.model->graph);
    if (!build_program(&build))
        return driver_exit_code(driver);
    collect_fusion(&report, build.model->graph);
    if (driver->options.json)
        print_json(&report);
    else
        print_text(&report);
    return EXIT_OK;
}
