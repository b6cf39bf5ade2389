/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* preprocessor_config.json → the settings of CnxrtPreprocessor (runtime/model.h), every rule resolved here.
 *
 *   {"size": 224, "crop_pct": null, "image_mean": [0.485, 0.456, 0.406], …}
 *   →  {"do_resize": 1, "shortest_edge": 224, "crop_pct": 0.875, …, "n_mean": 3, "mean": [0.485, 0.456, 0.406], …}
 *
 * The classes that are known differ in their defaults and in what they make of size: ConvNext's resizes by a rule of its own, the
 * others as the class says that they have in common. All that is wrong is said: a key that is wrong keeps its
 * default. Legacy files write size as a bare number, crop_pct as null, and leave rescaling out, which means on. */
#include "compiler/frontend/input/processor.h"
#include "compiler/frontend/input/pictures.h"
#include "compiler/frontend/input/timm.h"
#include "ir/base/listing.h"

#include <math.h>
#include <string.h>

static bool bad(const JsonFile *json, const char *key, const char *expected)
{
    return key_error(json, key, "must be %s", expected);
}

/* An edge of a picture, which key holds. */
static bool read_edge(const JsonFile *json, const char *key, const json_t *value, const char *expected, int64_t *edge)
{
    if (!json_is_integer(value))
        return key_wrong_type(json, key, value, expected);
    if (json_integer_value(value) < 1 || json_integer_value(value) > MAX_EDGE)
        return bad(json, key, "from 1 to 65536");
    *edge = json_integer_value(value);
    return true;
}

/* ConvNext's: s, {"shortest_edge": s}, with or without a longest_edge, which means nothing; height and width parse, but the
 * processor then refuses to resize to them. */
static void read_convnext_size(const JsonFile *json, CnxrtPreprocessor *p)
{
    const json_t *size = key_get(json, "size");
    const json_t *edge = json_is_object(size) ? json_object_get(size, "shortest_edge") : size;
    if (edge && !json_is_array(edge))
        read_edge(json, "size", edge, "an integer", &p->shortest_edge);
    else if (size && p->do_resize)
        key_unsupported(json, "size", "has no shortest_edge; this processor does not resize to a height and width");
}

/* The entry of an object; NULL: absent or null. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static void take_exact(const JsonFile *json, CnxrtPreprocessor *p, const json_t *height, const json_t *width)
{
    p->resize_rule = CNXRT_RESIZE_EXACT;
    if (read_edge(json, "size", height, "integers", &p->resize_height))
        read_edge(json, "size", width, "integers", &p->resize_width);
}

/* {"shortest_edge": s} or {"height": h, "width": w} */
static void read_size_object(const JsonFile *json, json_t *size, CnxrtPreprocessor *p)
{
    static const char expected[] = "shortest_edge, or height and width";
    const json_t *edge = member(size, "shortest_edge"), *height = member(size, "height"), *width = member(size, "width");
    const char *key;
    json_t *value;
    json_object_foreach (size, key, value)
        if (!json_is_null(value) && value != edge && value != height && value != width) {
            key_unsupported(json, arena_printf(json->arena, "size.%s", key), "is not supported, expected %s", expected);
            return;
        }
    if (height && width && !edge) {
        take_exact(json, p, height, width);
    } else if (edge && !height && !width) {
        p->resize_rule = CNXRT_RESIZE_SHORTEST;
        read_edge(json, "size", edge, "an integer", &p->shortest_edge);
    } else {
        bad(json, "size", expected);
    }
}

/* An object, [h, w], or s, which means what the class's default does. */
static void read_size(const JsonFile *json, CnxrtPreprocessor *p)
{
    json_t *size = key_get(json, "size");
    if (!size || !p->do_resize)
        return;
    if (json_is_object(size))
        read_size_object(json, size, p);
    else if (json_is_array(size) && json_array_size(size) == 2)
        take_exact(json, p, json_array_get(size, 0), json_array_get(size, 1));
    else if (p->resize_rule == CNXRT_RESIZE_EXACT)
        take_exact(json, p, size, size);
    else
        read_edge(json, "size", size, "an integer", &p->shortest_edge);
}

