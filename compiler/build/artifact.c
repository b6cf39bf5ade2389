/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the descriptor says of a model, from its metadata, and NAME_info_json, which says it to programs that embed it:
 *
 *   "cnxc.labels"        ["tench", "goldfish", …]  → labels
 *   "cnxc.problem_type"  multi_label_classification → scores by sigmoid; regression: the logits themselves
 *   "cnxc.preprocessor"  {"shortest_edge": 224, …} → the image processor's settings
 *
 *   {"name": "tiny", "version": "0.1.0", "task": "image-classification", "cpu": "znver5", "precision": "f32",
 *    "inputs": [{"name": "pixel_values", "dtype": "float", "shape": ["batch_size", 3, 224, 224]}], …} */
#include "compiler/build/artifact.h"
#include "compiler/build/recipe.h"
#include "compiler/build/record.h"
#include "compiler/frontend/beside.h"
#include "compiler/frontend/input/pictures.h"
#include "compiler/frontend/segment.h"
#include "ir/base/escape.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char **strings_of(const json_t *array, Arena *arena)
{
    size_t count = json_array_size(array);
    const char **strings = NEW_ARRAY(arena, const char *, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text)
            return NULL;
        strings[i] = arena_strdup(arena, text);
    }
    return strings;
}

int64_t prop_strings(const Model *model, const char *key, const char *const **strings)
{
    const char *text = model_prop(model, key);
    json_t *array = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    *strings = json_is_array(array) ? strings_of(array, model->arena) : NULL;
    int64_t count = *strings ? (int64_t)json_array_size(array) : 0;
    json_decref(array);
    return count;
}

static int64_t find_value(const Value *const *values, int64_t count, const char *name)
{
    for (int64_t i = 0; i < count; i++)
        if (strcmp(values[i]->name, name) == 0)
            return i;
    return -1;
}

/* Pictures go into a float input of rank 4: pixel_values, or the only one there is. */
static int64_t pixel_input(const Graph *graph)
{
    const Value *const *inputs = (const Value *const *)graph->inputs.at;
    int64_t index = find_value(inputs, graph->inputs.len, "pixel_values");
    if (index < 0 && graph->inputs.len == 1)
        index = 0;
    bool fits = index >= 0 && inputs[index]->type.dtype == DT_FLOAT && inputs[index]->type.shape.rank == 4;
    return fits ? index : -1;
}

const Value *artifact_pixels(const Graph *graph)
{
    int64_t index = pixel_input(graph);
    return index < 0 ? NULL : graph->inputs.at[index];
}

/* The output of this name, or that which metadata says holds it. */
static int64_t output_of(const Graph *graph, const char *name, const char *key)
{
    const Value *const *outputs = (const Value *const *)graph->outputs.at;
    const char *other = model_prop(graph->model, key);
    int64_t index = find_value(outputs, graph->outputs.len, name);
    return index < 0 && other ? find_value(outputs, graph->outputs.len, other) : index;
}

/* Labels are answered from logits or probabilities of one row for each picture. */
static int64_t logits_output(const Graph *graph, int64_t *probabilities)
{
    Value *const *outputs = graph->outputs.at;
    int64_t index = output_of(graph, "logits", "cnxc.logits");
    *probabilities = output_of(graph, "probabilities", "cnxc.probabilities");
    if (index < 0)
        index = *probabilities;
    bool fits = index >= 0 && outputs[index]->type.dtype == DT_FLOAT && outputs[index]->type.shape.rank == 2;
    return fits ? index : -1;
}

/* Where the model labels pixels: the output of their classes, and *logits, what these are the greatest of; -1: none. */
static int64_t mask_output(const Graph *graph, int64_t *logits)
{
    Value *const *outputs = graph->outputs.at;
    int64_t index = output_of(graph, "labels", "cnxc.mask"), found = output_of(graph, "logits", "cnxc.logits");
    bool is_mask =
        index >= 0 && str_equal(model_prop(graph->model, "cnxc.task"), SEGMENTATION) && segment_is_mask(outputs[index]);
    *logits = found >= 0 && segment_is_logits(outputs[found]) ? found : -1;
    return is_mask ? index : -1;
}

const Value *artifact_scores(const Graph *graph)
{
    int64_t probabilities, index = logits_output(graph, &probabilities);
    return index < 0 ? NULL : graph->outputs.at[index];
}

