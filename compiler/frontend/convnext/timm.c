/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* timm's config.json in Hugging Face's words.
 *
 *   {"architecture": "convnext_atto", "num_classes": 10, "pretrained_cfg": {"input_size": [3, 288, 288], …}}
 *   →  {"model_type": "convnext", "depths": [2, 2, 6, 2], "hidden_sizes": [40, 80, 160, 320], "num_labels": 10,
 *       "layer_norm_eps": 1e-6, "image_size": [288, 288], …}
 *
 * Problem: a folder of timm's names an architecture whose sizes and peculiarities only timm's source knows, and changes to them
 * in model_args. Idea: a table of the architectures, then model_args over it; what Hugging Face has no word for stays under
 * model_args, for variant.c, and what nobody knows is refused by name. All further checks are those of Hugging Face's config;
 * each key remembers where it came from, so that messages speak of the file as its owner wrote it:
 *
 *   config.json:6:5: error: model_args.dims has 3 entries, architecture's depths 4 */
#include "compiler/frontend/convnext/timm.h"
#include "compiler/frontend/input/timm.h"
#include "ir/base/path.h"

#include <string.h>

typedef struct Architecture {
    const char *name;
    int depths[4], dims[4];
    const char *norm, *stem; /* as model_args has them; NULL: timm's default */
    const char *act;
    double epsilon;          /* of norms; 0: timm's default */
    int head_width;          /* head_hidden_size; 0: none */
    bool norm_first;         /* head_norm_first */
    int kernels[4];          /* 0: 7 */
    int band, band_share;    /* InceptionNeXt's kernels, and of how many channels one has such a kernel; 0: a ConvNeXt */
} Architecture;

#define ZEPTO .depths = {2, 2, 4, 2}, .dims = {32, 64, 128, 256}
#define ATTO .depths = {2, 2, 6, 2}, .dims = {40, 80, 160, 320}
#define FEMTO .depths = {2, 2, 6, 2}, .dims = {48, 96, 192, 384}
#define PICO .depths = {2, 2, 6, 2}, .dims = {64, 128, 256, 512}
#define NANO .depths = {2, 2, 8, 2}, .dims = {80, 160, 320, 640}
#define TINY .depths = {3, 3, 9, 3}, .dims = {96, 192, 384, 768}
#define SMALL .depths = {3, 3, 27, 3}, .dims = {96, 192, 384, 768}
#define BASE .depths = {3, 3, 27, 3}, .dims = {128, 256, 512, 1024}
#define LARGE .depths = {3, 3, 27, 3}, .dims = {192, 384, 768, 1536}
#define TEST2 .depths = {1, 1, 1, 1}, .dims = {32, 64, 96, 128}

/* Names end at the first dot: the rest tells who trained it. */
static const Architecture architectures[] = {
    {"convnext_zepto_rms", ZEPTO, .norm = "simplenorm"},
    {"convnext_zepto_rms_ols", ZEPTO, .norm = "simplenorm", .stem = "overlap_act"},
    {"convnext_atto", ATTO},
    {"convnext_atto_ols", ATTO, .stem = "overlap_tiered"},
    {"convnext_atto_rms", ATTO, .norm = "rmsnorm2d"},
    {"convnext_femto", FEMTO},
    {"convnext_femto_ols", FEMTO, .stem = "overlap_tiered"},
    {"convnext_pico", PICO},
    {"convnext_pico_ols", PICO, .stem = "overlap_tiered"},
    {"convnext_nano", NANO},
    {"convnext_nano_ols", NANO, .stem = "overlap"},
    {"convnext_tiny", TINY},
    {"convnext_tiny_hnf", TINY, .norm_first = true},
    {"convnext_small", SMALL},
    {"convnext_base", BASE},
    {"convnext_large", LARGE},
    {"convnext_large_mlp", LARGE, .head_width = 1536},
    {"convnext_xlarge", .depths = {3, 3, 27, 3}, .dims = {256, 512, 1024, 2048}},
    {"convnext_xxlarge", .depths = {3, 4, 30, 3}, .dims = {384, 768, 1536, 3072}, .epsilon = 1e-5},
    {"convnext_huge", .depths = {3, 3, 27, 3}, .dims = {352, 704, 1408, 2816}}, /* of V2 alone */
    {"test_convnext", .depths = {1, 2, 4, 2}, .dims = {24, 32, 48, 64}, .epsilon = 1e-5, .act = "gelu_tanh"},
    {"test_convnext2", TEST2, .epsilon = 1e-5, .act = "gelu_tanh"},
    {"test_convnext3", TEST2, .epsilon = 1e-5, .act = "silu", .kernels = {7, 5, 5, 3}},
    {"inception_next_atto", ATTO, .band = 9, .band_share = 4},
    {"inception_next_tiny", TINY, .band = 11, .band_share = 8},
    {"inception_next_small", SMALL, .band = 11, .band_share = 8},
    {"inception_next_base", BASE, .band = 11, .band_share = 8},
};

