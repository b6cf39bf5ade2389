/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The heads: what --outputs and the task ask for, built on the trunk's hidden states.
 *
 *   logits              Gemm of the pooled vector: mean over the map, then LayerNorm
 *   probabilities       Softmax, or Sigmoid where labels do not exclude one another
 *   last_hidden_state, pooler_output, hidden_states.K
 *   feature_map.K       a backbone's: LayerNorm of the K-th stage asked for; of DINOv3 that stage
 *   loss                with a further input, labels
 *   loss.multi_label    with labels.multi_label: where only the labels' type would say which loss is meant
 *
 * Only what is asked for is built. */
#include "compiler/frontend/convnext/build.h"

#include <stdlib.h>
#include <string.h>

enum { INCEPTION_HEAD = 3 }; /* times the last stage's channels */
static const double FEATURE_EPSILON = 1e-6;
static const char LOSS_OF_FLOATS[] = "loss.multi_label", LABELS_OF_FLOATS[] = "labels.multi_label";

static Arena *arena_of(const HfBuild *build) { return build->graph->model->arena; }

static int64_t last_state(const HfBuild *build) { return build->config->num_stages; }

static bool has_classes(const HfBuild *build) { return build->config->family != FAMILY_DINOV3; }

static int64_t last_width(const HfBuild *build) { return hf_width(build->config, last_state(build)); }

static Value *reduce_plane(HfBuild *build, OpKind kind, Value *x, const char *name)
{
    static const int64_t plane[] = {-2, -1};
    return hf_reduce(build, kind, x, name, plane, 2, false);
}

/* Over the map, as timm's global_pool says. */
static Value *pool(HfBuild *build, Value *x)
{
    HfPool pool = build->config->pool;
    Value *mean = pool != HF_POOL_MAX ? reduce_plane(build, OP_ReduceMean, x, pool ? "pooled.mean" : "pooled") : NULL;
    Value *max = pool ? reduce_plane(build, OP_ReduceMax, x, mean ? "pooled.max" : "pooled") : NULL;
    if (!mean || !max)
        return mean ? mean : max;
    if (pool == HF_POOL_AVGMAX)
        return hf_op(build, OP_Mul, "pooled", hf_op(build, OP_Add, "pooled.sum", mean, max, NULL), hf_scalar(build, 0.5), NULL);
    Value *both = hf_op(build, OP_Concat, "pooled", mean, max, NULL);
    node_set_int(both->producer, "axis", 1);
    return both;
}

/* The norm of a checkpoint that was saved as another class is new: weight 1, bias 0. */
static Value *fresh_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon)
{
    Tensor *ones = tensor_new(arena_of(build), DT_FLOAT, 1, &width), *zeros = tensor_new(arena_of(build), DT_FLOAT, 1, &width);
    for (int64_t i = 0; i < width; i++)
        tensor_set(ones, i, 1);
    Value *gain =
        graph_add_constant(build->graph, graph_fresh_name(build->graph, hf_name(build, name, ".weight")), ones, NO_SPAN);
    Value *bias = graph_add_constant(build->graph, graph_fresh_name(build->graph, hf_name(build, name, ".bias")), zeros, NO_SPAN);
    Value *y = hf_op(build, OP_LayerNormalization, name, x, gain, bias);
    node_set_int(y->producer, "axis", -1);
    node_set_float(y->producer, "epsilon", (float)epsilon);
    return y;
}

/* The final norm. timm's folders of encoders alone have none: theirs is new. */
static Value *final_norm(HfBuild *build, Value *x, const char *name, int64_t width)
{
    const HfConfig *c = build->config;
    bool fresh =
        key_get(c->json, "model_args") && !c->num_labels && !parameters_have(build->weights, hf_name(build, name, ".weight"));
    return fresh ? fresh_norm(build, x, name, width, c->layer_norm_eps) : hf_norm(build, x, name, width, c->layer_norm_eps);
}

static Value *pooled(HfBuild *build)
{
    if (build->pooled)
        return build->pooled;
    Value *x = build->hidden_states[last_state(build)];
    if (build->config->norm_first)
        x = hf_channels_first(build, final_norm(build, hf_channels_last(build, x, "norm_pre"), "norm_pre", last_width(build)),
                              "norm_pre");
    x = pool(build, x);
    bool plain = build->config->norm_first || build->config->band;
    return build->pooled = plain ? x : final_norm(build, x, "layernorm", last_width(build));
}

