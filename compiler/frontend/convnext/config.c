/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* config.json: read, checked against itself, defaults filled in.
 *
 * Problem: the reference accepts contradictions and fails much later, in a matrix product. Idea: say at the
 * config's line what contradicts what, all of it in one go: a key that is wrong keeps its default, and what depends
 * on it is not looked at. Unknown keys are carried by many published files and are ignored.
 *
 *   {"model_type": "convnext", "depths": [3, 3, 9], "hidden_sizes": [96, 192, 384, 768], "patch_size": 0}
 *   →  config.json:1:29: error: depths has 3 entries, hidden_sizes 4
 *      config.json:1:86: error: patch_size is 0, expected 1 to 4096 */
#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/convnext/timm.h"
#include "compiler/frontend/input/labels.h"

#include <math.h>
#include <string.h>

enum { MAX_CHANNELS = 1 << 16, MAX_PATCH = 4096, MAX_IMAGE = 1 << 16 };

/* ── What it is ── */

static bool read_model_type(HfConfig *config)
{
    const char *type = NULL;
    if (!key_string(config->json, "model_type", &type))
        return false;
    for (int i = 0; i < FAMILY_COUNT; i++)
        if (str_equal(type, family_name((Family)i))) {
            config->family = (Family)i;
            return true;
        }
    return key_unsupported(config->json, "model_type",
                           "is %s, only convnext, convnextv2, dinov3_convnext and upernet are supported",
                           type ? type : "not stated");
}

/* "ConvNextV2Backbone" → v2, HF_BACKBONE. */
static bool read_architecture(HfConfig *config)
{
    const json_t *list = key_get(config->json, "architectures");
    static const struct {
        const char *suffix;
        HfTask task;
    } classes[] = {
        {"ForImageClassification", HF_CLASSIFICATION},
        {"Model", HF_FEATURES},
        {"Backbone", HF_BACKBONE},
    };
    if (!list || (json_is_array(list) && json_array_size(list) == 0))
        return true;
    const json_t *first = json_is_array(list) ? json_array_get(list, 0) : NULL;
    if (!json_is_string(first))
        return key_wrong_type(config->json, "architectures", first ? first : list, "a list with the name of a class");
    static const char *const prefixes[] = {
        [FAMILY_CONVNEXT] = "ConvNext", [FAMILY_CONVNEXTV2] = "ConvNextV2", [FAMILY_DINOV3] = "DINOv3ConvNext"};
    const char *name = json_string_value(first), *prefix = prefixes[config->family];
    bool classifies = config->family != FAMILY_DINOV3;
    for (int64_t i = !classifies; i < countof(classes); i++)
        if (str_starts_with(name, prefix) && strcmp(name + strlen(prefix), classes[i].suffix) == 0) {
            config->task = classes[i].task;
            config->names_class = true;
            return true;
        }
    diag_unsupported(config->json->diag, key_span(config->json, "architectures"),
                     "architecture %s is not supported, expected %s%s%sModel or %sBackbone", name, classifies ? prefix : "",
                     classifies ? "ForImageClassification, " : "", prefix, prefix);
    return false;
}

/* ── Pictures and patches ── */

/* key holds n, or [h, w]. */
static bool read_pair(const JsonFile *json, const char *key, int64_t high, int64_t *h, int64_t *w)
{
    const json_t *value = key_get(json, key);
    Ints pair = {0};
    if (!json_is_array(value)) {
        bool ok = key_int(json, key, 1, high, h);
        *w = value && ok ? *h : *w;
        return ok;
    }
    if (!key_ints(json, key, 1, high, &pair))
        return false;
    if (pair.len != 2)
        return key_error(json, key, "has %lld entries, expected 2", (long long)pair.len);
    *h = pair.at[0];
    *w = pair.at[1];
    return true;
}

static void read_pictures(HfConfig *config)
{
    const JsonFile *json = config->json;
    config->num_channels = 3;
    config->patch_height = config->patch_width = 4;
    config->image_height = config->image_width = 224;
    key_int(json, "num_channels", 1, MAX_CHANNELS, &config->num_channels);
    read_pair(json, "patch_size", MAX_PATCH, &config->patch_height, &config->patch_width);
    read_pair(json, "image_size", MAX_IMAGE, &config->image_height, &config->image_width);
}

/* ── Stages ── */

static bool read_widths_and_depths(HfConfig *config)
{
    static const int64_t sizes[] = {96, 192, 384, 768}, depths[] = {3, 3, 9, 3};
    const JsonFile *json = config->json;
    for (int i = 0; i < 4; i++) {
        vec_push(json->arena, &config->hidden_sizes, sizes[i]);
        vec_push(json->arena, &config->depths, depths[i]);
    }
    bool ok = key_ints(json, "hidden_sizes", 1, MAX_WIDTH, &config->hidden_sizes);
    return key_ints(json, "depths", 0, MAX_DEPTH, &config->depths) && ok;
}