static void read_crop(const JsonFile *json, CnxrtPreprocessor *p)
{
    static const char expected[] = "an integer, height and width, or a list of the two";
    const json_t *size = key_get(json, "crop_size"), *height = size, *width = size;
    if (!key_bool(json, "do_center_crop", &p->do_center_crop) || !p->do_center_crop)
        return;
    if (!size && p->crop_height)
        return; /* the class has a default */
    if (!size) {
        bad(json, "do_center_crop", "accompanied by crop_size");
        return;
    }
    if (json_is_object(size))
        height = json_object_get(size, "height"), width = json_object_get(size, "width");
    else if (json_is_array(size) && json_array_size(size) == 2)
        height = json_array_get(size, 0), width = json_array_get(size, 1);
    if (read_edge(json, "crop_size", height, expected, &p->crop_height))
        read_edge(json, "crop_size", width, expected, &p->crop_width);
}

/* One number for all channels, or a list of one for each; the count of a number is 0. */
static bool read_means(const JsonFile *json, const char *key, double *values, int64_t *count)
{
    const json_t *found = key_get(json, key);
    if (!found)
        return true;
    *count = json_is_array(found) ? (int64_t)json_array_size(found) : 0;
    if (json_is_array(found) && *count == 0)
        return bad(json, key, "a number or a list of numbers");
    if (*count > MAX_MEANS)
        return key_unsupported(json, key, "has %lld entries, at most %d are supported", (long long)*count, MAX_MEANS);
    for (int64_t i = 0; i < *count || i == 0; i++) {
        const json_t *value = json_is_array(found) ? json_array_get(found, (size_t)i) : found;
        if (!json_is_number(value))
            return key_wrong_type(json, key, value, "numbers");
        values[i] = json_number_value(value);
    }
    return true;
}

static void spread(double *values, int64_t to)
{
    for (int64_t i = 1; i < to; i++)
        values[i] = values[0];
}

/* A list must have an entry for each channel, also one of a single entry; otherwise the model takes tensors only, as
 * the reference refuses every picture then. */
static bool fits_channels(const JsonFile *json, const char *key, int64_t count, int64_t num_channels)
{
    if (count == 0 || count == num_channels)
        return true;
    diag_warning(json->diag, key_span(json, key), "%s has %lld %s, but the model takes %lld %s; it will not take pictures",
                 key_name(json, key), (long long)count, count == 1 ? "entry" : "entries", (long long)num_channels,
                 COUNTED(num_channels, "channel"));
    return false;
}

/* Whether pictures of the model's channels can be normalized. */
static bool read_normalize(const JsonFile *json, int64_t num_channels, CnxrtPreprocessor *p)
{
    int64_t usual = p->n_mean > 1 ? p->n_mean : 0, n_mean = usual, n_std = usual;
    if (!key_bool(json, "do_normalize", &p->do_normalize) || !p->do_normalize)
        return true;
    bool ok = read_means(json, "image_mean", p->mean, &n_mean);
    if (!read_means(json, "image_std", p->std, &n_std) || !ok)
        return false;
    if (n_mean && n_std && n_std != n_mean)
        return key_get(json, "image_std")
                   ? key_error(json, "image_std", "must be as long as %s", key_name(json, "image_mean"))
                   : key_error(json, "image_mean", "must be as long as image_std, of which there are %lld", (long long)n_std);
    p->n_mean = n_mean ? n_mean : n_std ? n_std : 1;
    if (!n_mean)
        spread(p->mean, p->n_mean);
    if (!n_std)
        spread(p->std, p->n_mean);
    for (int64_t i = 0; i < p->n_mean; i++)
        if (!((float)p->std[i] != 0) || !isfinite((float)p->std[i]) || !isfinite((float)p->mean[i]))
            return bad(json, "image_std", "finite and not zero");
    return fits_channels(json, "image_mean", n_mean, num_channels) && fits_channels(json, "image_std", n_std, num_channels);
}

/* Of what is cropped: from WARP_EDGE on, the processor's own rule takes the whole picture. */
static bool check_fraction(const JsonFile *json, const CnxrtPreprocessor *p)
{
    double edge = p->crop_pct > 0 ? (double)p->shortest_edge / p->crop_pct : 0;
    bool whole = p->resize_rule == CNXRT_RESIZE_CONVNEXT && p->shortest_edge >= WARP_EDGE;
    return !p->do_resize || whole || (edge >= 1 && edge <= MAX_EDGE) ||
           bad(json, "crop_pct", "a fraction of the resized picture, above 0");
}

