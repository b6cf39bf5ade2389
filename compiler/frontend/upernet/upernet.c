/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A UperNet's folder becomes a Model: a ConvNeXt's trunk, the head, and the class of each pixel.
 *
 *   pixel_values → hidden states (../convnext) → maps of features → decode_head → logits → ArgMax → labels
 *
 * The auxiliary head, which only training looks at, is not built. */
#include "compiler/frontend/upernet/upernet.h"
#include "compiler/frontend/checkpoint/folder.h"
#include "compiler/frontend/input/labels.h"
#include "compiler/frontend/upernet/build.h"
#include "ir/infer.h"

#include <string.h>

static const char PROCESSOR[] = "preprocessor_config.json", CLASS[] = "SegformerImageProcessor";
static const char PREFIX[] = "backbone.";

typedef struct UperNet {
    HfBuild build;
    const UperNetConfig *config;
    Pictures pictures;
    const FrontendOptions *options;
    Value *logits;
} UperNet;

bool upernet_probe(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", dir);
    json_t *root = json_load_file(path, 0, NULL);
    bool is = str_equal(json_string_value(json_object_get(root, "model_type")), "upernet");
    json_decref(root);
    return is;
}

/* ── The folder ── */

static void open_processor(UperNet *u, const char *dir, Arena *arena, Diag *diag)
{
    const char *own = json_file_exists(dir, PROCESSOR) ? arena_printf(arena, "%s/%s", dir, PROCESSOR) : NULL;
    const char *path = u->options->processor ? u->options->processor : own;
    int64_t channels = u->config->backbone->num_channels;
    u->pictures = (Pictures){.height = u->options->image_height, .width = u->options->image_width};
    if (path)
        processor_open(path, CLASS, channels, &u->pictures, arena, diag);
    else
        processor_default(CLASS, channels, PROCESSOR, &u->pictures, arena, diag);
    hf_check_size(&u->pictures, u->options, diag);
}

/* Both configurations, so that what is wrong with either is said at once. */
static bool open_folder(UperNet *u, const char *dir, Arena *arena, Diag *diag)
{
    int64_t errors = diag->n_errors;
    const char *task = u->options->task;
    if (u->options->problem_type)
        diag_warning(diag, NO_SPAN, "--problem-type=%s changes nothing: a UperNet labels pixels", u->options->problem_type);
    if (task && strcmp(task, SEGMENTATION) != 0)
        diag_unsupported(diag, NO_SPAN, "--task=%s is not what a UperNet does, expected %s", task, SEGMENTATION);
    u->config = upernet_config_read(json_file_open(dir, "config.json", arena, diag), u->options);
    if (u->config)
        open_processor(u, dir, arena, diag);
    return diag->n_errors == errors;
}

/* ── Outputs ── */

static Value *along_classes(UperNet *u, OpKind kind, const char *name)
{
    Value *y = hf_op(&u->build, kind, name, u->logits, NULL, NULL);
    node_set_int(y->producer, "axis", 1);
    if (kind == OP_ArgMax)
        node_set_int(y->producer, "keepdims", 0);
    return y;
}

static Value *find_output(UperNet *u, const char *name)
{
    if (strcmp(name, "logits") == 0)
        return u->logits;
    if (strcmp(name, "labels") == 0)
        return along_classes(u, OP_ArgMax, name);
    if (strcmp(name, "probabilities") == 0)
        return along_classes(u, OP_Softmax, name);
    return graph_find(u->build.graph, name);
}

static bool add_outputs(UperNet *u)
{
    static const char *const usual[] = {"logits", "labels"};
    const char *const *names = u->options->outputs ? u->options->outputs : usual;
    int64_t n = u->options->outputs ? u->options->n_outputs : countof(usual);
    for (int64_t i = 0; i < n; i++) {
        if (!hf_is_new_output(&u->build, names[i]))
            return false;
        Value *value = find_output(u, names[i]);
        if (value)
            hf_publish(&u->build, value, names[i]);
        else
            diag_error(u->build.graph->model->diag, NO_SPAN,
                       "unknown output \"%s\"; there are logits, labels, probabilities, and the values of the graph", names[i]);
        if (!value)
            return false;
    }
    return true;
}

/* ── The model ── */

/* u->build has its weights. */
static Model *build_model(UperNet *u, Arena *arena, Diag *diag)
{
    HfConfig *config = u->config->backbone;
    Model *model = hf_new_model(config, SEGMENTATION, "upernet", arena, diag);
    if (config->labels)
        model_set_prop(model, "cnxc.labels", labels_write(config->labels, config->num_labels, arena));
    u->build.config = config;
    u->build.norms_saved = true;
    u->build.graph = model->graph;
    hf_set_size(&u->build, &u->pictures, u->options);
    if (!hf_build_trunk(&u->build))
        return NULL;
    u->logits = upernet_logits(&u->build, u->config);
    if (!add_outputs(u))
        return NULL;
    hf_ignore_unbuilt(&u->build);
    parameters_ignore(u->build.weights, "auxiliary_head.");
    parameters_ignore(u->build.weights, ".num_batches_tracked");
    return parameters_finish(u->build.weights) ? model : NULL;
}

/* A config that does not say how many labels there are leaves it to the classifier's rows. */
static void count_labels(const UperNet *u)
{
    const Tensor *rows = parameters_find(u->build.weights, "decode_head.classifier.weight");
    if (!u->config->backbone->counts_labels && rows && rows->rank)
        u->config->backbone->num_labels = rows->dims[0];
}

Model *upernet_load(const char *dir, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    UperNet u = {.options = options};
    if (!open_folder(&u, dir, arena, diag))
        return NULL;
    u.build.weights = parameters_open(dir, PREFIX, arena, diag);
    if (!u.build.weights)
        return NULL;
    count_labels(&u);
    return build_model(&u, arena, diag);
}

Model *upernet_graph_from_config(const char *dir, const char *text_dir, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    UperNet u = {.options = options};
    if (!open_folder(&u, dir, arena, diag))
        return NULL;
    u.build.weights = parameters_declare(text_dir, PREFIX, arena, diag);
    Model *model = build_model(&u, arena, diag);
    if (!model || !graph_infer(model->graph, diag))
        return NULL;
    hf_outline(&u.build);
    return model;
}
