/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The image processor's settings, to and from metadata "cnxc.preprocessor".
 *
 *   {"do_resize": 1, "shortest_edge": 224, "crop_pct": 0.875, "resample": 3, …, "mean": [0.485, 0.456, 0.406], …}
 *
 * The keys are the fields of CnxrtPreprocessor, in one table for both directions; what a text leaves out keeps its default.
 * Frontends have resolved legacy spellings before they write (docs/user-guide.md, "Pictures"). The text may also come from a
 * user's file, so types and ranges are checked all the same. */
#include "compiler/frontend/input/pictures.h"
#include "ir/base/str.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum {
    BOX = 4,
    HAMMING = 5, /* numbers of resample */
};

CnxrtPreprocessor pictures_default(void)
{
    return (CnxrtPreprocessor){.do_resize = 1,
                               .shortest_edge = 384,
                               .crop_pct = 0.875,
                               .resample = 2,
                               .do_rescale = 1,
                               .rescale_factor = 1.0 / 255,
                               .do_normalize = 1,
                               .n_mean = 1,
                               .mean = {0.5},
                               .std = {0.5},
                               .torchvision = 1,
                               .vertical_first = 1};
}

typedef enum FieldKind { WHOLE, REAL, CHANNELS } FieldKind;

typedef struct Field {
    const char *key;
    size_t at; /* in CnxrtPreprocessor */
    FieldKind kind;
    int64_t low, high; /* of whole numbers; to 1: it may be true or false, too */
    bool rare;         /* not written where it is 0 */
} Field;

#define AT(field) #field, offsetof(CnxrtPreprocessor, field)
static const Field fields[] = {
    {AT(do_resize), WHOLE, 0, 1, false},
    {AT(shortest_edge), WHOLE, 1, MAX_EDGE, false},
    {AT(crop_pct), REAL, 0, 0, false},
    {AT(resample), WHOLE, 0, 5, false},
    {AT(do_center_crop), WHOLE, 0, 1, false},
    {AT(crop_height), WHOLE, 0, MAX_EDGE, false},
    {AT(crop_width), WHOLE, 0, MAX_EDGE, false},
    {AT(do_rescale), WHOLE, 0, 1, false},
    {AT(rescale_factor), REAL, 0, 0, false},
    {AT(do_normalize), WHOLE, 0, 1, false},
    {AT(n_mean), WHOLE, 1, MAX_MEANS, false},
    {AT(mean), CHANNELS, 0, 0, false},
    {AT(std), CHANNELS, 0, 0, false},
    {AT(resize_rule), WHOLE, CNXRT_RESIZE_CONVNEXT, CNXRT_RESIZE_COVER, true},
    {AT(resize_height), WHOLE, 1, MAX_EDGE, true},
    {AT(resize_width), WHOLE, 1, MAX_EDGE, true},
    {AT(crop_even), WHOLE, 0, 1, true},
    {AT(rescale_first), WHOLE, 0, 1, true},
    {AT(convert_rgb_white), WHOLE, 0, 1, false},
    {AT(torchvision), WHOLE, 0, 1, false},
    {AT(vertical_first), WHOLE, 0, 1, false},
};

/* ── Writing ─────────────────────────────────────────────────────────────────────────────────────────── */

static void put_numbers(StrBuf *sb, const double *numbers, int64_t count)
{
    char text[NUMBER_TEXT];
    for (int64_t i = 0; i < count; i++)
        sb_printf(sb, "%s%s", i ? ", " : "", number_shortest(text, numbers[i], false));
}

static void put_field(StrBuf *sb, const Field *field, const CnxrtPreprocessor *settings)
{
    const void *value = (const char *)settings + field->at;
    if (field->rare && !*(const int64_t *)value)
        return;
    sb_printf(sb, "%s\"%s\": %s", sb->len ? ", " : "{", field->key, field->kind == CHANNELS ? "[" : "");
    if (field->kind == WHOLE)
        sb_printf(sb, "%lld", (long long)*(const int64_t *)value);
    else
        put_numbers(sb, value, field->kind == CHANNELS ? settings->n_mean : 1);
    sb_put(sb, field->kind == CHANNELS ? "]" : "");
}

const char *pictures_write(const CnxrtPreprocessor *settings, Arena *arena)
{
    StrBuf sb = {.arena = arena};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        put_field(&sb, &fields[i], settings);
    sb_put(&sb, "}");
    return sb.text;
}

/* ── Reading ─────────────────────────────────────────────────────────────────────────────────────────── */

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

static void read_whole(Reader *r, const Field *field, const json_t *item, int64_t *value)
{
    bool flag = field->high == 1, is_bool = flag && json_is_boolean(item);
    *value = is_bool ? json_is_true(item) : json_integer_value(item);
    if (!is_bool && (!json_is_integer(item) || *value < field->low || *value > field->high))
        bad_key(r, field->key, flag ? "true or false" : "a whole number in range");
}

