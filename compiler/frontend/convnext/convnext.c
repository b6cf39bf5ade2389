/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The Hugging Face frontend: a folder with config.json, a checkpoint and preprocessor_config.json becomes a Model, or a checkpoint
 * alone.
 *
 * Problem: the folder says what the model is, not what it computes. Idea: build the graph an export would have,
 * out of primitive ONNX operators, with the checkpoint's tensors as initializers in place; nothing after this
 * room knows where a graph came from.
 *
 *   {"model_type": "convnext", "depths": [3, 3, 9, 3], …}
 *   →  pixel_values → Conv → Transpose → LayerNormalization → … → Gemm → logits
 *
 *   config.c, labels.c      config.json       trunk.c, act.c   stem, stages, activations
 *   timm.c, shapes.c        what stands for   outputs.c        heads
 *   variant.c               timm's own        mixer.c          InceptionNeXt's
 *   parameters.c, names.c   tensors by name   ops.c            the builder's vocabulary
 *   outline.c               functions, for texts */
#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/checkpoint/folder.h"
#include "compiler/frontend/convnext/build.h"
#include "compiler/frontend/convnext/names.h"
#include "compiler/frontend/convnext/shapes.h"
#include "compiler/frontend/input/labels.h"
#include "compiler/frontend/input/processor.h"
#include "compiler/frontend/input/timm.h"
#include "ir/infer.h"

typedef struct HfFolder {
    HfConfig *config;
    Pictures pictures;
} HfFolder;

enum { OPSET = 20, IR_VERSION = 9 }; /* 20: the first with Gelu; 9: the IR version that came with it */

static const char *const task_names[] = {
    [HF_CLASSIFICATION] = "image-classification", [HF_FEATURES] = "feature-extraction", [HF_BACKBONE] = "backbone"};

static HfTask task_of(const HfConfig *config, const FrontendOptions *options)
{
    for (int64_t i = 0; i < countof(task_names); i++)
        if (str_equal(options->task, task_names[i]))
            return (HfTask)i;
    return config->task;
}

Model *hf_new_model(const HfConfig *config, const char *task, const char *name, Arena *arena, Diag *diag)
{
    Model *model = model_new(arena, diag);
    model->source = config->json->source;
    model->ir_version = IR_VERSION;
    model->producer_name = "cnxc";
    model->producer_version = model->domain = model->doc_string = "";
    model_set_opset(model, "", OPSET);
    model_set_prop(model, "cnxc.task", task);
    model->graph = graph_new(model, name);
    return model;
}

/* The pictures' size: asked for, else what the image processor makes, else the config's. */
void hf_set_size(HfBuild *build, const Pictures *pictures, const FrontendOptions *options)
{
    const HfConfig *config = build->config;
    if (pictures->settings)
        model_set_prop(build->graph->model, "cnxc.preprocessor", pictures->settings);
    build->graph->model->assumes_pictures = pictures->assumed;
    build->height = options->image_height ? options->image_height : pictures->height ? pictures->height : config->image_height;
    build->width = options->image_width ? options->image_width : pictures->width ? pictures->width : config->image_width;
}

/* Tensors of other classes' heads are no mistake. */
void hf_ignore_unbuilt(const HfBuild *build)
{
    if (!build->logits) {
        parameters_ignore(build->weights, "classifier.");
        parameters_ignore(build->weights, "head.");
    }
    if (!build->pooled && !build->tokens) {
        parameters_ignore(build->weights, "layernorm.");
        parameters_ignore(build->weights, "norm_pre.");
    }
    if (build->config->layer_scale_init <= 0)
        parameters_ignore(build->weights, ".layer_scale_parameter");
    parameters_ignore(build->weights, "hidden_states_norms.");
    parameters_ignore(build->weights, ".num_batches_tracked");
}

/* build has its weights. */
static Model *build_model(HfBuild *build, const HfFolder *folder, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    HfTask task = task_of(folder->config, options);
    const HfConfig *config = folder->config;
    Model *model = hf_new_model(config, task_names[task], family_name(config->family), arena, diag);
    if (task == HF_CLASSIFICATION && config->labels)
        model_set_prop(model, "cnxc.labels", labels_write(config->labels, config->num_labels, arena));
    if (config->problem_type)
        model_set_prop(model, "cnxc.problem_type", config->problem_type);
    build->config = config;
    build->graph = model->graph;
    hf_set_size(build, &folder->pictures, options);
    if (!hf_build_trunk(build) || !hf_build_outputs(build, task, options->outputs, options->n_outputs))
        return NULL;
    hf_ignore_unbuilt(build);
    return parameters_finish(build->weights) ? model : NULL;
}

static const char PROCESSOR[] = "preprocessor_config.json";

