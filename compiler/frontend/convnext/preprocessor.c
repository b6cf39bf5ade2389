/* preprocessor_config.json → the settings of CnxrtPreprocessor (runtime/model.h), every rule resolved here.
 *
 *   {"size": 224, "crop_pct": null, "image_mean": [0.485, 0.456, 0.406], …}
 *   →  {"do_resize": 1, "shortest_edge": 224, "crop_pct": 0.875, …, "n_mean": 3, "mean": [0.485, 0.456, 0.406], …}
 *
 * All that is wrong is said: a key that is wrong keeps its default. Legacy files write size as a bare number, crop_pct as null,
 * and leave rescaling out, which means on. A folder without the file gets what all published ConvNeXt models say: bicubic,
 * ImageNet's mean and std, the config's image_size. */
#include "compiler/frontend/convnext/timm.h"
#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/input/pictures.h"

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

/* size: s, {"shortest_edge": s}, with or without a longest_edge, which means nothing; height and width parse, but the
 * processor then refuses to resize to them. */
static void read_size(const JsonFile *json, CnxrtPreprocessor *p)
{
    const json_t *size = key_get(json, "size");
    const json_t *edge = json_is_object(size) ? json_object_get(size, "shortest_edge") : size;
    if (edge && !json_is_array(edge))
        read_edge(json, "size", edge, "an integer", &p->shortest_edge);
    else if (size && p->do_resize)
        key_unsupported(json, "size", "has no shortest_edge; this processor does not resize to a height and width");
}

static void read_crop(const JsonFile *json, CnxrtPreprocessor *p)
{
    static const char expected[] = "an integer, height and width, or a list of the two";
    const json_t *size = key_get(json, "crop_size"), *height = size, *width = size;
    if (!key_bool(json, "do_center_crop", &p->do_center_crop) || !p->do_center_crop)
        return;
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
    diag_warning(json->diag, key_span(json, key),
                 "%s has %lld entries, but the model takes %lld channels; it will not take pictures", key_name(json, key),
                 (long long)count, (long long)num_channels);
    return false;
}

