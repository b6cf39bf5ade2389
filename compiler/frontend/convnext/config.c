/* config.json: read, checked against itself, defaults filled in.
 *
 * Problem: the reference accepts contradictions and fails much later, in a matrix product. Idea: say at the
 * config's line what contradicts what. Unknown keys are carried by many published files and are ignored.
 *
 *   {"model_type": "convnext", "depths": [3, 3, 9], "hidden_sizes": [96, 192, 384, 768]}
 *   →  config.json:1:29: error: depths has 3 entries, hidden_sizes 4 */
#include "compiler/frontend/convnext/timm.h"
#include "compiler/frontend/convnext/convnext.h"

#include <math.h>
#include <string.h>

/* Far beyond any ConvNeXt, and small enough that no product of them wraps and no graph takes minutes to build. */
enum { MAX_STAGES = 32, MAX_DEPTH = 512, MAX_WIDTH = 1 << 18 };
enum { MAX_CHANNELS = 1 << 16, MAX_PATCH = 4096, MAX_IMAGE = 1 << 16 };

/* "ConvNextV2Backbone" → v2, HF_BACKBONE. */
static bool read_architecture(HfConfig *config)
{
    const json_t *list = hf_get(config->json, "architectures");
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
        return hf_wrong_type(config->json, "architectures", first ? first : list, "a list with the name of a class");
    const char *name = json_string_value(first), *prefix = config->v2 ? "ConvNextV2" : "ConvNext";
    for (int64_t i = 0; i < countof(classes); i++)
        if (str_starts_with(name, prefix) && strcmp(name + strlen(prefix), classes[i].suffix) == 0) {
            config->task = classes[i].task;
            config->names_class = true;
            return true;
        }
    diag_unsupported(config->json->diag, hf_key_span(config->json, "architectures"),
                     "architecture %s is not supported, expected %sForImageClassification, %sModel or %sBackbone", name, prefix,
                     prefix, prefix);
    return false;
}

static bool read_model_type(HfConfig *config)
{
    const char *type = NULL;
    if (!hf_string(config->json, "model_type", &type))
        return false;
    config->v2 = str_equal(type, "convnextv2");
    if (config->v2 || str_equal(type, "convnext"))
        return true;
    diag_unsupported(config->json->diag, hf_key_span(config->json, "model_type"),
                     "model_type is %s, only convnext and convnextv2 are supported", type ? type : "not stated");
    return false;
}

/* key holds n, or [h, w]. */
static bool read_pair(const HfJson *json, const char *key, int64_t high, int64_t *h, int64_t *w)
{
    const json_t *value = hf_get(json, key);
    Ints pair = {0};
    if (!json_is_array(value)) {
        bool ok = hf_int(json, key, 1, high, h);
        *w = value ? *h : *w;
        return ok;
    }
    if (!hf_ints(json, key, 1, high, &pair))
        return false;
    if (pair.len != 2) {
        diag_error(json->diag, hf_key_span(json, key), "%s has %lld entries, expected 2", key, (long long)pair.len);
        return false;
    }
    *h = pair.at[0];
    *w = pair.at[1];
    return true;
}

static bool read_sizes(HfConfig *config)
{
    static const int64_t sizes[] = {96, 192, 384, 768}, depths[] = {3, 3, 9, 3};
    const HfJson *json = config->json;
    for (int i = 0; i < 4; i++) {
        vec_push(json->arena, &config->hidden_sizes, sizes[i]);
        vec_push(json->arena, &config->depths, depths[i]);
    }
    config->num_channels = 3;
    config->patch_height = config->patch_width = 4;
    config->image_height = config->image_width = 224;
    double training; /* what inference does not need must still be numbers */
    return hf_number(json, "drop_path_rate", &training) && hf_number(json, "initializer_range", &training) &&
           hf_ints(json, "hidden_sizes", 1, MAX_WIDTH, &config->hidden_sizes) &&
           hf_ints(json, "depths", 0, MAX_DEPTH, &config->depths) &&
           hf_int(json, "num_channels", 1, MAX_CHANNELS, &config->num_channels) &&
           read_pair(json, "patch_size", MAX_PATCH, &config->patch_height, &config->patch_width) &&
           read_pair(json, "image_size", MAX_IMAGE, &config->image_height, &config->image_width);
}

