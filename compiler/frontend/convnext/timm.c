/* timm's config.json in Hugging Face's words.
 *
 *   {"architecture": "convnext_atto", "num_classes": 10, "pretrained_cfg": {"input_size": [3, 288, 288], …}}
 *   →  {"model_type": "convnext", "depths": [2, 2, 6, 2], "hidden_sizes": [40, 80, 160, 320], "num_labels": 10,
 *       "layer_norm_eps": 1e-6, "image_size": [288, 288], …}
 *
 * Problem: a folder of timm's names an architecture whose sizes only timm's source knows, and changes to them in
 * model_args. Idea: a table of the architectures, then model_args over it; what has no equivalent is refused by
 * name. All further checks are those of Hugging Face's config. */
#include "compiler/frontend/convnext/timm.h"

#include <string.h>

typedef struct Architecture {
    const char *name;
    int depths[4], dims[4];
} Architecture;

/* "convnext_atto" and "convnextv2_atto" alike. Names end at the first dot: the rest tells who trained it. */
static const Architecture architectures[] = {
    {"zepto", {2, 2, 4, 2}, {32, 64, 128, 256}},     {"atto", {2, 2, 6, 2}, {40, 80, 160, 320}},
    {"femto", {2, 2, 6, 2}, {48, 96, 192, 384}},     {"pico", {2, 2, 6, 2}, {64, 128, 256, 512}},
    {"nano", {2, 2, 8, 2}, {80, 160, 320, 640}},     {"tiny", {3, 3, 9, 3}, {96, 192, 384, 768}},
    {"small", {3, 3, 27, 3}, {96, 192, 384, 768}},   {"base", {3, 3, 27, 3}, {128, 256, 512, 1024}},
    {"large", {3, 3, 27, 3}, {192, 384, 768, 1536}}, {"xlarge", {3, 3, 27, 3}, {256, 512, 1024, 2048}},
    {"huge", {3, 3, 27, 3}, {352, 704, 1408, 2816}},
};

typedef struct Translator {
    HfJson *json;
    json_t *args, *pretrained; /* model_args and pretrained_cfg; NULL: absent */
    json_t *out;
} Translator;

static void put(json_t *object, const char *key, json_t *value)
{
    if (!value || json_object_set_new(object, key, value) != 0)
        out_of_memory();
}

/* A value of its own: the old root goes away. */
static json_t *copy(const json_t *value)
{
    json_t *result = json_deep_copy(value);
    if (!result)
        out_of_memory();
    return result;
}

