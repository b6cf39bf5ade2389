/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The example in NAME.h is the body of a main that works with this model, as it stands:
 *
 *   a classifier        tiny_classify_file(context, "cat.jpg", 5, best, &n)
 *   labels pixels       tiny_segment_file(context, "street.jpg", &seen)
 *   takes pictures      tiny_run_images(context, &frame, 1, outputs)
 *   takes tensors       tiny_run(context, inputs, 1, outputs)
 *
 * with a buffer for each input and output, of its size for one picture. A graph's names may be anything; what stands in the header's
 * comment is letters, digits and underscores. */
#include "compiler/build/example.h"
#include "ir/base/str.h"

#include <ctype.h>
#include <string.h>

enum { MAX_NAME = 40, MAX_LINE = 110 };

static const char *c_type(DType dtype)
{
    switch (dtype) {
    case DT_FLOAT: return "float";
    case DT_DOUBLE: return "double";
    case DT_INT8: return "int8_t";
    case DT_INT16: return "int16_t";
    case DT_INT32: return "int32_t";
    case DT_INT64: return "int64_t";
    case DT_UINT32: return "uint32_t";
    case DT_UINT64: return "uint64_t";
    default: return dtype_size(dtype) == 2 ? "uint16_t" : "uint8_t"; /* halves by their bits */
    }
}

/* ── Buffers ─────────────────────────────────────────────────────────────────────────────────────────── */

/* "out_logits"; what is not an identifier already gets its number, and so a name of its own: "out2_block_3_add". */
static const char *buffer_name(const char *side, const char *name, int64_t index, Arena *arena)
{
    bool plain = strlen(name) <= MAX_NAME;
    for (const char *c = name; *c && plain; c++)
        plain = isalnum((unsigned char)*c) || *c == '_';
    if (plain)
        return arena_printf(arena, "%s_%s", side, name);
    char *made = arena_printf(arena, "%s%lld_%.*s", side, (long long)index, MAX_NAME, name);
    for (char *c = made; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    return made;
}

static void put_size(StrBuf *out, const Shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->dims[i].size < 0 ? 1 : shape->dims[i].size;
    const char *between = "";
    for (int i = 0; count > 0 && i < shape->rank; i++)
        if (shape->dims[i].size > 1) {
            sb_printf(out, "%s%lld", between, (long long)shape->dims[i].size);
            between = " * ";
        }
    if (!*between)
        sb_put(out, "1");
}

static void put_buffers(StrBuf *out, const char *side, Value *const *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        sb_printf(out, " *     static %s %s[", c_type(values[i]->type.dtype), buffer_name(side, values[i]->name, i, out->arena));
        put_size(out, &values[i]->type.shape);
        sb_put(out, "];\n");
    }
}

/* "void *outputs[] = {out_a, out_b};" in lines of some length. */
static void put_list(StrBuf *out, const char *declared, const char *side, Value *const *values, int64_t n)
{
    int64_t line = out->len;
    sb_printf(out, " *     %s[] = {", declared);
    for (int64_t i = 0; i < n; i++) {
        const char *name = buffer_name(side, values[i]->name, i, out->arena);
        if (i && out->len - line + (int64_t)strlen(name) > MAX_LINE) {
            sb_put(out, "\n *        ");
            line = out->len;
        }
        sb_printf(out, "%s%s%s", i ? " " : "", name, i < n - 1 ? "," : "");
    }
    sb_put(out, "};\n");
}

/* ── Which example ───────────────────────────────────────────────────────────────────────────────────── */

/* What else a model takes must come from the caller, but for a loss's labels. */
static bool takes_pictures_alone(const Build *build)
{
    const Graph *graph = build->model->graph;
    if (build->info.pixel_input < 0)
        return false;
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        const char *name = graph->inputs.at[i]->name;
        if (i != build->info.pixel_input && strcmp(name, "labels") != 0 && strcmp(name, "labels.multi_label") != 0)
            return false;
    }
    const Dim *dims = graph->inputs.at[build->info.pixel_input]->type.shape.dims;
    return (dims[0].size < 0 || dims[0].size == 1) && (dims[1].size == 1 || dims[1].size == 3 || dims[1].size == 4);
}

/* What becomes of a picture's size depends on it. */
static bool keeps_shape(const CnxrtPreprocessor *how)
{
    bool keeps = how->resize_rule == CNXRT_RESIZE_SHORTEST || how->resize_rule == CNXRT_RESIZE_COVER;
    return !how->do_center_crop && (!how->do_resize || keeps);
}

