/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* config.json of a UperNet: its backbone's is an object in it, read as any ConvNeXt's.
 *
 *   {"model_type": "upernet", "backbone_config": {"model_type": "convnext", "depths": [3, 3, 9, 3], "out_features": [...], ...},
 *    "hidden_size": 512, "pool_scales": [1, 2, 3, 6], "id2label": {"0": "wall", ...}}
 *
 * Messages name a backbone's keys with the object's before them: backbone_config.depths has 3 entries, .... */
#include "compiler/frontend/upernet/build.h"

#include <string.h>

enum { MAX_HIDDEN = 1 << 16, MAX_SCALE = 64 };

static bool read_architecture(const JsonFile *json)
{
    static const char expected[] = "UperNetForSemanticSegmentation";
    const json_t *list = key_get(json, "architectures");
    const char *name = json_string_value(json_array_get(list, 0));
    return !list || (json_is_array(list) && json_array_size(list) == 0) || str_equal(name, expected) ||
           key_unsupported(json, "architectures", "is not supported, expected %s", expected);
}

/* One label would be every pixel's. */
static void read_labels(const UperNetConfig *config)
{
    HfConfig labels = {.json = config->json};
    if (!hf_config_labels(&labels))
        return;
    config->backbone->labels = labels.labels;
    config->backbone->num_labels = labels.num_labels;
    config->backbone->counts_labels = labels.counts_labels;
    if (labels.num_labels < 1)
        key_error(config->json, key_get(config->json, "num_labels") ? "num_labels" : "id2label", "names no label");
}

UperNetConfig *upernet_config_read(JsonFile *json, const FrontendOptions *options)
{
    static const int64_t scales[] = {1, 2, 3, 6};
    if (!json || !read_architecture(json))
        return NULL;
    if (!key_get(json, "backbone_config")) {
        key_unsupported(json, key_get(json, "backbone") ? "backbone" : "backbone_config",
                        "says nothing of a ConvNeXt; a backbone_config of one is supported");
        return NULL;
    }
    UperNetConfig *config = NEW(json->arena, UperNetConfig);
    *config = (UperNetConfig){.json = json, .hidden_size = 512};
    config->backbone = hf_config_read(json_part(json, "backbone_config"), options);
    if (!config->backbone)
        return NULL;
    if (config->backbone->family == FAMILY_DINOV3)
        key_unsupported(json, "backbone_config", "is of DINOv3, expected convnext or convnextv2");
    for (int64_t i = 0; i < countof(scales); i++)
        vec_push(json->arena, &config->pool_scales, scales[i]);
    key_int(json, "hidden_size", 1, MAX_HIDDEN, &config->hidden_size);
    key_ints(json, "pool_scales", 1, MAX_SCALE, &config->pool_scales);
    read_labels(config);
    if (!config->backbone->features.len)
        key_error(json, "backbone_config", "has no out_features, and so no maps to label pixels by");
    return config;
}