static void read_real(Reader *r, const Field *field, const json_t *item, double *value)
{
    *value = json_number_value(item);
    if (!json_is_number(item) || !isfinite(*value))
        bad_key(r, field->key, "a number");
}

static void read_fields(Reader *r, CnxrtPreprocessor *p)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        void *value = (char *)p + fields[i].at;
        const json_t *item = json_object_get(r->root, fields[i].key);
        if (!item || json_is_null(item))
            continue;
        if (fields[i].kind == WHOLE)
            read_whole(r, &fields[i], item, value);
        else if (fields[i].kind == REAL)
            read_real(r, &fields[i], item, value);
    }
}

/* Numbers for each channel; returns how many. One number stands for all channels. */
static int64_t read_channels(Reader *r, const char *key, double numbers[MAX_MEANS])
{
    const json_t *item = json_object_get(r->root, key);
    size_t count = json_is_array(item) ? json_array_size(item) : 1;
    if (count < 1 || count > MAX_MEANS) {
        bad_key(r, key, "a list of 1 to 8 numbers");
        return 1;
    }
    for (size_t i = 0; item && i < count; i++) {
        const json_t *number = json_is_array(item) ? json_array_get(item, i) : item;
        if (!json_is_number(number))
            bad_key(r, key, "a list of 1 to 8 numbers");
        numbers[i] = json_number_value(number);
    }
    return (int64_t)count;
}

static void read_normalize(Reader *r, CnxrtPreprocessor *p)
{
    int64_t n_mean = read_channels(r, "mean", p->mean), n_std = read_channels(r, "std", p->std);
    if (n_std != n_mean && n_std != 1 && n_mean != 1)
        bad_key(r, "std", "as long as mean");
    p->n_mean = n_std > n_mean ? n_std : n_mean;
    for (int64_t i = 1; i < p->n_mean; i++) {
        p->mean[i] = p->mean[n_mean == 1 ? 0 : i];
        p->std[i] = p->std[n_std == 1 ? 0 : i];
    }
    for (int64_t i = 0; i < p->n_mean; i++)
        if (p->do_normalize && p->std[i] == 0)
            bad_key(r, "std", "other than zero");
}

/* What the rule of resizing needs. */
static void check_resize(Reader *r, const CnxrtPreprocessor *p)
{
    int64_t rule = p->do_resize ? p->resize_rule : CNXRT_RESIZE_SHORTEST;
    bool fraction =
        rule == CNXRT_RESIZE_CONVNEXT ? p->shortest_edge < WARP_EDGE : rule == CNXRT_RESIZE_CENTER || rule == CNXRT_RESIZE_SQUASH;
    bool frame = rule == CNXRT_RESIZE_EXACT || rule == CNXRT_RESIZE_COVER;
    if (fraction && !(p->crop_pct > 0 && p->crop_pct <= MAX_EDGE))
        bad_key(r, "crop_pct", "above 0");
    if (frame && !(p->resize_height && p->resize_width))
        bad_key(r, "resize_height and resize_width", "there");
}

static bool read_text(const Model *model, const char *text, CnxrtPreprocessor *p, Diag *diag)
{
    json_error_t error;
    Reader reader = {model, diag, json_loads(text, JSON_REJECT_DUPLICATES, &error)};
    int64_t errors = diag->n_errors;
    *p = pictures_default();
    if (json_is_object(reader.root)) {
        read_fields(&reader, p);
        read_normalize(&reader, p);
        check_resize(&reader, p);
    } else {
        diag_error(diag, NO_SPAN, "metadata cnxc.preprocessor is not a JSON object: %s", error.text);
    }
    json_decref(reader.root);
    return diag->n_errors == errors;
}

const CnxrtPreprocessor *pictures_read(const Model *model, Diag *diag)
{
    const char *text = model_prop(model, "cnxc.preprocessor");
    CnxrtPreprocessor *p = NEW(model->arena, CnxrtPreprocessor);
    if (!text || !read_text(model, text, p, diag))
        return NULL;
    if (p->torchvision && p->do_resize && (p->resample == BOX || p->resample == HAMMING))
        diag_warning(diag, NO_SPAN, "torchvision has no %s filter: pictures that must be resized will be refused",
                     p->resample == BOX ? "box" : "Hamming");
    return p;
}

/* The choice goes into the metadata, so that a printed model keeps it. */
bool pictures_choose(Model *model, const char *kind, Diag *diag)
{
    const char *text = model_prop(model, "cnxc.preprocessor");
    CnxrtPreprocessor p;
    if (kind && !text)
        diag_warning(diag, NO_SPAN, "--preproc=%s has no effect: this model does not take pictures", kind);
    if (!kind || !text)
        return true;
    if (!read_text(model, text, &p, diag))
        return false;
    p.torchvision = strcmp(kind, "torchvision") == 0;
    p.rescale_first &= p.torchvision; /* Pillow resizes bytes */
    p.vertical_first = strcmp(kind, "pil12") != 0;
    model_set_prop(model, "cnxc.preprocessor", pictures_write(&p, model->arena));
    return true;
}
