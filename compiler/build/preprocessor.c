/* The image processor's settings, from metadata "cnxc.preprocessor" to the descriptor's struct.
 *
 *   {"do_resize": true, "shortest_edge": 224, "crop_pct": 0.875, "resample": 3, "mean": [0.485, 0.456, 0.406], …}
 *
 * The frontend has resolved every default and legacy spelling (docs/user-guide.md, "Pictures"), so the keys are the
 * struct's fields. The text may also come from a user's file, so types and ranges are checked all the same. */
#include "compiler/build/build.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    const Model *model;
    Diag *diag;
    json_t *root;
} Reader;

static void bad_key(Reader *r, const char *key, const char *expected)
{
    Span span = {.source = r->model->source};
    if (r->model->source && r->model->source->binary)
        span = NO_SPAN;
    diag_error(r->diag, span, "metadata cnxc.preprocessor: %s must be %s", key, expected);
}

static int64_t read_flag(Reader *r, const char *key, int64_t missing)
{
    const json_t *item = json_object_get(r->root, key);
    if (item && !json_is_boolean(item) && !json_is_integer(item))
        bad_key(r, key, "true or false");
    if (!item || json_is_null(item))
        return missing;
    return json_is_true(item) || json_integer_value(item) == 1;
}

static int64_t read_int(Reader *r, const char *key, int64_t low, int64_t high, int64_t missing)
{
    const json_t *item = json_object_get(r->root, key);
    if (!item || json_is_null(item))
        return missing;
    int64_t number = json_integer_value(item);
    if (!json_is_integer(item) || number < low || number > high)
        bad_key(r, key, "a whole number in range");
    return number;
}

static double read_number(Reader *r, const char *key, double missing)
{
    const json_t *item = json_object_get(r->root, key);
    if (!item || json_is_null(item))
        return missing;
    if (!json_is_number(item) || !isfinite(json_number_value(item)))
        bad_key(r, key, "a number");
    return json_number_value(item);
}

enum {
    BOX = 4,
    HAMMING = 5, /* numbers of resample */
    MOST_CHANNELS = 8,
    LARGEST_EDGE = 1 << 16,
    WARP_EDGE = 384 /* from here on pictures are not cropped */
};

/* Numbers for each channel; returns how many. One number stands for all channels. */
static int64_t read_channels(Reader *r, const char *key, double numbers[MOST_CHANNELS], double missing)
{
    const json_t *item = json_object_get(r->root, key);
    size_t count = json_is_array(item) ? json_array_size(item) : 1;
    if (count < 1 || count > MOST_CHANNELS) {
        bad_key(r, key, "a list of 1 to 8 numbers");
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_is_array(item) ? json_array_get(item, i) : item;
        if (number && !json_is_number(number))
            bad_key(r, key, "a list of 1 to 8 numbers");
        numbers[i] = number ? json_number_value(number) : missing;
    }
    return (int64_t)count;
}

static void read_normalize(Reader *r, CnxrtPreprocessor *p)
{
    double std[MOST_CHANNELS] = {0};
    p->n_mean = read_channels(r, "mean", p->mean, 0.5);
    int64_t n_std = read_channels(r, "std", std, 0.5);
    if (n_std != p->n_mean && n_std != 1 && p->n_mean != 1)
        bad_key(r, "std", "as long as mean");
    int64_t count = n_std > p->n_mean ? n_std : p->n_mean;
    for (int64_t i = 0; i < count; i++) {
        p->mean[i] = p->mean[p->n_mean == 1 ? 0 : i];
        p->std[i] = std[n_std == 1 ? 0 : i];
        if (p->do_normalize && p->std[i] == 0)
            bad_key(r, "std", "other than zero");
    }
    p->n_mean = count;
}

static void read_settings(Reader *r, CnxrtPreprocessor *p)
{
    p->do_resize = read_flag(r, "do_resize", 1);
    p->shortest_edge = read_int(r, "shortest_edge", 1, LARGEST_EDGE, 384);
    p->crop_pct = read_number(r, "crop_pct", 0.875);
    p->resize_rule = read_int(r, "resize_rule", CNXRT_RESIZE_CONVNEXT, CNXRT_RESIZE_SQUASH, CNXRT_RESIZE_CONVNEXT);
    if (p->do_resize && (p->resize_rule || p->shortest_edge < WARP_EDGE) && !(p->crop_pct > 0 && p->crop_pct <= LARGEST_EDGE))
        bad_key(r, "crop_pct", "above 0");
    p->resample = read_int(r, "resample", 0, 5, 2);
    p->do_center_crop = read_flag(r, "do_center_crop", 0);
    p->crop_height = read_int(r, "crop_height", 0, LARGEST_EDGE, 0);
    p->crop_width = read_int(r, "crop_width", 0, LARGEST_EDGE, 0);
    p->do_rescale = read_flag(r, "do_rescale", 1);
    p->rescale_factor = read_number(r, "rescale_factor", 1.0 / 255);
    p->do_normalize = read_flag(r, "do_normalize", 1);
    p->convert_rgb_white = read_flag(r, "convert_rgb_white", 0);
    p->torchvision = read_flag(r, "torchvision", 0);
    p->vertical_first = read_flag(r, "vertical_first", 1);
    if (p->torchvision && p->do_resize && (p->resample == BOX || p->resample == HAMMING))
        diag_warning(r->diag, NO_SPAN, "torchvision has no %s filter: pictures that must be resized will be refused",
                     p->resample == BOX ? "box" : "Hamming");
    read_normalize(r, p);
}

const CnxrtPreprocessor *preprocessor_read(const Model *model, Arena *arena, Diag *diag)
{
    const char *text = model_prop(model, "cnxc.preprocessor");
    if (!text)
        return NULL;
    json_error_t error;
    Reader reader = {model, diag, json_loads(text, JSON_REJECT_DUPLICATES, &error)};
    int64_t errors = diag->n_errors;
    CnxrtPreprocessor *p = NEW(arena, CnxrtPreprocessor);
    if (!json_is_object(reader.root))
        diag_error(diag, NO_SPAN, "metadata cnxc.preprocessor is not a JSON object: %s", error.text);
    else
        read_settings(&reader, p);
    json_decref(reader.root);
    return diag->n_errors == errors ? p : NULL;
}

/* ── --preproc ───────────────────────────────────────────────────────────────────────────────────────── */

static void set_flag(json_t *root, const char *key, bool flag)
{
    if (json_object_set_new(root, key, json_integer(flag)) != 0)
        out_of_memory();
}

/* The choice goes into the metadata, so that a printed model keeps it. */
void preprocessor_choose(Model *model, const char *kind, Diag *diag)
{
    const char *text = model_prop(model, "cnxc.preprocessor");
    if (!kind)
        return;
    if (!text) {
        diag_warning(diag, NO_SPAN, "--preproc=%s has no effect: this model does not take pictures", kind);
        return;
    }
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(root)) { /* anything else is reported where it is read */
        set_flag(root, "torchvision", strcmp(kind, "torchvision") == 0);
        set_flag(root, "vertical_first", strcmp(kind, "pil12") != 0);
        char *changed = json_dumps(root, JSON_REAL_PRECISION(17));
        if (!changed)
            out_of_memory();
        model_set_prop(model, "cnxc.preprocessor", changed);
        free(changed);
    }
    json_decref(root);
}
