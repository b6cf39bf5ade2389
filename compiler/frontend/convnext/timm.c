/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* timm's config.json in Hugging Face's words.
 *
 *   {"architecture": "convnext_atto", "num_classes": 10, "pretrained_cfg": {"input_size": [3, 288, 288], …}}
 *   →  {"model_type": "convnext", "depths": [2, 2, 6, 2], "hidden_sizes": [40, 80, 160, 320], "num_labels": 10,
 *       "layer_norm_eps": 1e-6, "image_size": [288, 288], …}
 *
 * Problem: a folder of timm's names an architecture whose sizes only timm's source knows, and changes to them in
 * model_args. Idea: a table of the architectures, then model_args over it; what has no equivalent is refused by
 * name. All further checks are those of Hugging Face's config; each key remembers where it came from, so that
 * messages speak of the file as its owner wrote it:
 *
 *   config.json:6:5: error: model_args.dims has 3 entries, architecture's depths 4 */
#include "compiler/frontend/convnext/timm.h"
#include "compiler/frontend/input/timm.h"
#include "ir/base/path.h"

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
    JsonFile *json;
    json_t *out;
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

static const Architecture *find_architecture(const char *size)
{
    size_t n = strcspn(size, ".");
    for (int64_t i = 0; i < countof(architectures); i++)
        if (strlen(architectures[i].name) == n && memcmp(architectures[i].name, size, n) == 0)
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
    bool any = v2 || str_starts_with(name, "convnext_");
    const Architecture *found = any ? find_architecture(strchr(name, '_') + 1) : NULL;
    if (!found) {
        key_unsupported(t->json, "architecture", "%s has no equivalent among Hugging Face's ConvNeXts", name);
        note_export(t->json);
        return false;
    }
    if (v2)
        json_put(t->out, "layer_scale_init_value", json_integer(0));
    const json_t *grn = key_get(t->json, "model_args.use_grn");
    v2 = grn ? json_is_true(grn) : v2;
    json_put(t->out, "model_type", json_string(v2 ? "convnextv2" : "convnext"));
    json_put(t->out, "architectures",
             json_pack("[s]", v2 ? "ConvNextV2ForImageClassification" : "ConvNextForImageClassification"));
    json_put(t->out, "layer_norm_eps", json_real(1e-6));
    put_sizes(t, found);
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

static const Argument *find_argument(const char *name)
{
    for (int64_t i = 0; i < countof(arguments); i++)
        if (strcmp(arguments[i].name, name) == 0)
            return &arguments[i];
    return NULL;
}

static void put_argument(Translator *t, const char *name, const json_t *value)
{
    const Argument *argument = find_argument(name);
    const char *from = arena_printf(t->json->arena, "model_args.%s", name);
    if (!argument)
        key_unsupported(t->json, from, "has no equivalent");
    else if (argument->only && !json_is_null(value) && !is_value(value, argument->only))
        key_unsupported(t->json, from, "has an equivalent only where it is %s", argument->only);
    else if (argument->key)
        key_carry(t->json, t->out, argument->key, from);
}

/* timm writes null for no layer scale. Hugging Face's V2 has none beside GRN. */
static void put_arguments(Translator *t)
{
    const char *name;
    json_t *value, *args = json_object_get(t->json->root, "model_args");
    json_object_foreach (args, name, value)
        put_argument(t, name, value);
    if (json_is_null(json_object_get(args, "ls_init_value")))
        json_put(t->out, "layer_scale_init_value", json_integer(0));
    const json_t *scale = json_object_get(t->out, "layer_scale_init_value");
    if (json_is_true(json_object_get(args, "use_grn")) && !(scale && json_number_value(scale) <= 0))
        key_unsupported(t->json, "model_args.use_grn", "has no equivalent together with a layer scale");
}

static void put_act(Translator *t)
{
    static const char *const names[][2] = {{"gelu_tanh", "gelu_pytorch_tanh"}, {"hard_swish", "hardswish"}};
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
    Translator t = {json, json_new_object(json->arena)};
    const json_t *args = key_get(json, "model_args");
    bool objects = !args || json_is_object(args) || key_wrong_type(json, "model_args", args, "an object");
    if (!objects || !put_architecture(&t))
        return false;
    put_arguments(&t);
    put_act(&t);
    timm_translate_labels(json, t.out);
    timm_translate_pictures(json, t.out);
    json->root = t.out;
    return true;
}