typedef struct Translator {
    JsonFile *json;
    json_t *out;
    json_t *args;            /* of out: model_args over what architecture means */
} Translator;

/* ── The architecture ── */

static json_t *four(const int *numbers)
{
    json_t *list = json_array();
    for (int i = 0; i < 4; i++)
        if (json_array_append_new(list, json_integer(numbers[i])) != 0)
            out_of_memory();
    return list;
}

/* "convnextv2_atto.fcmae" has the sizes of convnext_atto. */
static const Architecture *find_architecture(const char *name, bool v2, Arena *arena)
{
    const char *plain = v2 ? arena_printf(arena, "convnext_%s", strchr(name, '_') + 1) : name;
    size_t n = strcspn(plain, ".");
    for (int64_t i = 0; i < countof(architectures); i++)
        if (strlen(architectures[i].name) == n && memcmp(architectures[i].name, plain, n) == 0)
            return &architectures[i];
    return NULL;
}

static void put_sizes(Translator *t, const Architecture *architecture)
{
    json_put(t->out, "depths", four(architecture->depths));
    json_put(t->out, "hidden_sizes", four(architecture->dims));
    key_set_origin(t->json, "depths", "architecture's depths", "architecture");
    key_set_origin(t->json, "hidden_sizes", "architecture's dims", "architecture");
}

/* What model_args leaves to the architecture; null there is timm's default. */
static void put_default(Translator *t, const char *name, json_t *value)
{
    if (json_object_get(t->args, name)) {
        json_decref(value);
        return;
    }
    const char *key = arena_printf(t->json->arena, "model_args.%s", name);
    key_set_origin(t->json, key, arena_printf(t->json->arena, "architecture's %s", name), "architecture");
    json_put(t->args, name, value);
}

static void put_defaults(Translator *t, const Architecture *a, bool v2)
{
    if (a->norm)
        put_default(t, "norm_layer", json_string(a->norm));
    if (a->stem)
        put_default(t, "stem_type", json_string(a->stem));
    if (a->act)
        put_default(t, "act_layer", json_string(a->act));
    if (a->head_width)
        put_default(t, "head_hidden_size", json_integer(a->head_width));
    if (a->band) {
        static const int ratios[] = {4, 4, 4, 3};
        put_default(t, "band_kernel_size", json_integer(a->band));
        put_default(t, "band_share", json_integer(a->band_share));
        put_default(t, "mlp_ratios", four(ratios));
    }
    if (a->kernels[0])
        put_default(t, "kernel_sizes", four(a->kernels));
    put_default(t, "norm_eps", json_real(a->epsilon > 0 ? a->epsilon : 1e-6));
    put_default(t, "head_norm_first", json_boolean(a->norm_first));
    put_default(t, "use_grn", json_boolean(v2));
    put_default(t, "ls_init_value", v2 ? json_null() : json_real(1e-6));
}

/* timm itself knows what its names mean. */
static void note_export(const JsonFile *json)
{
    const char *dir = path_directory(json->arena, json->source->path);
    diag_note(
        json->diag, NO_SPAN,
        "its ONNX export compiles: python -c 'import timm, torch; m = timm.create_model(\"local-dir:%s\", pretrained=True).eval(); "
        "torch.onnx.export(m, torch.zeros(1, *m.pretrained_cfg[\"input_size\"]), \"model.onnx\")', then: cnxc compile model.onnx "
        "--processor=%s",
        dir, dir);
}

static bool put_architecture(Translator *t)
{
    const json_t *value = key_get(t->json, "architecture");
    if (!json_is_string(value))
        return key_wrong_type(t->json, "architecture", value, "a string");
    const char *name = json_string_value(value);
    bool v2 = str_starts_with(name, "convnextv2_");
    const Architecture *found = find_architecture(name, v2, t->json->arena);
    if (!found) {
        key_unsupported(t->json, "architecture", "%s is none of timm's ConvNeXts or InceptionNeXts", name);
        note_export(t->json);
        return false;
    }
    put_sizes(t, found);
    put_defaults(t, found, v2);
    return true;
}

/* ── model_args ── */