static void read_resample(const JsonFile *json, CnxrtPreprocessor *p)
{
    if (key_int(json, "resample", 0, 7, &p->resample) && p->resample > 5)
        key_unsupported(json, "resample", "%lld is not supported, expected 0 to 5", (long long)p->resample);
}

static bool read_fraction(const JsonFile *json, CnxrtPreprocessor *p)
{
    return key_number(json, "crop_pct", &p->crop_pct) && check_fraction(json, p);
}

static void read_resize(const JsonFile *json, CnxrtPreprocessor *p)
{
    bool convnext = p->resize_rule == CNXRT_RESIZE_CONVNEXT;
    key_bool(json, "do_resize", &p->do_resize);
    if (convnext)
        read_convnext_size(json, p);
    else
        read_size(json, p);
    if (convnext)
        read_fraction(json, p);
    read_resample(json, p);
}

static void read_rescale(const JsonFile *json, CnxrtPreprocessor *p)
{
    key_bool(json, "do_rescale", &p->do_rescale);
    if (key_number(json, "rescale_factor", &p->rescale_factor) && !isfinite((float)p->rescale_factor))
        bad(json, "rescale_factor", "finite");
}

/* What they say is of arrays given and returned in Python: a file has its own layout, and pixel values are always
 * channels first. */
static void check_format(const JsonFile *json, const char *key)
{
    const char *format = NULL;
    if (key_string(json, key, &format) && format && !str_equal(format, "channels_first") && !str_equal(format, "channels_last"))
        bad(json, key, "channels_first or channels_last");
}

/* ── Which processor ── */

typedef struct Class {
    const char *name; /* what its classes' names begin with */
    CnxrtPreprocessor (*defaults)(void);
} Class;

static CnxrtPreprocessor vit_default(void)
{
    CnxrtPreprocessor p = pictures_default();
    p.resize_rule = CNXRT_RESIZE_EXACT;
    p.resize_height = p.resize_width = 224;
    return p;
}

static void set_normalize(CnxrtPreprocessor *p, const double mean[3], const double std[3])
{
    p->n_mean = 3;
    memcpy(p->mean, mean, 3 * sizeof *mean);
    memcpy(p->std, std, 3 * sizeof *std);
}

static CnxrtPreprocessor clip_default(void)
{
    CnxrtPreprocessor p = pictures_default();
    p.resize_rule = CNXRT_RESIZE_SHORTEST;
    p.shortest_edge = p.crop_height = p.crop_width = 224;
    p.do_center_crop = p.convert_rgb_white = 1;
    p.resample = 3;
    set_normalize(&p, (const double[]){0.48145466, 0.4578275, 0.40821073}, (const double[]){0.26862954, 0.26130258, 0.27577711});
    return p;
}

static CnxrtPreprocessor segformer_default(void)
{
    CnxrtPreprocessor p = vit_default();
    p.resize_height = p.resize_width = 512;
    set_normalize(&p, (const double[]){IMAGENET_MEAN}, (const double[]){IMAGENET_STD});
    return p;
}

/* ViT's, and resized as floats. */
static CnxrtPreprocessor dinov3_default(void)
{
    CnxrtPreprocessor p = vit_default();
    p.rescale_first = 1;
    set_normalize(&p, (const double[]){IMAGENET_MEAN}, (const double[]){IMAGENET_STD});
    return p;
}

static const Class classes[] = {
    {"ConvNext", pictures_default},   {"ViT", vit_default},          {"CLIP", clip_default},
    {"Segformer", segformer_default}, {"DINOv3ViT", dinov3_default},
};

/* "ViTImageProcessorPil" is of class ViT. Pillow's arithmetic is meant by who names it; both are saved under the name of the one
 * with torchvision's. */
static const Class *find_class(const char *type, bool *pillow)
{
    static const char *const endings[] = {"ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"};
    for (int64_t i = 0; i < countof(classes); i++)
        for (int64_t j = 0; j < countof(endings); j++)
            if (str_starts_with(type, classes[i].name) && strcmp(type + strlen(classes[i].name), endings[j]) == 0) {
                *pillow = str_ends_with(type, "Pil");
                return &classes[i];
            }
    return NULL;
}

