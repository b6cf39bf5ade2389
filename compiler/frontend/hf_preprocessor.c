/* preprocessor_config.json → the settings of CnxrtPreprocessor (runtime/model.h), every rule resolved here.
 *
 *   {"size": 224, "crop_pct": null, "image_mean": [0.485, 0.456, 0.406], …}
 *   →  {"do_resize": 1, "shortest_edge": 224, "crop_pct": 0.875, …, "n_mean": 3, "mean": [0.485, 0.456, 0.406], …}
 *
 * Defaults are those of the processor's documentation: bilinear, crop_pct 224/256, mean and std 0.5. Legacy files
 * write size as a bare number, crop_pct as null, and leave rescaling out, which means on. */
#include "compiler/frontend/hf.h"
#include "runtime/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EDGE = 1 << 16, WARP_EDGE = 384, MAX_MEANS = 8 };

static bool bad(const HfJson *json, const char *key, const char *expected)
{
    diag_error(json->diag, hf_key_span(json, key), "%s must be %s", key, expected);
    return false;
}

/* size: s, {"shortest_edge": s}; height and width parse, but the processor then refuses to resize to them. */
static bool read_size(const HfJson *json, CnxrtPreprocessor *p)
{
    json_t *size = hf_get(json, "size");
    json_t *edge = json_is_object(size) ? json_object_get(size, "shortest_edge") : size;
    if (!size)
        return true;
    if (!edge || json_is_array(edge)) {
        if (p->do_resize)
            diag_unsupported(json->diag, hf_key_span(json, "size"),
                             "size has no shortest_edge; this processor does not resize to a height and width");
        return !p->do_resize;
    }
    if (!json_is_integer(edge))
        return hf_wrong_type(json, "size", edge, "an integer");
    p->shortest_edge = json_integer_value(edge);
    return (p->shortest_edge >= 1 && p->shortest_edge <= MAX_EDGE) || bad(json, "size", "from 1 to 65536");
}

static bool crop_edge(const HfJson *json, const json_t *value, int64_t *edge)
{
    if (!json_is_integer(value))
        return hf_wrong_type(json, "crop_size", value, "an integer, or an object with height and width");
    *edge = json_integer_value(value);
    return (*edge >= 1 && *edge <= MAX_EDGE) || bad(json, "crop_size", "from 1 to 65536");
}

static bool read_crop(const HfJson *json, CnxrtPreprocessor *p)
{
    const json_t *size = hf_get(json, "crop_size");
    if (!hf_bool(json, "do_center_crop", &p->do_center_crop))
        return false;
    if (!p->do_center_crop)
        return true;
    if (!size)
        return bad(json, "do_center_crop", "accompanied by crop_size");
    bool object = json_is_object(size);
    return crop_edge(json, object ? json_object_get(size, "height") : size, &p->crop_height) &&
           crop_edge(json, object ? json_object_get(size, "width") : size, &p->crop_width);
}

/* One number for all channels, or one for each. */
static bool read_means(const HfJson *json, const char *key, double *values, int64_t *count)
{
    const json_t *found = hf_get(json, key);
    if (!found)
        return true;
    *count = json_is_array(found) ? (int64_t)json_array_size(found) : 1;
    if (*count == 0)
        return bad(json, key, "a number or a list of numbers");
    if (*count > MAX_MEANS) {
        diag_unsupported(json->diag, hf_key_span(json, key), "%s has %lld entries, at most %d are supported", key,
                         (long long)*count, MAX_MEANS);
        return false;
    }
    for (int64_t i = 0; i < *count; i++) {
        const json_t *value = json_is_array(found) ? json_array_get(found, (size_t)i) : found;
        if (!json_is_number(value))
            return hf_wrong_type(json, key, value, "numbers");
        values[i] = json_number_value(value);
    }
    return true;
}

static void spread(double *values, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        values[i] = values[0];
}

static bool read_normalize(const HfJson *json, CnxrtPreprocessor *p)
{
    int64_t n_std = 1;
    p->n_mean = 1;
    p->mean[0] = p->std[0] = 0.5;
    if (!hf_bool(json, "do_normalize", &p->do_normalize))
        return false;
    if (!p->do_normalize)
        return true;
    if (!read_means(json, "image_mean", p->mean, &p->n_mean) || !read_means(json, "image_std", p->std, &n_std))
        return false;
    int64_t n = n_std > p->n_mean ? n_std : p->n_mean;
    if (p->n_mean > 1 && n_std > 1 && n_std != p->n_mean)
        return bad(json, "image_std", "as long as image_mean");
    spread(p->mean, p->n_mean, n);
    spread(p->std, n_std, n);
    p->n_mean = n;
    for (int64_t i = 0; i < n; i++)
        if (!((float)p->std[i] != 0) || !isfinite((float)p->std[i]) || !isfinite((float)p->mean[i]))
            return bad(json, "image_std", "finite and not zero");
    return true;
}