/* Whether the processor makes pictures of the size that the model takes; where it keeps the shape, of those that have it. */
static bool makes_that_size(const CnxrtPreprocessor *how, int64_t height, int64_t width)
{
    if (how->do_center_crop)
        return how->crop_height == height && how->crop_width == width;
    if (!how->do_resize)
        return true;
    if (how->resize_rule == CNXRT_RESIZE_EXACT || how->resize_rule == CNXRT_RESIZE_COVER)
        return how->resize_height == height && how->resize_width == width;
    if (how->resize_rule == CNXRT_RESIZE_SHORTEST)
        return how->shortest_edge == (height < width ? height : width);
    return how->shortest_edge == height && how->shortest_edge == width;
}

static void put_frame(StrBuf *out, const Build *build, const Dim *dims)
{
    static const char *const formats[] = {[1] = "GRAY8", [3] = "RGB8", [4] = "RGBA8"};
    bool same = keeps_shape(build->info.sizes->preprocessor);
    long long channels = dims[1].size, height = same ? dims[2].size : 480, width = same ? dims[3].size : 640;
    sb_printf(out, " *     static uint8_t pixels[%lld * %lld * %lld];\n", height, width, channels);
    sb_printf(out, " *     cnxrt_image frame = {sizeof frame, CNXRT_FORMAT_%s, %lld, %lld, {pixels}, {%lld * %lld}, 0};\n",
              formats[channels], width, height, width, channels);
}

/* ── The lines ───────────────────────────────────────────────────────────────────────────────────────── */

static const char declarations[] = " *     cnxrt_model *model;\n"
                                   " *     cnxrt_context *context;\n";
static const char creation[] = " *     if (cnxrt_create(NULL, &model) || cnxrt_context_create(model, NULL, 0, &context))\n"
                               " *         return puts(cnxrt_last_error()), 1;\n";
static const char end[] = " *         return puts(cnxrt_context_error(context)), 1;\n";
static const char destruction[] = " *     cnxrt_context_destroy(context);\n"
                                  " *     cnxrt_destroy(model);\n";

static void put_classification(StrBuf *out)
{
    sb_printf(out, "%s *     cnxrt_prediction best[5];\n *     int64_t n;\n%s", declarations, creation);
    sb_printf(out, " *     if (cnxrt_classify_file(context, \"cat.jpg\", 5, best, &n))\n%s", end);
    sb_put(out, " *     for (int64_t i = 0; i < n; i++)\n *         printf(\"%s %g\\n\", best[i].label, best[i].score);\n");
    sb_put(out, destruction);
}

/* What is in the middle of the picture. */
static void put_segmentation(StrBuf *out)
{
    sb_printf(out, "%s *     cnxrt_segmentation seen = {sizeof seen, 0, 0, NULL, NULL, 0, 0, 0};\n%s", declarations, creation);
    sb_printf(out, " *     if (cnxrt_segment_file(context, \"street.jpg\", &seen))\n%s", end);
    sb_put(out, " *     int32_t label = seen.labels[seen.height / 2 * seen.width + seen.width / 2];\n"
                " *     const char *name = cnxrt_label(model, label);\n"
                " *     printf(\"%s %d\\n\", name ? name : \"unnamed\", (int)label);\n");
    sb_put(out, destruction);
}

static void put_first_number(StrBuf *out, const Graph *graph)
{
    if (graph->outputs.len)
        sb_printf(out, " *     printf(\"%%g\\n\", (double)%s[0]);\n",
                  buffer_name("out", graph->outputs.at[0]->name, 0, out->arena));
}

static void put_run(StrBuf *out, const Build *build, const Dim *picture)
{
    const Graph *graph = build->model->graph;
    sb_put(out, declarations);
    if (picture)
        put_frame(out, build, picture);
    else
        put_buffers(out, "in", graph->inputs.at, graph->inputs.len);
    put_buffers(out, "out", graph->outputs.at, graph->outputs.len);
    if (!picture && graph->inputs.len)
        put_list(out, "const void *inputs", "in", graph->inputs.at, graph->inputs.len);
    put_list(out, "void *outputs", "out", graph->outputs.at, graph->outputs.len);
    sb_put(out, creation);
    if (picture)
        sb_printf(out, " *     if (cnxrt_run_images(context, &frame, 1, outputs))\n%s", end);
    else
        sb_printf(out, " *     if (cnxrt_run(context, %s, 1, outputs))\n%s", graph->inputs.len ? "inputs" : "NULL", end);
    put_first_number(out, graph);
    sb_put(out, destruction);
}

const char *header_example(const Build *build)
{
    StrBuf out = {.arena = build->arena};
    const ArtifactInfo *info = &build->info;
    const Dim *dims = takes_pictures_alone(build) ? build->model->graph->inputs.at[info->pixel_input]->type.shape.dims : NULL;
    if (dims && !makes_that_size(info->sizes->preprocessor, dims[2].size, dims[3].size))
        dims = NULL;
    if (dims && info->mask_output >= 0)
        put_segmentation(&out);
    else if (dims && info->logits_output >= 0)
        put_classification(&out);
    else
        put_run(&out, build, dims);
    return out.text;
}