/* The settings of the file's class. False: of another, whose keys mean nothing here. */
static bool read_type(const JsonFile *json, const char *usual, CnxrtPreprocessor *p)
{
    static const char expected[] =
        "expected ConvNextImageProcessor, ViTImageProcessor, CLIPImageProcessor, SegformerImageProcessor or DINOv3ViTImageProcessor";
    const char *type = NULL, *key = key_get(json, "image_processor_type") ? "image_processor_type" : "feature_extractor_type";
    bool pillow = false, named = key_string(json, key, &type) && type;
    if (!named && !usual) {
        if (!type)
            key_error(json, "image_processor_type", "is absent, %s", expected);
        return false;
    }
    const Class *class = find_class(named ? type : usual, &pillow);
    if (!class) {
        diag_unsupported(json->diag, key_span(json, key), "image processor %s is not supported, %s", type, expected);
        return false;
    }
    *p = class->defaults();
    p->torchvision = !pillow;
    return true;
}

/* What the classes' common ground can do and this does not. */
static void check_rest(const JsonFile *json, const CnxrtPreprocessor *p)
{
    int64_t pads = 0, squares = 0;
    if (p->resize_rule == CNXRT_RESIZE_CONVNEXT)
        return; /* which has neither */
    if (key_bool(json, "do_pad", &pads) && pads && key_get(json, "pad_size"))
        key_unsupported(json, "pad_size", "is not supported: pictures are not padded");
    if (key_bool(json, "use_square_size", &squares) && squares)
        key_unsupported(json, "use_square_size", "is not supported; size may be height and width");
}

/* ── The pictures' size ── */

/* --image-size stands for another size than the file's, as when the processor is called with one. */
static void take_size(CnxrtPreprocessor *p, const Pictures *asked)
{
    if (!asked->height || !p->do_resize || p->do_center_crop)
        return;
    if (p->resize_rule == CNXRT_RESIZE_EXACT)
        p->resize_height = asked->height, p->resize_width = asked->width;
    else if (p->resize_rule != CNXRT_RESIZE_SHORTEST && asked->height == asked->width)
        p->shortest_edge = asked->height;
}

static void set_size(const CnxrtPreprocessor *p, Pictures *pictures)
{
    bool cropped = p->do_center_crop, exact = p->resize_rule == CNXRT_RESIZE_EXACT;
    int64_t edge = p->do_resize && p->resize_rule != CNXRT_RESIZE_SHORTEST ? p->shortest_edge : 0;
    pictures->height = cropped ? p->crop_height : p->do_resize && exact ? p->resize_height : edge;
    pictures->width = cropped ? p->crop_width : p->do_resize && exact ? p->resize_width : edge;
}

static void describe(CnxrtPreprocessor *p, bool fits, Pictures *pictures, Arena *arena)
{
    take_size(p, pictures);
    set_size(p, pictures);
    pictures->settings = fits ? pictures_write(p, arena) : NULL;
}

/* ── Whole processors ── */

bool processor_read(const JsonFile *json, const char *usual, int64_t num_channels, Pictures *pictures)
{
    int64_t errors = json->diag->n_errors;
    CnxrtPreprocessor p;
    if (!read_type(json, usual, &p))
        return false;
    read_resize(json, &p);
    read_crop(json, &p);
    read_rescale(json, &p);
    bool fits = read_normalize(json, num_channels, &p);
    key_bool(json, "do_convert_rgb", &p.convert_rgb_white);
    check_format(json, "data_format");
    check_format(json, "input_data_format");
    check_rest(json, &p);
    describe(&p, fits, pictures, json->arena);
    return json->diag->n_errors == errors;
}

/* The size that pretrained_cfg says, or who asks for another. */
static bool timm_size(const JsonFile *json, const Pictures *asked, int64_t *height, int64_t *width)
{
    const json_t *size = key_get(json, "image_size");
    *height = *width = 224;
    if (asked->height) {
        *height = asked->height;
        *width = asked->width;
        return true;
    }
    return !size || (read_edge(json, "image_size", json_array_get(size, 0), "integers", height) &&
                     read_edge(json, "image_size", json_array_get(size, 1), "integers", width));
}

