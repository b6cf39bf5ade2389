/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What timm's ConvNeXts have and Hugging Face's have not: arguments of timm's constructor.
 *
 *   "model_args": {"stem_type": "overlap_tiered", "norm_layer": "rmsnorm2d", "kernel_sizes": [7, 5, 5, 3], …}
 *   →  a stem of two convolutions with half the channels between them, RMSNorm, kernels of 7×7, 5×5, 5×5 and 3×3
 *
 * Problem: they have no words in Hugging Face's config.json. Idea: what architecture means and what model_args says lie under
 * model_args when timm.c has translated the file; Hugging Face's files have none, and a network without is theirs. */
#include "compiler/frontend/convnext/convnext.h"

enum { MAX_KERNEL = 255 };

static void read_norm(HfConfig *config)
{
    static const char *const names[] = {"layernorm", "layernorm2d", "rmsnorm", "rmsnorm2d", "simplenorm", "simplenorm2d"};
    int64_t name = key_choice(config->json, "model_args.norm_layer", names, countof(names), 0);
    config->norm = (HfNorm)(name < 0 ? 0 : name / 2);
}

/* timm's make_divisible: to a multiple of 8, and not below nine tenths. */
static int64_t tiered_width(int64_t width)
{
    int64_t half = width / 2, rounded = (half + 4) / 8 * 8;
    rounded = rounded < 8 ? 8 : rounded;
    return 10 * rounded < 9 * half ? rounded + 8 : rounded;
}

static void read_stem(HfConfig *config)
{
    static const char *const names[] = {"patch", "overlap", "overlap_tiered", "overlap_act"};
    int64_t width = config->hidden_sizes.at[0], name = key_choice(config->json, "model_args.stem_type", names, countof(names), 0);
    config->stem_width = name < 1 ? 0 : name == 2 ? tiered_width(width) : width;
    config->stem_act = name == 3;
}

/* One number for all stages, or one for each; absent: none. */
static void read_list(HfConfig *config, const char *key, bool stages, Ints *list)
{
    const JsonFile *json = config->json;
    int64_t all = 0;
    bool listed = json_is_array(key_get(json, key));
    if (!(listed ? key_ints(json, key, 1, MAX_KERNEL, list) : key_int(json, key, 1, MAX_KERNEL, &all)) || (!listed && !all))
        return;
    while (!listed && list->len < config->num_stages)
        vec_push(json->arena, list, all);
    if (stages && list->len != config->num_stages)
        key_error(json, key, "has %lld entries, but there are %lld stages", (long long)list->len, (long long)config->num_stages);
}

static void read_kernels(HfConfig *config, bool stages)
{
    static const char key[] = "model_args.kernel_sizes";
    const JsonFile *json = config->json;
    read_list(config, key, stages, &config->kernels);
    for (int64_t i = 0; i < config->kernels.len; i++)
        if (config->kernels.at[i] % 2 == 0) {
            key_error(json, key, "holds %lld, which no padding centres", (long long)config->kernels.at[i]);
            return;
        }
}

/* A stage whose stride would pass output_stride spreads its kernels instead. */
static void read_stride(HfConfig *config)
{
    static const char key[] = "model_args.output_stride";
    int64_t stride = 32;
    if (key_int(config->json, key, 8, 32, &stride) && stride != 8 && stride != 16 && stride != 32)
        key_error(config->json, key, "is %lld, expected 8, 16 or 32", (long long)stride);
    config->output_stride = stride;
}

static void read_head(HfConfig *config)
{
    static const char *const pools[] = {"avg",     "max",     "avgmax",     "catavgmax",    "fast",
                                        "fastavg", "fastmax", "fastavgmax", "fastcatavgmax"};
    static const char pool_key[] = "model_args.global_pool", hidden_key[] = "model_args.head_hidden_size";
    const JsonFile *json = config->json;
    int64_t norm_first = 0, pool = key_choice(json, pool_key, pools, countof(pools), 0);
    config->pool = (HfPool)(pool < 0 ? 0 : pool < 4 ? pool : pool == 4 ? 0 : pool - 5);
    key_bool(json, "model_args.head_norm_first", &norm_first);
    config->norm_first = norm_first;
    key_int(json, hidden_key, 0, MAX_WIDTH, &config->head_width);
    if (config->norm_first && config->head_width)
        key_error(json, hidden_key, "cannot go with head_norm_first");
    if (config->pool == HF_POOL_CATAVGMAX && !config->norm_first)
        key_error(json, pool_key, "can only be %s with head_norm_first", pools[pool]);
}

/* InceptionNeXt's own, which has BatchNorms. */
static void read_bands(HfConfig *config, bool stages)
{
    const JsonFile *json = config->json;
    key_int(json, "model_args.band_kernel_size", 1, MAX_KERNEL, &config->band);
    key_int(json, "model_args.band_share", 3, MAX_WIDTH, &config->band_share);
    if (!config->band)
        return;
    read_list(config, "model_args.mlp_ratios", stages, &config->ratios);
    config->norm = HF_BATCH_NORM;
    config->trunk_eps = 1e-5;
    config->layer_scale &= config->layer_scale_init != 0;
    for (int64_t i = 0; i < config->hidden_sizes.len; i++)
        if (config->hidden_sizes.at[i] < config->band_share)
            key_error(json, "hidden_sizes", "holds %lld, of which a band would have no channel",
                      (long long)config->hidden_sizes.at[i]);
}

void hf_config_variant(HfConfig *config, bool stages)
{
    const JsonFile *json = config->json;
    int64_t conv_bias = 1;
    if (!key_get(json, "model_args"))
        return;
    config->trunk_eps = config->layer_norm_eps;
    config->layer_scale = key_get(json, "model_args.ls_init_value") != NULL;
    config->layer_scale_init = 0;
    key_number(json, "model_args.ls_init_value", &config->layer_scale_init);
    read_norm(config);
    read_bands(config, stages);
    read_stem(config);
    config->halves_first = config->patch_height == 2 && !config->stem_width;
    read_kernels(config, stages);
    read_stride(config);
    read_head(config);
    key_bool(json, "model_args.conv_bias", &conv_bias);
    config->unbiased = !conv_bias;
}