static int64_t score_kind(const Model *model, int64_t logits, int64_t probabilities)
{
    const char *problem = model_prop(model, "cnxc.problem_type");
    if (logits < 0 || logits == probabilities || str_equal(problem, "regression"))
        return CNXRT_SCORES_NONE;
    int64_t classes = model->graph->outputs.at[logits]->type.shape.dims[1].size;
    bool independent = classes == 1 || (problem && strcmp(problem, "multi_label_classification") == 0);
    return independent ? CNXRT_SCORES_SIGMOID : CNXRT_SCORES_SOFTMAX;
}

/* ── NAME_info_json ──────────────────────────────────────────────────────────────────────────────────── */

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

/* What is different in each size. */
static json_t *sizes_json(const Build *build)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < build->models.len; i++) {
        const ImageSize *size = &build->options.sizes.at[i];
        const Graph *graph = build->models.at[i]->graph;
        json_array_append_new(list, json_pack("{s:I, s:I, s:o, s:o}", "height", (json_int_t)size->height, "width",
                                              (json_int_t)size->width, "inputs", values_json(graph->inputs.at, graph->inputs.len),
                                              "outputs", values_json(graph->outputs.at, graph->outputs.len)));
    }
    return list;
}

static const char *info_json(const Build *build)
{
    const ArtifactInfo *info = &build->info;
    const Graph *graph = build->model->graph;
    json_t *root = json_object();
    set_text(root, "name", info->name);
    set_text(root, "version", info->version);
    set_text(root, "task", model_prop(build->model, "cnxc.task"));
    set_text(root, "cpu", build->cpu->name);
    json_object_set_new(root, "cpus", cpus_json(build));
    set_text(root, "precision", precision_name(build->program->precision));
    set_text(root, "preproc", info->sizes->preprocessor ? preprocessor_name(info->sizes->preprocessor) : NULL);
    json_object_set_new(root, "opt_level", json_integer(build->options.pipeline.opt_level));
    json_object_set_new(root, "inputs", values_json(graph->inputs.at, graph->inputs.len));
    json_object_set_new(root, "outputs", values_json(graph->outputs.at, graph->outputs.len));
    if (info->n_sizes > 1)
        json_object_set_new(root, "sizes", sizes_json(build));
    json_object_set_new(root, "labels", labels_json(info));
    json_object_set_new(root, "weights_bytes", json_integer(info->weights_bytes));
    if (info->n_sizes > 1)
        json_object_set_new(root, "weights_in_common", json_integer(info->weights_in_common));
    set_text(root, "weights_file", info->weights_file);
    set_hash(root, "graph_hash", info->graph_hash);
    set_hash(root, "weights_hash", info->weights_hash);
    char *text = json_dumps(root, JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
    if (!text)
        out_of_memory();
    Printed printed;
    printed_begin(&printed);
    put_json_text(printed.out, text);
    printed_end(&printed);
    const char *copy = arena_strdup(build->arena, printed.text);
    free(printed.text);
    free(text);
    json_decref(root);
    return copy;
}

const CnxrtPreprocessor *artifact_pictures(const Build *build) { return pictures_read(build->model, build->diag); }

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static const ArtifactSize *sizes_of(const Build *build)
{
    ArtifactSize *sizes = NEW_ARRAY(build->arena, ArtifactSize, build->models.len);
    for (int64_t i = 0; i < build->models.len; i++)
        sizes[i] = (ArtifactSize){build->models.at[i]->graph, pictures_read(build->models.at[i], build->diag)};
    return sizes;
}

static int64_t size_input(const Graph *graph)
{
    const Value *input = beside_input(graph);
    return input ? find_value((const Value *const *)graph->inputs.at, graph->inputs.len, input->name) : -1;
}

void artifact_describe(Build *build)
{
    Model *model = build->model;
    ArtifactInfo *info = &build->info;
    int64_t probabilities, planes;
    info->name = build->prefix;
    info->version = CNXC_VERSION;
    info->weights_file = build->weights_name;
    info->n_variants = build->cpus.len;
    info->weights_in_common = weights_in_common(build->programs.at, build->programs.len, build->cpus.len);
    info->batch_free = build->program->batch_free;
    info->n_sizes = build->models.len;
    info->sizes = sizes_of(build);
    info->size_input = size_input(model->graph);
    info->pixel_input = info->sizes->preprocessor ? pixel_input(model->graph) : -1;
    info->logits_output = logits_output(model->graph, &probabilities);
    info->scores = score_kind(model, info->logits_output, probabilities);
    info->mask_output = mask_output(model->graph, &planes);
    if (info->mask_output >= 0)
        info->logits_output = planes;
    info->n_labels = prop_strings(model, "cnxc.labels", &info->labels);
    info->info_json = info_json(build);
    if (info->weights_file)
        record_put(info, recipe_text(build), build->arena);
}
