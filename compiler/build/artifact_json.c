/* NAME_info_json: what an artifact is, for programs that embed it.
 *
 *   {"name": "tiny", "version": "0.1.0", "task": "image-classification", "cpu": "znver5", "precision": "f32",
 *    "inputs": [{"name": "pixel_values", "dtype": "float", "shape": ["batch_size", 3, 224, 224]}], …} */
#include "compiler/build/build.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *shape_json(const Shape *shape)
{
    json_t *list = json_array();
    for (int i = 0; i < shape->rank; i++) {
        const Dim *dim = &shape->dims[i];
        json_array_append_new(list, dim->size >= 0 ? json_integer(dim->size) : json_string(dim->symbol ? dim->symbol : "batch"));
    }
    return list;
}

static json_t *value_json(const Value *value)
{
    return json_pack("{s:s, s:s, s:o}", "name", value->name, "dtype", dtype_name(value->type.dtype), "shape",
                     shape_json(&value->type.shape));
}

static json_t *values_json(Value *const *values, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, value_json(values[i]));
    return list;
}

static json_t *labels_json(const ArtifactInfo *info)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < info->n_labels; i++)
        json_array_append_new(list, json_string(info->labels[i]));
    return list;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, text ? json_string(text) : json_null());
}

static void set_hash(json_t *object, const char *key, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    json_object_set_new(object, key, json_string(text));
}

/* All that there is code for, the most demanding first. */
static json_t *cpus_json(const Build *build)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < build->cpus.len; i++)
        json_array_append_new(list, json_string(build->cpus.at[i]->name));
    return list;
}

const char *artifact_info_json(const Build *build)
{
    const ArtifactInfo *info = &build->info;
    const Graph *graph = build->model->graph;
    json_t *root = json_object();
    set_text(root, "name", info->name);
    set_text(root, "version", info->version);
    set_text(root, "task", model_prop(build->model, "cnxc.task"));
    set_text(root, "cpu", build->cpu->name);
    json_object_set_new(root, "cpus", cpus_json(build));
    set_text(root, "precision", build->program->precision == DT_BFLOAT16 ? "bf16" : "f32");
    json_object_set_new(root, "opt_level", json_integer(build->options.pipeline.opt_level));
    json_object_set_new(root, "inputs", values_json(graph->inputs.at, graph->inputs.len));
    json_object_set_new(root, "outputs", values_json(graph->outputs.at, graph->outputs.len));
    json_object_set_new(root, "labels", labels_json(info));
    json_object_set_new(root, "weights_bytes", json_integer(info->weights_bytes));
    set_text(root, "weights_file", info->weights_file);
    set_hash(root, "graph_hash", info->graph_hash);
    set_hash(root, "weights_hash", info->weights_hash);
    char *text = json_dumps(root, JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
    if (!text)
        out_of_memory();
    const char *copy = arena_strdup(build->arena, text);
    free(text);
    json_decref(root);
    return copy;
}
