/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Info: what a model is, what it costs, and what the compiler makes of it.
 *
 *   inputs       pixel_values  float[batch_size,3,224,224]
 *   outputs      logits        float[batch_size,1000]
 *   layers       22 Conv, 18 Gelu …
 *   halves       312 values of float16 or bfloat16, computed in float32
 *   arithmetic   4.46 GMAC an image
 *   estimate     83.1 ms an image on 1 thread, … (estimate.c)
 *   fused        26 regions, 1 nodes stand alone, 38 phases, and each of them with its schedule (regions.c) */
#include "compiler/report/info.h"
#include "compiler/build/artifact.h"
#include "compiler/passes/passes.h"
#include "compiler/report/estimate.h"
#include "compiler/report/json.h"
#include "compiler/report/regions.h"

Layers layers_of(const Graph *graph)
{
    Layers layers = {.n_nodes = graph->n_nodes, .n_halves = graph_halves(graph), .cost = graph_cost(graph)};
    FOR_NODES (node, graph)
        layers.count[node->op->kind]++;
    return layers;
}

/* ── Text ────────────────────────────────────────────────────────────────────────────────────────────── */

static void print_values(const Build *build, const char *title, Value *const *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        printf("%-12s %s  %s\n", i ? "" : title, escaped(build->arena, values[i]->name),
               escaped(build->arena, type_text(build->arena, &values[i]->type)));
}

static void print_layers(const Layers *layers)
{
    printf("%-12s", "layers");
    const char *separator = " ";
    for (int kind = 0; kind < OP_COUNT; kind++)
        if (layers->count[kind]) {
            printf("%s%lld %s", separator, (long long)layers->count[kind], op_table[kind].name);
            separator = ", ";
        }
    putchar('\n');
}

void info_print(const Build *build, const Layers *layers)
{
    const Graph *graph = build->model->graph;
    const char *task = model_prop(build->model, "cnxc.task");
    const char *const *labels;
    int64_t n_labels = prop_strings(build->model, "cnxc.labels", &labels);
    const CnxrtPreprocessor *pictures = artifact_pictures(build);
    printf("%-12s %s\n", "model", escaped(build->arena, build->options.input));
    printf("%-12s %s\n", "task", task ? escaped(build->arena, task) : "raw");
    print_values(build, "inputs", graph->inputs.at, graph->inputs.len);
    print_values(build, "outputs", graph->outputs.at, graph->outputs.len);
    if (n_labels)
        printf("%-12s %lld: %s%s\n", "labels", (long long)n_labels, escaped(build->arena, labels[0]), n_labels > 1 ? ", …" : "");
    if (pictures)
        printf("%-12s prepared as by --preproc=%s\n", "pictures", preprocessor_name(pictures));
    print_layers(layers);
    if (layers->n_halves)
        printf("%-12s %lld %s of float16 or bfloat16, %s\n", "halves", (long long)layers->n_halves,
               COUNTED(layers->n_halves, "value"),
               build->options.pipeline.opt_level ? "computed in float32" : "each rounded, as -O0 does what the graph says");
    printf("%-12s %.3f GMAC an image\n", "arithmetic", (double)layers->cost.macs * 1e-9);
    printf("%-12s %lld (%.1f MB)\n", "parameters", (long long)layers->cost.parameters,
           (double)layers->cost.parameter_bytes * 1e-6);
    printf("%-12s %.1f MB arena%s, %.1f MB scratch a thread, %.1f MB packed weights\n", "memory",
           (double)build->program->arena_bytes * 1e-6,
           build->program->by_image ? " a thread (batches are shared out by image)" : "",
           (double)build->program->scratch_bytes * 1e-6, (double)build->program->weights_bytes * 1e-6);
    printf("%-12s %s: %lld kB L1d and %lld kB L2 a core, %lld kB L3\n", "cpu", escaped(build->arena, build->cpu->name),
           (long long)build->cpu->l1d_bytes >> 10, (long long)build->cpu->l2_bytes >> 10, (long long)build->cpu->l3_bytes >> 10);
    estimate_print(build->program);
    regions_print(build);
}

/* ── JSON ────────────────────────────────────────────────────────────────────────────────────────────── */

static json_t *values_json(const Build *build, Value *const *values, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", values[i]->name, "type", type_text(build->arena, &values[i]->type)));
    return list;
}

static json_t *layers_json(const Layers *layers)
{
    json_t *counts = json_object();
    for (int kind = 0; kind < OP_COUNT; kind++)
        if (layers->count[kind])
            json_object_set_new(counts, op_table[kind].name, json_integer(layers->count[kind]));
    return counts;
}

static json_t *unfused_json(const Build *build)
{
    json_t *list = json_array();
    FOR_NODES (node, build->model->graph) {
        if (node->op->kind == OP_Region)
            continue;
        const Value *output = node_output(node, 0);
        const char *reason = fuse_reason(node, build->arena);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "output", output ? output->name : node->name, "op",
                                              node->op->name, "reason", reason ? reason : ""));
    }
    return list;
}

static json_t *memory_json(const Build *build)
{
    return json_pack("{s:I, s:b, s:I, s:I}", "arena_bytes", (json_int_t)build->program->arena_bytes, "arena_per_thread",
                     (int)build->program->by_image, "scratch_bytes", (json_int_t)build->program->scratch_bytes, "weights_bytes",
                     (json_int_t)build->program->weights_bytes);
}

json_t *info_json(const Build *build, const Layers *layers)
{
    const Graph *graph = build->model->graph;
    const char *task = model_prop(build->model, "cnxc.task");
    const char *const *labels;
    json_t *root =
        json_pack("{s:o, s:s, s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "model",
                  json_text(build->options.input), "task", task ? task : "raw", "inputs",
                  values_json(build, graph->inputs.at, graph->inputs.len), "outputs",
                  values_json(build, graph->outputs.at, graph->outputs.len), "n_labels",
                  (json_int_t)prop_strings(build->model, "cnxc.labels", &labels), "layers", layers_json(layers), "nodes",
                  (json_int_t)layers->n_nodes, "halves", (json_int_t)layers->n_halves, "macs", (json_int_t)layers->cost.macs,
                  "parameters", (json_int_t)layers->cost.parameters, "parameter_bytes", (json_int_t)layers->cost.parameter_bytes,
                  "memory", memory_json(build), "estimate", estimate_json(build->program), "cpu", build->cpu->name, "caches",
                  caches_json(build), "regions", regions_json(build), "unfused", unfused_json(build));
    const CnxrtPreprocessor *pictures = artifact_pictures(build);
    json_object_set_new(root, "pictures", pictures ? json_string(preprocessor_name(pictures)) : json_null());
    return root;
}

void info_print_json(const Build *build, const Layers *layers) { json_print(info_json(build, layers), 17); }