/* Of what input builds. */
static Value *dense(HfBuild *build, Value *(*input)(HfBuild *), const char *name, int64_t in, int64_t out, const char *result)
{
    Value *weight = hf_weight(build, hf_name(build, name, ".weight"), 2, (const int64_t[]){out, in});
    Value *bias = hf_weight(build, hf_name(build, name, ".bias"), 1, &out);
    Value *y = hf_op(build, OP_Gemm, result, input(build), weight, bias);
    node_set_int(y->producer, "transB", 1);
    return y;
}

static int64_t pooled_width(const HfBuild *build)
{
    return last_width(build) * (build->config->pool == HF_POOL_CATAVGMAX ? 2 : 1);
}

/* Of the layer between pooling and classifier; 0: there is none. */
static int64_t head_width(const HfBuild *build)
{
    return build->config->band ? INCEPTION_HEAD * last_width(build) : build->config->head_width;
}

/* What the classifier sees: what was pooled, or what a layer of timm's makes of it; InceptionNeXt's norm comes behind that. */
static Value *pre_logits(HfBuild *build)
{
    const char *layer = build->config->band ? "head.fc1" : "head.pre_logits.fc";
    int64_t width = head_width(build);
    if (!width)
        return pooled(build);
    Value *x = dense(build, pooled, layer, pooled_width(build), width, layer);
    x = hf_op(build, OP_Gelu, "head.act", x, NULL, NULL);
    return build->config->band ? final_norm(build, x, "layernorm", width) : x;
}

/* A head without labels is the identity. */
static Value *logits(HfBuild *build)
{
    int64_t labels = build->config->num_labels, width = head_width(build) ? head_width(build) : pooled_width(build);
    const char *name = build->config->band ? "head.fc2" : "classifier";
    if (!build->logits)
        build->logits = labels ? dense(build, pre_logits, name, width, labels, "classifier") : pre_logits(build);
    return build->logits;
}

/* Of DINOv3: the pooled vector, then each place of the map, in a row, all of them normalised. */
static Value *tokens(HfBuild *build)
{
    static const int64_t plane[] = {-2, -1};
    Value *map = build->hidden_states[last_state(build)];
    if (build->tokens)
        return build->tokens;
    Value *mean = hf_reduce(build, OP_ReduceMean, map, "pooled", plane, 2, true);
    Value *shape = hf_ints(build, "shape", (const int64_t[]){0, -1, last_width(build)}, 3);
    mean = hf_op(build, OP_Reshape, "cls", hf_channels_last(build, mean, "cls"), shape, NULL);
    map = hf_op(build, OP_Reshape, "patches", hf_channels_last(build, map, "patches"), shape, NULL);
    Value *all = hf_op(build, OP_Concat, "tokens", mean, map, NULL);
    node_set_int(all->producer, "axis", 1);
    return build->tokens = hf_norm(build, all, "layernorm", last_width(build), build->config->layer_norm_eps);
}

static Value *pooler_output(HfBuild *build)
{
    static const int64_t first[] = {0}, axis[] = {1};
    if (build->config->family != FAMILY_DINOV3)
        return pooled(build);
    if (!build->pooled) {
        Value *cls = hf_op(build, OP_Gather, "pooler.cls", tokens(build), hf_ints(build, "place", first, 1), NULL);
        node_set_int(cls->producer, "axis", 1);
        build->pooled = hf_op(build, OP_Squeeze, "pooler", cls, hf_ints(build, "axes", axis, 1), NULL);
    }
    return build->pooled;
}

static Value *last_hidden_state(HfBuild *build)
{
    return build->config->family == FAMILY_DINOV3 ? tokens(build) : build->hidden_states[last_state(build)];
}

static bool excludes(const HfConfig *config)
{
    return config->num_labels != 1 && !str_equal(config->problem_type, "multi_label_classification");
}

static Value *probabilities(HfBuild *build)
{
    if (!excludes(build->config))
        return hf_op(build, OP_Sigmoid, "probabilities", logits(build), NULL, NULL);
    Value *y = hf_op(build, OP_Softmax, "probabilities", logits(build), NULL, NULL);
    node_set_int(y->producer, "axis", -1);
    return y;
}

static Value *labels_input(HfBuild *build, const char *name, DType dtype, int rank)
{
    Type type = {dtype, {rank, {{-1, "batch_size"}, {build->config->num_labels, NULL}}}};
    return graph_add_input(build->graph, name, type, NO_SPAN);
}

static Value *mean_of_all(HfBuild *build, Value *x, int64_t rank)
{
    static const int64_t axes[] = {0, 1};
    return hf_reduce(build, OP_ReduceMean, x, "loss", axes, rank, false);
}