/* As --processor says, or the model's own file, NULL: it has none, or as timm's config says, or as the published models do. */
static void open_processor(HfFolder *folder, const char *own, const FrontendOptions *options)
{
    const HfConfig *config = folder->config;
    Arena *arena = config->json->arena;
    Diag *diag = config->json->diag;
    const char *usual = config->family == FAMILY_DINOV3 ? "DINOv3ViTImageProcessor" : "ConvNextImageProcessor";
    const char *path = options->processor ? options->processor : own;
    if (path)
        processor_open(path, usual, config->num_channels, &folder->pictures, arena, diag);
    else if (key_get(config->json, TIMM_PICTURES))
        processor_read_timm(config->json, config->num_channels, &folder->pictures);
    else if (config->family == FAMILY_DINOV3)
        processor_default(usual, config->num_channels, PROCESSOR, &folder->pictures, arena, diag);
    else if (config->num_channels == 3 && config->image_height == config->image_width)
        processor_published(config->image_height, PROCESSOR, &folder->pictures, arena, diag);
}

/* --image-size may ask for what the processor does not make. */
void hf_check_size(const Pictures *pictures, const FrontendOptions *options, Diag *diag)
{
    int64_t height = options->image_height, width = options->image_width;
    if (pictures->settings && height && pictures->height && (height != pictures->height || width != pictures->width))
        diag_warning(diag, NO_SPAN, "pictures are made %lldx%lld, the model takes %lldx%lld; it will not take pictures",
                     (long long)pictures->height, (long long)pictures->width, (long long)height, (long long)width);
}

/* Both configurations, so that what is wrong with either is said at once. */
static bool open_folder(HfFolder *folder, const char *dir, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    int64_t errors = diag->n_errors;
    if (folder_lacks(dir, "config.json", arena)) {
        folder_refuse(dir, arena, diag);
        return false;
    }
    folder->config = hf_config_read(json_file_open(dir, "config.json", arena, diag), options);
    folder->pictures = (Pictures){.height = options->image_height, .width = options->image_width};
    if (str_equal(options->task, SEGMENTATION))
        diag_unsupported(diag, NO_SPAN, "--task=" SEGMENTATION ": this ConvNeXt has no head that labels pixels; a UperNet has");
    if (folder->config)
        open_processor(folder, json_file_exists(dir, PROCESSOR) ? arena_printf(arena, "%s/%s", dir, PROCESSOR) : NULL, options);
    hf_check_size(&folder->pictures, options, diag);
    return diag->n_errors == errors;
}

/* A config that says nothing of labels means two, if its checkpoint does not say more: bare models' configs lie
 * beside classifiers' checkpoints, too. */
static void count_labels(HfConfig *config, const Parameters *weights)
{
    int64_t rows = parameters_rows(weights, "classifier.weight");
    if (!config->counts_labels && rows)
        config->num_labels = rows;
}

/* A config that names no class: its checkpoint's heads tell which one was saved. */
static void find_task(HfConfig *config, const Parameters *weights)
{
    if (!config->names_class)
        config->task = parameters_have(weights, "classifier.weight")  ? HF_CLASSIFICATION
                       : parameters_have(weights, "layernorm.weight") ? HF_FEATURES
                                                                      : HF_BACKBONE;
}

static Model *build_with_weights(HfFolder *folder, Parameters *weights, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    find_task(folder->config, weights);
    count_labels(folder->config, weights);
    folder->config->loss_by_example = parameters_of_tensorflow(weights);
    return build_model(&(HfBuild){.weights = weights}, folder, options, arena, diag);
}

Model *hf_load(const char *dir, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    HfFolder folder;
    if (!open_folder(&folder, dir, options, arena, diag))
        return NULL;
    Parameters *weights = parameters_open(dir, hf_prefix(folder.config->family), arena, diag);
    return weights ? build_with_weights(&folder, weights, options, arena, diag) : NULL;
}

Model *hf_load_alone(const Source *source, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    HfFolder folder = {.pictures = {.height = options->image_height, .width = options->image_width}};
    Parameters *weights = parameters_open_alone(source, arena, diag);
    bool told = weights && hf_shapes_tell(weights, source->path, diag);
    JsonFile *json = told ? json_file_of(hf_config_of_shapes(weights, source->path, arena), arena, diag) : NULL;
    folder.config = hf_config_read(json, options);
    if (!folder.config || diag_failed(diag))
        return NULL;
    open_processor(&folder, NULL, options);
    folder.pictures.assumed |= !options->processor; /* torchvision's, for its names */
    hf_check_size(&folder.pictures, options, diag);
    if (diag_failed(diag))
        return NULL;
    Model *model = build_with_weights(&folder, weights, options, arena, diag);
    if (!model)
        diag_note(diag, NO_SPAN, "a network of another form compiles as an ONNX export: torch.onnx.export");
    return model;
}

Model *hf_graph_from_config(const char *dir, const char *text_dir, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    HfFolder folder;
    if (!open_folder(&folder, dir, options, arena, diag))
        return NULL;
    HfBuild build = {.weights = parameters_declare(text_dir, hf_prefix(folder.config->family), arena, diag)};
    Model *model = build_model(&build, &folder, options, arena, diag);
    if (!model || !graph_infer(model->graph, diag))
        return NULL;
    hf_outline(&build);
    return model;
}