static json_t *get(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static bool unsupported(Translator *t, const char *key, const char *what)
{
    diag_unsupported(t->json->diag, hf_key_span(t->json, key), "%s of timm: %s", key, what);
    return false;
}

/* ── The architecture ── */

static json_t *four(const int *numbers)
{
    json_t *list = json_array();
    for (int i = 0; i < 4; i++)
        if (json_array_append_new(list, json_integer(numbers[i])) != 0)
            out_of_memory();
    return list;
}

static const Architecture *find_architecture(const char *size)
{
    size_t n = strcspn(size, ".");
    for (int64_t i = 0; i < countof(architectures); i++)
        if (strlen(architectures[i].name) == n && memcmp(architectures[i].name, size, n) == 0)
            return &architectures[i];
    return NULL;
}

static bool put_architecture(Translator *t)
{
    const json_t *value = get(t->json->root, "architecture");
    if (!json_is_string(value))
        return hf_wrong_type(t->json, "architecture", value, "a string");
    const char *name = json_string_value(value);
    bool v2 = str_starts_with(name, "convnextv2_");
    bool any = v2 || str_starts_with(name, "convnext_");
    const Architecture *found = any ? find_architecture(strchr(name, '_') + 1) : NULL;
    if (!found)
        return unsupported(t, "architecture",
                           arena_printf(t->json->arena, "%s has no equivalent among Hugging Face's ConvNeXts", name));
    if (v2)
        put(t->out, "layer_scale_init_value", json_integer(0));
    v2 = get(t->args, "use_grn") ? json_is_true(get(t->args, "use_grn")) : v2;
    put(t->out, "model_type", json_string(v2 ? "convnextv2" : "convnext"));
    put(t->out, "architectures", json_pack("[s]", v2 ? "ConvNextV2ForImageClassification" : "ConvNextForImageClassification"));
    put(t->out, "depths", four(found->depths));
    put(t->out, "hidden_sizes", four(found->dims));
    put(t->out, "layer_norm_eps", json_real(1e-6));
    return true;
}

/* ── model_args ── */

typedef struct Argument {
    const char *name, *key; /* timm's, and Hugging Face's that takes its value; NULL: none */
    const char *only;       /* JSON of the one value with an equivalent; NULL: any */
} Argument;

static const Argument arguments[] = {
    {"depths", "depths", NULL},
    {"dims", "hidden_sizes", NULL},
    {"in_chans", "num_channels", NULL},
    {"patch_size", "patch_size", NULL},
    {"act_layer", "hidden_act", NULL},
    {"num_classes", "num_labels", NULL},
    {"ls_init_value", "layer_scale_init_value", NULL},
    {"conv_mlp", NULL, NULL},
    {"use_grn", NULL, NULL},
    {"drop_rate", NULL, NULL},
    {"drop_path_rate", NULL, NULL},
    {"head_init_scale", NULL, NULL},
    {"pretrained", NULL, NULL},
    {"stem_type", NULL, "\"patch\""},
    {"global_pool", NULL, "\"avg\""},
    {"kernel_sizes", NULL, "7"},
    {"conv_bias", NULL, "true"},
    {"norm_eps", NULL, "1e-06"},
    {"output_stride", NULL, "32"},
    {"head_norm_first", NULL, "false"},
    {"head_hidden_size", NULL, "null"},
    {"norm_layer", NULL, "\"layernorm\""},
};

static bool is_value(const json_t *value, const char *text)
{
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!wanted)
        out_of_memory();
    bool numbers = json_is_number(value) && json_is_number(wanted);
    bool same = numbers ? json_number_value(value) == json_number_value(wanted) : json_equal(value, wanted);
    json_decref(wanted);
    return same;
}

static bool put_argument(Translator *t, const char *name, const json_t *value)
{
    for (int64_t i = 0; i < countof(arguments); i++) {
        const Argument *a = &arguments[i];
        if (strcmp(a->name, name) != 0)
            continue;
        if (a->only && !json_is_null(value) && !is_value(value, a->only))
            return unsupported(t, "model_args", arena_printf(t->json->arena, "only %s = %s has an equivalent", name, a->only));
        if (a->key && !json_is_null(value))
            put(t->out, a->key, copy(value));
        return true;
    }
    return unsupported(t, "model_args", arena_printf(t->json->arena, "%s has no equivalent", name));
}

/* timm writes null for no layer scale. Hugging Face's V2 has none beside GRN. */
static bool put_arguments(Translator *t)
{
    const char *name;
    json_t *value;
    json_object_foreach (t->args, name, value) {
        if (!put_argument(t, name, value))
            return false;
        if (strcmp(name, "ls_init_value") == 0 && json_is_null(value))
            put(t->out, "layer_scale_init_value", json_integer(0));
    }
    const json_t *scale = get(t->out, "layer_scale_init_value");
    if (json_is_true(get(t->args, "use_grn")) && !(scale && json_number_value(scale) <= 0))
        return unsupported(t, "model_args", "GRN together with a layer scale has no equivalent");
    return true;
}

static void put_act(Translator *t)
{
    static const char *const names[][2] = {{"gelu_tanh", "gelu_pytorch_tanh"}, {"hard_swish", "hardswish"}};
    const char *name = json_string_value(json_object_get(t->out, "hidden_act"));
    for (int64_t i = 0; name && i < countof(names); i++)
        if (strcmp(names[i][0], name) == 0) {
            put(t->out, "hidden_act", json_string(names[i][1]));
            return;
        }
}

/* ── Labels ── */

/* The number of classes is said up to three times; the outermost counts, as timm builds the model with it. */
static void put_count(Translator *t)
{
    const json_t *outer = get(t->json->root, "num_classes"), *inner = get(t->pretrained, "num_classes");
    if (outer)
        put(t->out, "num_labels", copy(outer));
    else if (!get(t->out, "num_labels"))
        put(t->out, "num_labels", inner ? copy(inner) : json_integer(1000));
}