/* Whether pictures of the model's channels can be normalized. */
static bool read_normalize(const JsonFile *json, int64_t num_channels, CnxrtPreprocessor *p)
{
    int64_t n_mean = 0, n_std = 0;
    if (!key_bool(json, "do_normalize", &p->do_normalize) || !p->do_normalize)
        return true;
    bool ok = read_means(json, "image_mean", p->mean, &n_mean);
    if (!read_means(json, "image_std", p->std, &n_std) || !ok)
        return false;
    if (n_mean && n_std && n_std != n_mean)
        return key_error(json, "image_std", "must be as long as %s", key_name(json, "image_mean"));
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
static void check_fraction(const JsonFile *json, const CnxrtPreprocessor *p)
{
    double edge = p->crop_pct > 0 ? (double)p->shortest_edge / p->crop_pct : 0;
    bool whole = p->resize_rule == CNXRT_RESIZE_CONVNEXT && p->shortest_edge >= WARP_EDGE;
    if (p->do_resize && !whole && !(edge >= 1 && edge <= MAX_EDGE))
        bad(json, "crop_pct", "a fraction of the resized picture, above 0");
}

static void read_resize(const JsonFile *json, CnxrtPreprocessor *p)
{
    key_bool(json, "do_resize", &p->do_resize);
    read_size(json, p);
    if (key_number(json, "crop_pct", &p->crop_pct))
        check_fraction(json, p);
    if (key_int(json, "resample", 0, 7, &p->resample) && p->resample > 5)
        key_unsupported(json, "resample", "%lld is not supported, expected 0 to 5", (long long)p->resample);
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

/* False: another processor, whose settings mean nothing here. Both arithmetics are saved under the name of the one with
 * torchvision's; who names Pillow's wants it. */
static bool read_type(const JsonFile *json, CnxrtPreprocessor *p)
{
    const char *type = NULL, *key = key_get(json, "image_processor_type") ? "image_processor_type" : "feature_extractor_type";
    if (!key_string(json, key, &type) || !type || str_starts_with(type, "ConvNextImageProcessor") ||
        str_starts_with(type, "ConvNextFeatureExtractor")) {
        p->torchvision = !str_equal(type, "ConvNextImageProcessorPil");
        return true;
    }
    diag_unsupported(json->diag, key_span(json, key), "image processor %s is not supported, expected ConvNextImageProcessor",
                     type);
    return false;
}

/* --image-size=N stands for size N, as when the processor is called with another size. */
static void take_size(CnxrtPreprocessor *p, const HfPictures *asked)
{
    if (asked->height && asked->height == asked->width && p->do_resize && !p->do_center_crop)
        p->shortest_edge = asked->height;
}

static void describe(CnxrtPreprocessor *p, bool fits, HfPictures *pictures, Arena *arena, Diag *diag)
{
    HfPictures asked = *pictures;
    take_size(p, &asked);
    pictures->height = p->do_center_crop ? p->crop_height : p->do_resize ? p->shortest_edge : 0;
    pictures->width = p->do_center_crop ? p->crop_width : p->do_resize ? p->shortest_edge : 0;
    pictures->settings = fits ? pictures_write(p, arena) : NULL;
    if (fits && asked.height && pictures->height && (asked.height != pictures->height || asked.width != pictures->width))
        diag_warning(diag, NO_SPAN, "pictures are made %lldx%lld, the model takes %lldx%lld; it will not take pictures",
                     (long long)pictures->height, (long long)pictures->width, (long long)asked.height, (long long)asked.width);
}

bool hf_preprocessor(const char *dir, int64_t num_channels, HfPictures *pictures, Arena *arena, Diag *diag)
{
    int64_t errors = diag->n_errors;
    JsonFile *json = json_file_open(dir, "preprocessor_config.json", arena, diag);
    CnxrtPreprocessor p = pictures_default();
    if (!json || !read_type(json, &p))
        return false;
    read_resize(json, &p);
    read_crop(json, &p);
    read_rescale(json, &p);
    bool fits = read_normalize(json, num_channels, &p);
    key_bool(json, "do_convert_rgb", &p.convert_rgb_white);
    check_format(json, "data_format");
    check_format(json, "input_data_format");
    describe(&p, fits, pictures, arena, diag);
    return diag->n_errors == errors;
}

/* timm's transforms, from what timm_translate made of pretrained_cfg. */
static bool timm_pictures(const HfConfig *config, json_t *settings, HfPictures *pictures)
{
    JsonFile json = *config->json;
    int64_t errors = json.diag->n_errors;
    CnxrtPreprocessor p = pictures_default();
    json.root = settings;
    p.torchvision = 0; /* its transforms resize Pillow's pictures */
    p.shortest_edge = config->image_height;
    p.resize_rule =
        str_equal(json_string_value(key_get(&json, "crop_mode")), "squash") ? CNXRT_RESIZE_SQUASH : CNXRT_RESIZE_CENTER;
    read_resize(&json, &p);
    bool fits = read_normalize(&json, config->num_channels, &p), square = config->image_height == config->image_width;
    if (!square)
        diag_warning(json.diag, key_span(config->json, "image_size"), "%s is not square; the model will not take pictures",
                     key_name(config->json, "image_size"));
    describe(&p, fits && square, pictures, json.arena, json.diag);
    if (!pictures->settings)
        pictures->height = pictures->width = 0;
    return json.diag->n_errors == errors;
}

bool hf_preprocessor_default(const HfConfig *config, HfPictures *pictures, Arena *arena, Diag *diag)
{
    json_t *timm = key_get(config->json, TIMM_PICTURES);
    if (timm)
        return timm_pictures(config, timm, pictures);
    if (config->num_channels != 3 || config->image_height != config->image_width)
        return true;
    CnxrtPreprocessor p = pictures_default();
    p.shortest_edge = config->image_height;
    p.resample = 3;
    p.n_mean = 3;
    memcpy(p.mean, (const double[]){0.485, 0.456, 0.406}, 3 * sizeof *p.mean);
    memcpy(p.std, (const double[]){0.229, 0.224, 0.225}, 3 * sizeof *p.std);
    describe(&p, true, pictures, arena, diag);
    diag_note(diag, NO_SPAN,
              "no preprocessor_config.json: pictures are prepared as for the published ConvNeXt models, at %lldx%lld",
              (long long)p.shortest_edge, (long long)p.shortest_edge);
    return true;
}
