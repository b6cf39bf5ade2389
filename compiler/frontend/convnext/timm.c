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

/* Lets key have the value of timm's key. False: there is none. */
static bool carry(Translator *t, json_t *object, const char *key, const char *from)
{
    const json_t *value = key_get(t->json, from);
    if (!value)
        return false;
    put(object, key, copy(value));
    key_set_origin(t->json, key, from, from);
    return true;
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

static void put_sizes(Translator *t, const Architecture *architecture)
{
    put(t->out, "depths", four(architecture->depths));
    put(t->out, "hidden_sizes", four(architecture->dims));
    key_set_origin(t->json, "depths", "architecture's depths", "architecture");
    key_set_origin(t->json, "hidden_sizes", "architecture's dims", "architecture");
}

/* timm itself knows what its names mean. */
static void note_export(const JsonFile *json)
{
    diag_note(
        json->diag, NO_SPAN,
        "its ONNX export compiles: python -c 'import timm, torch; m = timm.create_model(\"local-dir:%s\", pretrained=True).eval(); "
        "torch.onnx.export(m, torch.zeros(1, *m.pretrained_cfg[\"input_size\"]), \"model.onnx\")'",
        path_directory(json->arena, json->source->path));
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
        put(t->out, "layer_scale_init_value", json_integer(0));
    const json_t *grn = key_get(t->json, "model_args.use_grn");
    v2 = grn ? json_is_true(grn) : v2;
    put(t->out, "model_type", json_string(v2 ? "convnextv2" : "convnext"));
    put(t->out, "architectures", json_pack("[s]", v2 ? "ConvNextV2ForImageClassification" : "ConvNextForImageClassification"));
    put(t->out, "layer_norm_eps", json_real(1e-6));
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
        carry(t, t->out, argument->key, from);
}

/* timm writes null for no layer scale. Hugging Face's V2 has none beside GRN. */
static void put_arguments(Translator *t)
{
    const char *name;
    json_t *value, *args = json_object_get(t->json->root, "model_args");
    json_object_foreach (args, name, value)
        put_argument(t, name, value);
    if (json_is_null(json_object_get(args, "ls_init_value")))
        put(t->out, "layer_scale_init_value", json_integer(0));
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
            put(t->out, "hidden_act", json_string(names[i][1]));
            return;
        }
}

/* ── Labels ── */

/* The number of classes is said up to three times; the outermost counts, as timm builds the model with it. */
static void put_count(Translator *t)
{
    if (!carry(t, t->out, "num_labels", "num_classes") && !json_object_get(t->out, "num_labels") &&
        !carry(t, t->out, "num_labels", "pretrained_cfg.num_classes"))
        put(t->out, "num_labels", json_integer(1000));
}

static void put_labels(Translator *t)
{
    const char *from = key_get(t->json, "pretrained_cfg.label_names") ? "pretrained_cfg.label_names" : "label_names";
    const json_t *names = key_get(t->json, from);
    if (!names || json_is_object(names))
        return; /* an object maps names to numbers of another data set */
    if (!json_is_array(names)) {
        key_wrong_type(t->json, from, names, "a list of strings");
        return;
    }
    json_t *map = json_object();
    for (size_t i = 0; i < json_array_size(names); i++)
        put(map, arena_printf(t->json->arena, "%zu", i), copy(json_array_get(names, i)));
    put(t->out, "id2label", map);
    key_set_origin(t->json, "id2label", from, from);
}

/* ── Pictures ── */

static void put_size(Translator *t)
{
    static const char from[] = "pretrained_cfg.input_size";
    const json_t *size = key_get(t->json, from), *item[3];
    for (size_t i = 0; i < 3; i++)
        item[i] = json_array_get(size, i);
    if (!size)
        return;
    if (json_array_size(size) != 3 || !json_is_integer(item[0]) || !json_is_integer(item[1]) || !json_is_integer(item[2])) {
        key_error(t->json, from, "must be channels, height and width");
        return;
    }
    if (!json_object_get(t->out, "num_channels")) {
        put(t->out, "num_channels", copy(item[0]));
        key_set_origin(t->json, "num_channels", from, from);
    }
    put(t->out, "image_size", json_pack("[o,o]", copy(item[1]), copy(item[2])));
    key_set_origin(t->json, "image_size", from, from);
}

/* The number of value, one of count names; -1 after a diagnostic. absent: where nothing is said. */
static int64_t choice(Translator *t, const char *key, const char *const *names, int64_t count, int64_t absent)
{
    const json_t *value = key_get(t->json, key);
    const char *name = json_string_value(value);
    StrBuf list = {.arena = t->json->arena};
    for (int64_t i = 0; i < count; i++) {
        if (!value ? i == absent : str_equal(name, names[i]))
            return i;
        sb_printf(&list, "%s%s", i == 0 ? "" : i == count - 1 ? " or " : ", ", names[i]);
    }
    key_unsupported(t->json, key, "is %s, expected %s", name ? name : "no string", list.text);
    return -1;
}

static void put_choices(Translator *t, json_t *pictures)
{
    static const char *const filters[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
    static const char *const modes[] = {"center", "squash"};
    int64_t filter = choice(t, "pretrained_cfg.interpolation", filters, countof(filters), 3);
    int64_t mode = choice(t, "pretrained_cfg.crop_mode", modes, countof(modes), 0);
    put(pictures, "resample", json_integer(filter < 0 ? 0 : filter));
    put(pictures, "crop_mode", json_string(modes[mode < 0 ? 0 : mode]));
}

static void put_pictures(Translator *t)
{
    json_t *pictures = json_object();
    put(t->out, TIMM_PICTURES, pictures);
    if (!carry(t, pictures, "image_mean", "pretrained_cfg.mean"))
        put(pictures, "image_mean", json_pack("[f,f,f]", 0.485, 0.456, 0.406));
    if (!carry(t, pictures, "image_std", "pretrained_cfg.std"))
        put(pictures, "image_std", json_pack("[f,f,f]", 0.229, 0.224, 0.225));
    if (!carry(t, pictures, "crop_pct", "pretrained_cfg.crop_pct"))
        put(pictures, "crop_pct", json_real(0.875));
    put_size(t);
    put_choices(t, pictures);
}

/* ── All of it ── */

/* An object, if it is there. */
static bool check_object(const JsonFile *json, const char *key)
{
    const json_t *value = key_get(json, key);
    return !value || json_is_object(value) || key_wrong_type(json, key, value, "an object");
}

static void release(void *root) { json_decref(root); }

bool timm_translate(JsonFile *json)
{
    if (!key_get(json, "architecture") || key_get(json, "model_type"))
        return true;
    Translator t = {json, json_object()};
    arena_on_free(json->arena, release, t.out);
    bool objects = check_object(json, "model_args");
    if (!check_object(json, "pretrained_cfg") || !objects || !put_architecture(&t))
        return false;
    put_arguments(&t);
    put_act(&t);
    put_labels(&t);
    put_count(&t);
    put_pictures(&t);
    json->root = t.out;
    return true;
}