/* num_stages, or its other name. */
static bool read_num_stages(HfConfig *config)
{
    const JsonFile *json = config->json;
    config->num_stages = config->depths.len;
    bool ok = key_int(json, "num_stages", 1, MAX_STAGES, &config->num_stages);
    int64_t n_layers = config->num_stages;
    if (!key_int(json, "num_hidden_layers", 1, MAX_STAGES, &n_layers) || !ok)
        return false;
    if (key_get(json, "num_stages") && n_layers != config->num_stages)
        return key_error(json, "num_hidden_layers", "is %lld, but num_stages, of which it is another name, is %lld",
                         (long long)n_layers, (long long)config->num_stages);
    config->num_stages = n_layers;
    return true;
}

static bool check_count(const HfConfig *config, const char *key, const Ints *list)
{
    const JsonFile *json = config->json;
    const char *stages = key_get(json, "num_stages") ? "num_stages" : "num_hidden_layers";
    if (list->len == config->num_stages)
        return true;
    diag_error(json->diag, key_span(json, key_get(json, key) ? key : stages), "%s has %lld entries, but there are %lld stages",
               key_name(json, key), (long long)list->len, (long long)config->num_stages);
    return false;
}

/* False: the number of stages is not known, so nothing that names one can be checked. */
static bool read_stages(HfConfig *config)
{
    const JsonFile *json = config->json;
    bool lists = read_widths_and_depths(config);
    if (!read_num_stages(config) || !lists)
        return false;
    if (config->depths.len == config->hidden_sizes.len)
        return check_count(config, "depths", &config->depths) && check_count(config, "hidden_sizes", &config->hidden_sizes);
    diag_error(json->diag, key_span(json, key_get(json, "depths") ? "depths" : "hidden_sizes"), "%s has %lld entries, %s %lld",
               key_name(json, "depths"), (long long)config->depths.len, key_name(json, "hidden_sizes"),
               (long long)config->hidden_sizes.len);
    return false;
}

/* ── Blocks ── */

static void read_act(HfConfig *config)
{
    const JsonFile *json = config->json;
    config->hidden_act = "gelu";
    if (key_string(json, "hidden_act", &config->hidden_act) && !hf_act_known(config->hidden_act))
        diag_error(json->diag, key_span(json, "hidden_act"), "unknown %s \"%s\", expected one of %s",
                   key_name(json, "hidden_act"), config->hidden_act, hf_act_list(json->arena));
}

static void read_norm(HfConfig *config)
{
    const JsonFile *json = config->json;
    bool dinov3 = config->family == FAMILY_DINOV3;
    config->layer_norm_eps = dinov3 ? 1e-6 : 1e-12;
    config->layer_scale_init = config->trunk_eps = 1e-6;
    key_number(json, "layer_scale_init_value", &config->layer_scale_init);
    if (key_number(json, "layer_norm_eps", &config->layer_norm_eps) &&
        !(config->layer_norm_eps >= 0 && isfinite((float)config->layer_norm_eps)))
        key_error(json, "layer_norm_eps", "is %g, expected 0 or more", config->layer_norm_eps);
    config->layer_scale = dinov3 || (config->family == FAMILY_CONVNEXT && config->layer_scale_init > 0);
    if (dinov3)
        config->trunk_eps = config->layer_norm_eps;
}

/* What inference does not need must still be numbers. */
static void check_training(const JsonFile *json)
{
    double number;
    key_number(json, "drop_path_rate", &number);
    key_number(json, "initializer_range", &number);
}

/* ── Labels ── */

/* One label has nothing to exclude. */
static void check_problem_type(const HfConfig *config)
{
    if (str_equal(config->problem_type, "single_label_classification") && config->num_labels == 1)
        key_error(config->json, "problem_type", "is single_label_classification, but there is 1 label");
}

HfConfig *hf_config_read(JsonFile *json, const FrontendOptions *options)
{
    if (!json)
        return NULL;
    HfConfig *config = NEW(json->arena, HfConfig);
    config->json = json;
    if (!timm_translate(json) || !read_model_type(config))
        return NULL;
    read_architecture(config);
    bool stages = read_stages(config);
    read_pictures(config);
    read_act(config);
    read_norm(config);
    check_training(config->json);
    labels_problem_type(json, &config->problem_type);
    bool labels = hf_config_labels(config);
    if (stages)
        hf_config_features(config);
    hf_config_variant(config, stages);
    if (options->problem_type)
        config->problem_type = options->problem_type;
    if (labels)
        check_problem_type(config);
    return config;
}