static bool check_count(const HfConfig *config, const char *key, const Ints *list)
{
    const char *at = hf_get(config->json, "num_stages") ? "num_stages" : "num_hidden_layers";
    if (list->len == config->num_stages)
        return true;
    diag_error(config->json->diag, hf_key_span(config->json, hf_get(config->json, key) ? key : at),
               "%s has %lld entries, but there are %lld stages", key, (long long)list->len, (long long)config->num_stages);
    return false;
}

/* num_stages, or its other name. */
static bool read_num_stages(HfConfig *config)
{
    const HfJson *json = config->json;
    if (!hf_int(json, "num_stages", 1, MAX_STAGES, &config->num_stages))
        return false;
    int64_t n_layers = config->num_stages;
    if (!hf_int(json, "num_hidden_layers", 1, MAX_STAGES, &n_layers))
        return false;
    if (hf_get(json, "num_stages") && n_layers != config->num_stages) {
        diag_error(json->diag, hf_key_span(json, "num_hidden_layers"),
                   "num_hidden_layers is %lld, but num_stages, of which it is another name, is %lld", (long long)n_layers,
                   (long long)config->num_stages);
        return false;
    }
    config->num_stages = n_layers;
    return true;
}

static bool read_stages(HfConfig *config)
{
    const HfJson *json = config->json;
    config->num_stages = config->depths.len;
    if (config->depths.len != config->hidden_sizes.len) {
        diag_error(json->diag, hf_key_span(json, hf_get(json, "depths") ? "depths" : "hidden_sizes"),
                   "depths has %lld entries, hidden_sizes %lld", (long long)config->depths.len,
                   (long long)config->hidden_sizes.len);
        return false;
    }
    return read_num_stages(config) && check_count(config, "depths", &config->depths) &&
           check_count(config, "hidden_sizes", &config->hidden_sizes);
}

static bool read_act(HfConfig *config)
{
    const HfJson *json = config->json;
    config->hidden_act = "gelu";
    if (!hf_string(json, "hidden_act", &config->hidden_act))
        return false;
    if (hf_act_known(config->hidden_act))
        return true;
    diag_error(json->diag, hf_key_span(json, "hidden_act"), "unknown hidden_act \"%s\", expected one of %s", config->hidden_act,
               hf_act_list(json->arena));
    return false;
}

static bool read_norm(HfConfig *config)
{
    const HfJson *json = config->json;
    config->layer_norm_eps = 1e-12;
    config->layer_scale_init = 1e-6;
    if (!hf_number(json, "layer_norm_eps", &config->layer_norm_eps) ||
        !hf_number(json, "layer_scale_init_value", &config->layer_scale_init))
        return false;
    if (config->layer_norm_eps >= 0 && isfinite((float)config->layer_norm_eps))
        return true;
    diag_error(json->diag, hf_key_span(json, "layer_norm_eps"), "layer_norm_eps is %g, expected 0 or more",
               config->layer_norm_eps);
    return false;
}

static bool read_problem_type(HfConfig *config)
{
    static const char *const known[] = {"regression", "single_label_classification", "multi_label_classification"};
    const HfJson *json = config->json;
    if (!hf_string(json, "problem_type", &config->problem_type))
        return false;
    for (int64_t i = 0; config->problem_type && i < countof(known); i++)
        if (strcmp(config->problem_type, known[i]) == 0)
            return true;
    if (config->problem_type)
        diag_error(json->diag, hf_key_span(json, "problem_type"),
                   "unknown problem_type \"%s\", expected regression, single_label_classification or "
                   "multi_label_classification",
                   config->problem_type);
    return !config->problem_type;
}

/* One label has nothing to exclude. */
static bool check_problem_type(const HfConfig *config)
{
    const HfJson *json = config->json;
    if (!str_equal(config->problem_type, "single_label_classification") || config->num_labels != 1)
        return true;
    diag_error(json->diag, hf_key_span(json, "problem_type"),
               "problem_type is single_label_classification, but there is 1 label");
    return false;
}

HfConfig *hf_config_open(const char *dir, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    HfConfig *config = NEW(arena, HfConfig);
    config->json = hf_json_open(dir, "config.json", arena, diag);
    if (!config->json || !timm_config(config->json) || !read_model_type(config))
        return NULL;
    bool ok = read_architecture(config) && read_sizes(config) && read_stages(config) && read_act(config) && read_norm(config) &&
              read_problem_type(config) && hf_config_labels(config) && hf_config_features(config);
    if (options->problem_type)
        config->problem_type = options->problem_type;
    return ok && check_problem_type(config) ? config : NULL;
}