static bool read_resize(const HfJson *json, CnxrtPreprocessor *p)
{
    if (!hf_bool(json, "do_resize", &p->do_resize) || !hf_number(json, "crop_pct", &p->crop_pct) ||
        !read_size(json, p) || !hf_int(json, "resample", 0, 7, &p->resample))
        return false;
    if (p->resample > 5) {
        diag_unsupported(json->diag, hf_key_span(json, "resample"), "resample %lld is not supported, expected 0 to 5",
                         (long long)p->resample);
        return false;
    }
    bool warps = p->shortest_edge >= WARP_EDGE;
    return warps ||
           (p->crop_pct > 0 && (double)p->shortest_edge / p->crop_pct <= MAX_EDGE &&
            (double)p->shortest_edge / p->crop_pct >= 1) ||
           bad(json, "crop_pct", "a fraction of the resized picture, above 0");
}

static bool read_rescale(const HfJson *json, CnxrtPreprocessor *p)
{
    if (!hf_bool(json, "do_rescale", &p->do_rescale) || !hf_number(json, "rescale_factor", &p->rescale_factor))
        return false;
    return isfinite((float)p->rescale_factor) || bad(json, "rescale_factor", "finite");
}

static bool check_type(const HfJson *json)
{
    const char *type = NULL,
               *key = hf_get(json, "image_processor_type") ? "image_processor_type" : "feature_extractor_type";
    if (!hf_string(json, key, &type))
        return false;
    if (!type || str_starts_with(type, "ConvNextImageProcessor") || str_starts_with(type, "ConvNextFeatureExtractor"))
        return true;
    diag_unsupported(json->diag, hf_key_span(json, key),
                     "image processor %s is not supported, expected ConvNextImageProcessor", type);
    return false;
}

/* The shortest decimal that reads back as the same double: 0.485, not 0.48499999999999999. */
static const char *number(Arena *arena, double value)
{
    const char *text = NULL;
    for (int digits = 15; digits <= 17; digits++) {
        text = arena_printf(arena, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static void put_list(StrBuf *sb, const char *name, const double *values, int64_t count)
{
    sb_printf(sb, ", \"%s\": [", name);
    for (int64_t i = 0; i < count; i++)
        sb_printf(sb, "%s%s", i ? ", " : "", number(sb->arena, values[i]));
    sb_put(sb, "]");
}

static const char *as_json(const CnxrtPreprocessor *p, Arena *arena)
{
    StrBuf sb = {.arena = arena};
    sb_printf(&sb, "{\"do_resize\": %lld, \"shortest_edge\": %lld, \"crop_pct\": %s, \"resample\": %lld",
              (long long)p->do_resize, (long long)p->shortest_edge, number(arena, p->crop_pct), (long long)p->resample);
    sb_printf(&sb, ", \"do_center_crop\": %lld, \"crop_height\": %lld, \"crop_width\": %lld",
              (long long)p->do_center_crop, (long long)p->crop_height, (long long)p->crop_width);
    sb_printf(&sb, ", \"do_rescale\": %lld, \"rescale_factor\": %s, \"do_normalize\": %lld, \"n_mean\": %lld",
              (long long)p->do_rescale, number(arena, p->rescale_factor), (long long)p->do_normalize,
              (long long)p->n_mean);
    put_list(&sb, "mean", p->mean, p->n_mean);
    put_list(&sb, "std", p->std, p->n_mean);
    sb_printf(&sb, ", \"convert_rgb_white\": %lld, \"torchvision\": %lld, \"vertical_first\": %lld}",
              (long long)p->convert_rgb_white, (long long)p->torchvision, (long long)p->vertical_first);
    return sb.text;
}

/* Settings for pictures of other channels than the model's: it then takes tensors only, like the reference. */
static bool fits_channels(const HfJson *json, const CnxrtPreprocessor *p, int64_t num_channels)
{
    if (!p->do_normalize || p->n_mean == 1 || p->n_mean == num_channels)
        return true;
    diag_warning(json->diag, hf_key_span(json, "image_mean"),
                 "image_mean has %lld entries, but the model takes %lld channels; it will not take pictures",
                 (long long)p->n_mean, (long long)num_channels);
    return false;
}

bool hf_preprocessor(const char *dir, int64_t num_channels, HfPictures *pictures, Arena *arena, Diag *diag)
{
    HfJson *json = hf_json_open(dir, "preprocessor_config.json", arena, diag);
    CnxrtPreprocessor p = {.do_resize = 1, .shortest_edge = 384, .crop_pct = 0.875, .resample = 2, .do_rescale = 1,
                           .rescale_factor = 1.0 / 255, .do_normalize = 1, .vertical_first = 1};
    if (!json || !check_type(json) || !read_resize(json, &p) || !read_crop(json, &p) || !read_rescale(json, &p) ||
        !read_normalize(json, &p) || !hf_bool(json, "do_convert_rgb", &p.convert_rgb_white))
        return false;
    pictures->height = p.do_center_crop ? p.crop_height : p.do_resize ? p.shortest_edge : 0;
    pictures->width = p.do_center_crop ? p.crop_width : p.do_resize ? p.shortest_edge : 0;
    pictures->settings = fits_channels(json, &p, num_channels) ? as_json(&p, arena) : NULL;
    return true;
}