static bool put_labels(Translator *t)
{
    const json_t *names = get(t->pretrained, "label_names");
    names = names ? names : get(t->json->root, "label_names");
    if (!names || json_is_object(names))
        return true; /* an object maps names to numbers of another data set */
    if (!json_is_array(names))
        return hf_wrong_type(t->json, "label_names", names, "a list of strings");
    json_t *map = json_object();
    for (size_t i = 0; i < json_array_size(names); i++)
        put(map, arena_printf(t->json->arena, "%zu", i), copy(json_array_get(names, i)));
    put(t->out, "id2label", map);
    return true;
}

/* ── Pictures ── */

static bool put_size(Translator *t, json_t *pictures)
{
    const json_t *size = get(t->pretrained, "input_size");
    if (!size)
        return true;
    if (json_array_size(size) != 3 || !json_is_integer(json_array_get(size, 1)) || !json_is_integer(json_array_get(size, 2)))
        return hf_wrong_type(t->json, "pretrained_cfg", size, "input_size as channels, height and width");
    if (!get(t->out, "num_channels"))
        put(t->out, "num_channels", copy(json_array_get(size, 0)));
    put(t->out, "image_size", json_pack("[O,O]", json_array_get(size, 1), json_array_get(size, 2)));
    put(pictures, "size", copy(json_array_get(size, 1)));
    return true;
}

static bool put_filter(Translator *t, json_t *pictures)
{
    static const char *const filters[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
    const json_t *value = get(t->pretrained, "interpolation");
    const char *name = value ? json_string_value(value) : "bicubic";
    for (int64_t i = 0; name && i < countof(filters); i++)
        if (strcmp(name, filters[i]) == 0) {
            put(pictures, "resample", json_integer(i));
            return true;
        }
    return unsupported(t, "pretrained_cfg", "expected interpolation nearest, lanczos, bilinear, bicubic, box or hamming");
}

static bool put_crop(Translator *t, json_t *pictures)
{
    const json_t *percent = get(t->pretrained, "crop_pct"), *mode = get(t->pretrained, "crop_mode");
    const char *name = mode ? json_string_value(mode) : "center";
    if (!name || (strcmp(name, "center") != 0 && strcmp(name, "squash") != 0))
        return unsupported(t, "pretrained_cfg", "expected crop_mode center or squash");
    put(pictures, "crop_mode", json_string(name));
    put(pictures, "crop_pct", percent ? copy(percent) : json_real(0.875));
    return true;
}

static void put_mean(Translator *t, json_t *pictures)
{
    const json_t *mean = get(t->pretrained, "mean"), *std = get(t->pretrained, "std");
    put(pictures, "image_mean", mean ? copy(mean) : json_pack("[f,f,f]", 0.485, 0.456, 0.406));
    put(pictures, "image_std", std ? copy(std) : json_pack("[f,f,f]", 0.229, 0.224, 0.225));
}

static bool put_pictures(Translator *t)
{
    json_t *pictures = json_object();
    put(t->out, TIMM_PICTURES, pictures);
    put(pictures, "size", json_integer(224));
    put_mean(t, pictures);
    return put_size(t, pictures) && put_filter(t, pictures) && put_crop(t, pictures);
}

/* ── All of it ── */

static bool check_objects(Translator *t)
{
    if (t->args && !json_is_object(t->args))
        return hf_wrong_type(t->json, "model_args", t->args, "an object");
    if (t->pretrained && !json_is_object(t->pretrained))
        return hf_wrong_type(t->json, "pretrained_cfg", t->pretrained, "an object");
    return true;
}

static void release(void *root) { json_decref(root); }

bool timm_config(HfJson *json)
{
    if (!get(json->root, "architecture") || get(json->root, "model_type"))
        return true;
    Translator t = {json, get(json->root, "model_args"), get(json->root, "pretrained_cfg"), json_object()};
    arena_on_free(json->arena, release, t.out);
    if (!check_objects(&t) || !put_architecture(&t) || !put_arguments(&t) || !put_labels(&t) || !put_pictures(&t))
        return false;
    put_act(&t);
    put_count(&t);
    json->root = t.out;
    return true;
}