/* What is not square is resized to cover its frame, or to both edges, and then cropped. */
static void take_oblong(CnxrtPreprocessor *p, int64_t height, int64_t width)
{
    bool squash = p->resize_rule == CNXRT_RESIZE_SQUASH;
    p->do_center_crop = p->crop_even = 1;
    p->crop_height = height, p->crop_width = width;
    p->resize_height = (int64_t)((double)height / p->crop_pct), p->resize_width = (int64_t)((double)width / p->crop_pct);
    p->resize_rule = squash                                ? CNXRT_RESIZE_EXACT
                     : p->resize_height == p->resize_width ? CNXRT_RESIZE_SHORTEST
                                                           : CNXRT_RESIZE_COVER;
    p->shortest_edge = p->resize_height;
}

bool processor_read_timm(const JsonFile *json, int64_t num_channels, Pictures *pictures)
{
    JsonFile settings = *json; /* the same places */
    int64_t errors = json->diag->n_errors, height, width;
    CnxrtPreprocessor p = pictures_default();
    settings.root = key_get(json, TIMM_PICTURES);
    p.torchvision = 0; /* its transforms resize Pillow's pictures */
    p.resize_rule =
        str_equal(json_string_value(key_get(&settings, "crop_mode")), "squash") ? CNXRT_RESIZE_SQUASH : CNXRT_RESIZE_CENTER;
    bool sized = timm_size(json, pictures, &height, &width);
    p.shortest_edge = height > width ? height : width;
    bool cropped = read_fraction(&settings, &p);
    p.shortest_edge = height < width ? height : width;
    if (cropped && height != width)
        check_fraction(&settings, &p);
    read_resample(&settings, &p);
    bool fits = read_normalize(&settings, num_channels, &p);
    if (height != width && sized && json->diag->n_errors == errors)
        take_oblong(&p, height, width);
    describe(&p, fits, pictures, json->arena);
    return json->diag->n_errors == errors;
}

static const char OWN[] = "preprocessor_config.json", MODELS[] = "config.json";

bool processor_lies_in(const char *dir, Arena *arena, Diag *diag)
{
    if (json_file_exists(dir, OWN) || !json_file_exists(dir, MODELS))
        return json_file_exists(dir, OWN);
    const JsonFile *json = json_file_open(dir, MODELS, arena, diag);
    return json && json_is_timm(json);
}

/* The file that path means. */
static JsonFile *open_settings(const char *path, Arena *arena, Diag *diag)
{
    if (!path_is_dir(path))
        return json_open(path, arena, diag);
    return json_file_open(path, !json_file_exists(path, OWN) && json_file_exists(path, MODELS) ? MODELS : OWN, arena, diag);
}

bool processor_open(const char *path, const char *usual, int64_t num_channels, Pictures *pictures, Arena *arena, Diag *diag)
{
    JsonFile *json = open_settings(path, arena, diag);
    if (!json || !json_is_timm(json))
        return json && processor_read(json, usual, num_channels, pictures);
    int64_t errors = diag->n_errors;
    json_t *out = json_new_object(arena);
    timm_translate_pictures(json, out);
    json->root = out;
    return processor_read_timm(json, num_channels, pictures) && diag->n_errors == errors;
}

void processor_default(const char *class, int64_t num_channels, const char *missing, Pictures *pictures, Arena *arena, Diag *diag)
{
    bool pillow;
    CnxrtPreprocessor p = find_class(class, &pillow)->defaults();
    p.torchvision = !pillow;
    describe(&p, p.n_mean == 1 || p.n_mean == num_channels, pictures, arena);
    pictures->assumed = true;
    diag_note(diag, NO_SPAN, "no %s: pictures are prepared as %s does by default, at %lldx%lld", missing, class,
              (long long)pictures->height, (long long)pictures->width);
}

void processor_published(int64_t edge, const char *missing, Pictures *pictures, Arena *arena, Diag *diag)
{
    CnxrtPreprocessor p = pictures_default();
    p.shortest_edge = edge;
    p.resample = 3;
    set_normalize(&p, (const double[]){IMAGENET_MEAN}, (const double[]){IMAGENET_STD});
    describe(&p, true, pictures, arena);
    pictures->assumed = true;
    diag_note(diag, NO_SPAN, "no %s: pictures are prepared as for the published ConvNeXt models, at %lldx%lld", missing,
              (long long)p.shortest_edge, (long long)p.shortest_edge);
}