/* Mean of squared differences. With one label, labels is a vector, as the pictures' values usually come. */
static Value *regression_loss(HfBuild *build)
{
    static const int64_t last[] = {1};
    bool single = build->config->num_labels == 1;
    Value *x = logits(build), *y = labels_input(build, "labels", DT_FLOAT, single ? 1 : 2);
    if (single)
        x = hf_op(build, OP_Squeeze, "loss.logits", x, hf_ints(build, "axes", last, 1), NULL);
    Value *difference = hf_op(build, OP_Sub, "loss.difference", x, y, NULL);
    Value *square = hf_op(build, OP_Mul, "loss.square", difference, difference, NULL);
    return build->config->loss_by_example ? square : mean_of_all(build, square, single ? 1 : 2);
}

/* Mean of max(z, 0) - z y + log(1 + exp(-|z|)), which does not overflow. */
static Value *multi_label_loss(HfBuild *build, const char *labels)
{
    Value *z = logits(build), *y = labels_input(build, labels, DT_FLOAT, 2);
    Value *negative = hf_op(build, OP_Neg, "loss.negative", hf_op(build, OP_Abs, "loss.abs", z, NULL, NULL), NULL, NULL);
    Value *small = hf_op(build, OP_Softplus, "loss.softplus", negative, NULL, NULL);
    Value *positive = hf_op(build, OP_Relu, "loss.positive", z, NULL, NULL);
    Value *difference = hf_op(build, OP_Sub, "loss.difference", positive, hf_op(build, OP_Mul, "loss.product", z, y, NULL), NULL);
    return mean_of_all(build, hf_op(build, OP_Add, "loss.terms", difference, small, NULL), 2);
}

static Value *single_label_loss(HfBuild *build)
{
    Value *y = labels_input(build, "labels", DT_INT64, 1);
    y = hf_op(build, OP_SoftmaxCrossEntropyLoss, "loss", logits(build), y, NULL);
    node_set_int(y->producer, "ignore_index", -100);
    node_set_string(y->producer, "reduction", build->config->loss_by_example ? "none" : "mean");
    return y;
}

/* Several labels and no problem_type: transformers looks at the type of the labels it is given, so both losses are
 * built. Class numbers go into labels and give loss; floats go into labels.multi_label and give loss.multi_label. */
static bool labels_decide(const HfConfig *config)
{
    return !config->problem_type && config->num_labels > 1 && !config->loss_by_example;
}

static Value *loss(HfBuild *build)
{
    const HfConfig *config = build->config;
    if (config->loss_by_example)
        return config->num_labels == 1 ? regression_loss(build) : single_label_loss(build);
    if (str_equal(config->problem_type, "regression") || (!config->problem_type && config->num_labels == 1))
        return regression_loss(build);
    return str_equal(config->problem_type, "multi_label_classification") ? multi_label_loss(build, "labels")
                                                                         : single_label_loss(build);
}

static const char *stage_name(HfBuild *build, int64_t state)
{
    return state ? arena_printf(arena_of(build), "stage%lld", (long long)state) : "stem";
}

Value *hf_feature_map(HfBuild *build, int64_t k)
{
    int64_t state = build->config->features.at[k], width = hf_width(build->config, state);
    if (build->config->family == FAMILY_DINOV3)
        return build->hidden_states[state];
    const char *name = hf_name(build, "hidden_states_norms.", stage_name(build, state));
    Value *x = hf_channels_last(build, build->hidden_states[state], name);
    bool stored = build->norms_saved || parameters_have(build->weights, hf_name(build, name, ".weight")) ||
                  parameters_have(build->weights, hf_name(build, name, ".bias"));
    x = stored ? hf_layer_norm(build, x, name, width, FEATURE_EPSILON) : fresh_norm(build, x, name, width, FEATURE_EPSILON);
    return hf_channels_first(build, x, name);
}

/* name is stem followed by a number below count. */
static bool numbered(const char *name, const char *stem, int64_t count, int64_t *number)
{
    char *end;
    if (!str_starts_with(name, stem))
        return false;
    name += strlen(stem);
    *number = strtoll(name, &end, 10);
    return *name >= '0' && *name <= '9' && *end == '\0' && *number < count;
}

