/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* timm's pretrained_cfg: pictures and labels, of whatever architecture.
 *
 *   {"num_classes": 10, "pretrained_cfg": {"input_size": [3, 288, 288], "crop_pct": 0.95, "label_names": ["cat", …]}}
 *   →  {"num_labels": 10, "id2label": {"0": "cat", …}, "num_channels": 3, "image_size": [288, 288], …}
 *
 * Each key remembers where it came from, so that messages speak of the file as its owner wrote it. */
#include "compiler/frontend/input/timm.h"
#include "compiler/frontend/input/pictures.h"

bool json_is_timm(const JsonFile *json)
{
    return key_get(json, "pretrained_cfg") || (key_get(json, "architecture") && !key_get(json, "model_type"));
}

/* ── Labels ── */

/* The number of classes is said up to three times; the outermost counts, as timm builds the model with it. */
static void put_count(JsonFile *json, json_t *out)
{
    if (!key_carry(json, out, "num_labels", "num_classes") && !json_object_get(out, "num_labels") &&
        !key_carry(json, out, "num_labels", "pretrained_cfg.num_classes"))
        json_put(out, "num_labels", json_integer(1000));
}

static void put_labels(JsonFile *json, json_t *out)
{
    const char *from = key_get(json, "pretrained_cfg.label_names") ? "pretrained_cfg.label_names" : "label_names";
    const json_t *names = key_get(json, from);
    if (!names || json_is_object(names))
        return; /* an object maps names to numbers of another data set */
    if (!json_is_array(names)) {
        key_wrong_type(json, from, names, "a list of strings");
        return;
    }
    json_t *map = json_object();
    for (size_t i = 0; i < json_array_size(names); i++)
        json_put(map, arena_printf(json->arena, "%zu", i), json_deep_copy(json_array_get(names, i)));
    json_put(out, "id2label", map);
    key_set_origin(json, "id2label", from, from);
}

void timm_translate_labels(JsonFile *json, json_t *out)
{
    put_labels(json, out);
    put_count(json, out);
}

/* ── Pictures ── */

static void put_size(JsonFile *json, json_t *out)
{
    static const char from[] = "pretrained_cfg.input_size";
    const json_t *size = key_get(json, from), *item[3];
    for (size_t i = 0; i < 3; i++)
        item[i] = json_array_get(size, i);
    if (!size)
        return;
    if (json_array_size(size) != 3 || !json_is_integer(item[0]) || !json_is_integer(item[1]) || !json_is_integer(item[2])) {
        key_error(json, from, "must be channels, height and width");
        return;
    }
    if (!json_object_get(out, "num_channels")) {
        json_put(out, "num_channels", json_deep_copy(item[0]));
        key_set_origin(json, "num_channels", from, from);
    }
    json_put(out, "image_size", json_pack("[o,o]", json_deep_copy(item[1]), json_deep_copy(item[2])));
    key_set_origin(json, "image_size", from, from);
}

static void put_choices(JsonFile *json, json_t *pictures)
{
    static const char *const filters[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
    static const char *const modes[] = {"center", "squash"};
    int64_t filter = key_choice(json, "pretrained_cfg.interpolation", filters, countof(filters), 3);
    int64_t mode = key_choice(json, "pretrained_cfg.crop_mode", modes, countof(modes), 0);
    json_put(pictures, "resample", json_integer(filter < 0 ? 0 : filter));
    json_put(pictures, "crop_mode", json_string(modes[mode < 0 ? 0 : mode]));
}

void timm_translate_pictures(JsonFile *json, json_t *out)
{
    json_t *pictures = json_object();
    const json_t *cfg = key_get(json, "pretrained_cfg");
    if (cfg && !json_is_object(cfg))
        key_wrong_type(json, "pretrained_cfg", cfg, "an object");
    json_put(out, TIMM_PICTURES, pictures);
    if (!key_carry(json, pictures, "image_mean", "pretrained_cfg.mean"))
        json_put(pictures, "image_mean", json_pack("[f,f,f]", IMAGENET_MEAN));
    if (!key_carry(json, pictures, "image_std", "pretrained_cfg.std"))
        json_put(pictures, "image_std", json_pack("[f,f,f]", IMAGENET_STD));
    if (!key_carry(json, pictures, "crop_pct", "pretrained_cfg.crop_pct"))
        json_put(pictures, "crop_pct", json_real(0.875));
    put_size(json, out);
    put_choices(json, pictures);
}