typedef struct Argument {
    const char *name, *key; /* timm's, and Hugging Face's that takes its value; NULL: none */
    enum { OF_BOTH, OF_CONVNEXT, OF_INCEPTION } of;
} Argument;

static const Argument arguments[] = {
    {"depths", "depths", OF_BOTH},
    {"dims", "hidden_sizes", OF_BOTH},
    {"in_chans", "num_channels", OF_BOTH},
    {"num_classes", "num_labels", OF_BOTH},
    {"patch_size", "patch_size", OF_CONVNEXT},
    {"act_layer", "hidden_act", OF_CONVNEXT},
    {"norm_eps", "layer_norm_eps", OF_CONVNEXT},
    {"use_grn", NULL, OF_CONVNEXT},
    {"ls_init_value", NULL, OF_BOTH}, /* and all to the next remark: variant.c */
    {"stem_type", NULL, OF_CONVNEXT},
    {"global_pool", NULL, OF_BOTH},
    {"kernel_sizes", NULL, OF_CONVNEXT},
    {"conv_bias", NULL, OF_CONVNEXT},
    {"output_stride", NULL, OF_BOTH},
    {"head_norm_first", NULL, OF_CONVNEXT},
    {"head_hidden_size", NULL, OF_CONVNEXT},
    {"norm_layer", NULL, OF_CONVNEXT},
    {"mlp_ratios", NULL, OF_INCEPTION},
    {"conv_mlp", NULL, OF_CONVNEXT}, /* these change nothing that is computed */
    {"drop_rate", NULL, OF_BOTH},
    {"drop_path_rate", NULL, OF_BOTH},
    {"head_init_scale", NULL, OF_CONVNEXT},
    {"pretrained", NULL, OF_BOTH},
};

static const Argument *find_argument(const char *name, bool inception)
{
    for (int64_t i = 0; i < countof(arguments); i++)
        if (strcmp(arguments[i].name, name) == 0)
            return arguments[i].of == (inception ? OF_CONVNEXT : OF_INCEPTION) ? NULL : &arguments[i];
    return NULL;
}

/* Where architecture stands for an argument, its origin is that of model_args' key. */
static void put_argument(Translator *t, const char *name, json_t *value)
{
    const char *from = arena_printf(t->json->arena, "model_args.%s", name);
    const KeyOrigin *origin = strmap_get(&t->json->origins, from);
    const Argument *argument = find_argument(name, json_object_get(t->args, "band_share"));
    if (!argument && !origin)
        key_unsupported(t->json, from, "has no equivalent");
    if (!argument || !argument->key || json_is_null(value))
        return;
    json_put(t->out, argument->key, json_deep_copy(value));
    key_set_origin(t->json, argument->key, origin ? origin->name : from, origin ? origin->path : from);
}

static void put_arguments(Translator *t)
{
    const char *name;
    json_t *value;
    json_object_foreach (t->args, name, value)
        put_argument(t, name, value);
    if (!json_object_get(t->out, "layer_norm_eps"))
        json_put(t->out, "layer_norm_eps", json_real(1e-6));
    bool v2 = json_is_true(json_object_get(t->args, "use_grn"));
    json_put(t->out, "model_type", json_string(v2 ? "convnextv2" : "convnext"));
    json_put(t->out, "architectures",
             json_pack("[s]", v2 ? "ConvNextV2ForImageClassification" : "ConvNextForImageClassification"));
}

static void put_act(Translator *t)
{
    static const char *const names[][2] = {
        {"gelu_tanh", "gelu_pytorch_tanh"}, {"hard_swish", "hardswish"}, {"identity", "linear"}};
    const char *name = json_string_value(json_object_get(t->out, "hidden_act"));
    for (int64_t i = 0; name && i < countof(names); i++)
        if (strcmp(names[i][0], name) == 0) {
            json_put(t->out, "hidden_act", json_string(names[i][1]));
            return;
        }
}

/* ── All of it ── */

bool timm_translate(JsonFile *json)
{
    if (!json_is_timm(json))
        return true;
    Translator t = {json, json_new_object(json->arena), NULL};
    const json_t *args = key_get(json, "model_args");
    if (args && !json_is_object(args))
        return key_wrong_type(json, "model_args", args, "an object");
    t.args = args ? json_deep_copy(args) : json_object();
    json_put(t.out, "model_args", t.args);
    if (!put_architecture(&t))
        return false;
    put_arguments(&t);
    put_act(&t);
    timm_translate_labels(json, t.out);
    timm_translate_pictures(json, t.out);
    json->root = t.out;
    return true;
}