static Value *find_output(HfBuild *build, const char *name)
{
    int64_t k;
    bool classifies = has_classes(build);
    if (classifies && strcmp(name, "logits") == 0)
        return logits(build);
    if (classifies && strcmp(name, "probabilities") == 0)
        return probabilities(build);
    if (classifies && strcmp(name, "loss") == 0)
        return loss(build);
    if (classifies && strcmp(name, LOSS_OF_FLOATS) == 0 && labels_decide(build->config))
        return multi_label_loss(build, LABELS_OF_FLOATS);
    if (strcmp(name, "pooler_output") == 0)
        return pooler_output(build);
    if (strcmp(name, "last_hidden_state") == 0)
        return last_hidden_state(build);
    if (numbered(name, "hidden_states.", last_state(build) + 1, &k))
        return build->hidden_states[k];
    if (numbered(name, "feature_map.", build->config->features.len, &k))
        return hf_feature_map(build, k);
    return graph_find(build->graph, name);
}

/* By renaming it, or by a copy if it has a public name already. */
void hf_publish(HfBuild *build, Value *value, const char *name)
{
    Graph *graph = build->graph;
    if (strcmp(value->name, name) != 0 && (value->is_output || value->is_input || value->constant))
        value = hf_op(build, OP_Identity, name, value, NULL, NULL);
    if (strcmp(value->name, name) != 0) {
        strmap_put(&graph->names, value->name, NULL);
        value->name = arena_strdup(arena_of(build), name);
        strmap_put(&graph->names, name, value);
    }
    graph_add_output(graph, value);
}

static bool unknown_output(HfBuild *build, const char *name)
{
    static const char *const known[] = {"logits",        "probabilities", "loss", "pooler_output", "last_hidden_state",
                                        "hidden_states", "feature_maps"};
    bool classifies = has_classes(build);
    int64_t first = classifies ? 0 : 3;
    const char *near = nearest_name(name, known + first, countof(known) - first);
    diag_error(build->graph->model->diag, NO_SPAN,
               "unknown output \"%s\"%s%s%s; there are %slast_hidden_state, pooler_output, hidden_states.0 to %lld, "
               "feature_map.0 to %lld",
               name, near ? ", did you mean \"" : "", near ? near : "", near ? "\"" : "",
               classifies ? "logits, probabilities, loss, " : "", (long long)last_state(build),
               (long long)build->config->features.len - 1);
    return false;
}

bool hf_is_new_output(const HfBuild *build, const char *name)
{
    const Value *old = graph_find(build->graph, name);
    if (!old || !old->is_output)
        return true;
    diag_error(build->graph->model->diag, NO_SPAN, "output %s is asked for twice", name);
    return false;
}

static bool add_output(HfBuild *build, const char *name)
{
    if (!hf_is_new_output(build, name))
        return false;
    Value *value = find_output(build, name);
    if (!value)
        return unknown_output(build, name);
    hf_publish(build, value, name);
    return true;
}

static bool add_numbered(HfBuild *build, const char *stem, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!add_output(build, arena_printf(arena_of(build), "%s%lld", stem, (long long)i)))
            return false;
    return true;
}

static bool add_feature_maps(HfBuild *build)
{
    const JsonFile *json = build->config->json;
    if (build->config->features.len)
        return add_numbered(build, "feature_map.", build->config->features.len);
    return key_error(json, key_get(json, "out_features") ? "out_features" : "out_indices",
                     "is empty, so there are no feature maps");
}

static bool check_loss(const HfBuild *build)
{
    const JsonFile *json = build->config->json;
    if (build->config->num_labels > 0)
        return true;
    diag_error(json->diag, key_span(json, key_get(json, "num_labels") ? "num_labels" : "id2label"),
               "a model of 0 labels has no loss");
    return false;
}

static bool add_requested(HfBuild *build, const char *name)
{
    if (strcmp(name, "hidden_states") == 0)
        return add_numbered(build, "hidden_states.", last_state(build) + 1);
    if (strcmp(name, "feature_maps") == 0)
        return add_feature_maps(build);
    if (strcmp(name, "loss") == 0)
        return check_loss(build) && add_output(build, name) &&
               (!labels_decide(build->config) || add_output(build, LOSS_OF_FLOATS));
    return add_output(build, name);
}

bool hf_build_outputs(HfBuild *build, HfTask task, const char *const *names, int64_t count)
{
    static const char *const by_task[][2] = {[HF_CLASSIFICATION] = {"logits"},
                                             [HF_FEATURES] = {"last_hidden_state", "pooler_output"},
                                             [HF_BACKBONE] = {"feature_maps"}};
    if (!names) {
        names = by_task[task];
        count = names[1] ? 2 : 1;
    }
    for (int64_t i = 0; i < count; i++)
        if (!add_requested(build, names[i]))
            return false;
    return true;
}
