/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A graph alone says neither how pictures are prepared for it nor what its classes are called. What lies beside it does:
 *
 *   folder/model.onnx, config.json, preprocessor_config.json     Optimum's layout: all three belong together
 *   model.onnx --processor=timm/config.json --labels=names.txt   any other
 *   model.onnx --task=image-classification                       nothing is there: as published ConvNeXts, and a note
 *
 *   →  metadata cnxc.preprocessor, cnxc.labels, cnxc.task, and height and width where they were open; where pictures go in and labels
 *      come out the graph takes and gives floats, if it had halves
 *
 * What the user has named must fit the graph. A processor that merely lies there is left where it does not, with a warning;
 * labels never are, as they would name wrong classes. */
#include "compiler/frontend/beside.h"
#include "compiler/frontend/checkpoint/folder.h"
#include "compiler/frontend/input/labels.h"
#include "compiler/frontend/input/processor.h"
#include "compiler/frontend/segment.h"
#include "ir/base/listing.h"
#include "ir/edge.h"
#include "ir/infer.h"
#include "ir/op.h"

#include <stdarg.h>
#include <string.h>

static const char TASK[] = "image-classification";

/* The only file in a folder that ends so; NULL. */
static const char *only_graph(const char *dir, Arena *arena)
{
    StrList names = {0};
    const char *found = NULL;
    listing_read(dir, arena, &names); /* what can't be read has none */
    for (int64_t i = 0; i < names.len; i++) {
        if (!str_ends_with(names.at[i], ".onnx"))
            continue;
        if (found)
            return NULL;
        found = names.at[i];
    }
    return found ? arena_printf(arena, "%s/%s", dir, found) : NULL;
}

const char *beside_graph(const char *dir, Arena *arena)
{
    static const char *const names[] = {"model.onnx", "onnx/model.onnx"};
    for (int64_t i = 0; i < countof(names); i++)
        if (json_file_exists(dir, names[i]))
            return arena_printf(arena, "%s/%s", dir, names[i]);
    if (folder_weights(dir, arena).len)
        return NULL;
    const char *graph = only_graph(dir, arena);
    return graph ? graph : only_graph(arena_printf(arena, "%s/onnx", dir), arena);
}

/* ── Pictures ── */

Value *beside_input(const Graph *graph)
{
    Value *named = graph_find(graph, "pixel_values");
    if (named && named->is_input && named->type.shape.rank == 4)
        return named;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        if (graph->inputs.at[i]->type.shape.rank == 4)
            return graph->inputs.at[i];
    return NULL;
}

/* What code computes in float. */
static bool is_float(const Value *value) { return value->type.dtype == DT_FLOAT || dtype_is_half(value->type.dtype); }

static void note_floats(const Value *value, const char *what, Diag *diag)
{
    diag_note(diag, NO_SPAN, "%s '%s' is %s in the graph, float for pictures", what, value->name, dtype_name(value->type.dtype));
}

/* Pictures are floats: of a graph that takes halves what was its input rounds them. */
static void take_floats(Value *input, Diag *diag)
{
    DType half = input->type.dtype;
    if (!dtype_is_half(half))
        return;
    note_floats(input, "input", diag);
    input->type.dtype = DT_FLOAT;
    edge_take(input, half);
}

/* Where to look for what merely lies there; NULL: a raw graph has nothing to do with pictures. */
static const char *where(const char *folder, const FrontendOptions *options)
{
    return str_equal(options->task, "raw") ? NULL : folder;
}

/* Where the settings come from; NULL: nowhere. */
static const char *processor_path(const Model *model, const char *folder, const FrontendOptions *options, Diag *diag)
{
    if (options->processor || !where(folder, options))
        return options->processor;
    return processor_lies_in(folder, model->arena, diag) ? folder : NULL;
}

/* An error where the user has asked for a processor, else a warning; false after an error. */
static bool __attribute__((format(printf, 4, 5))) unfit(const FrontendOptions *options, const Value *input, Diag *diag,
                                                        const char *format, ...)
{
    Arena *scratch = arena_new();
    Span span = input ? input->span : NO_SPAN;
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(scratch, format, args);
    va_end(args);
    if (options->processor)
        diag_error(diag, span, "--processor: %s", message);
    else
        diag_warning(diag, span, "%s; it will not take pictures", message);
    arena_free(scratch);
    return !options->processor;
}

static bool bind_open(Value *input, int axis, int64_t size, Diag *diag)
{
    Dim dim = input->type.shape.dims[axis];
    DimBinding binding = {dim.symbol, size};
    return dim_is_fixed(dim) || !size || graph_bind_dims(input->graph, &binding, 1, diag);
}

/* Sizes that are open become the pictures'; others must be. */
static bool take_settings(Model *model, Value *input, const Pictures *pictures, const FrontendOptions *options, Diag *diag)
{
    const Dim *dims = input->type.shape.dims;
    take_floats(input, diag);
    if (!bind_open(input, 2, pictures->height, diag) || !bind_open(input, 3, pictures->width, diag))
        return false;
    if (pictures->height && (dims[2].size != pictures->height || dims[3].size != pictures->width))
        return unfit(options, input, diag, "pictures are made %lldx%lld, input '%s' takes %lldx%lld", (long long)pictures->height,
                     (long long)pictures->width, input->name, (long long)dims[2].size, (long long)dims[3].size);
    model_set_prop(model, "cnxc.preprocessor", pictures->settings);
    model->assumes_pictures = pictures->assumed;
    return true;
}

/* As the published models are prepared, at the input's size, or else theirs. */
static bool take_published(Model *model, Value *input, const FrontendOptions *options, Diag *diag)
{
    enum { EDGE = 224 };
    const Dim *dims = input->type.shape.dims;
    int64_t height = dims[2].size < 0 ? EDGE : dims[2].size, width = dims[3].size < 0 ? height : dims[3].size;
    Pictures pictures = {0};
    if ((dims[1].size >= 0 && dims[1].size != 3) || height != width)
        return unfit(options, input, diag, "input '%s' is not of 3 channels and square, as those of published ConvNeXts",
                     input->name);
    processor_published(height, "--processor", &pictures, model->arena, diag);
    return take_settings(model, input, &pictures, options, diag);
}

bool beside_pictures(Model *model, const char *folder, const FrontendOptions *options, Diag *diag)
{
    const char *path = processor_path(model, folder, options, diag);
    bool published = !path && str_equal(options->task, TASK) && !model_prop(model, "cnxc.preprocessor");
    Value *input = beside_input(model->graph);
    if (diag_failed(diag) || (!path && !published))
        return !diag_failed(diag);
    if (!input || !is_float(input))
        return unfit(options, input, diag, "the graph has no input of floats of rank 4");
    if (published)
        return take_published(model, input, options, diag);
    int64_t channels = input->type.shape.dims[1].size;
    Pictures pictures = {.height = options->image_height, .width = options->image_width};
    if (!processor_open(path, NULL, channels < 0 ? 3 : channels, &pictures, model->arena, diag)) {
        if (!options->processor)
            diag_note(diag, NO_SPAN, "--processor=FILE takes another one, --task=raw none");
        return false;
    }
    if (!pictures.settings)
        return unfit(options, input, diag, "it does not fit input '%s'", input->name);
    return take_settings(model, input, &pictures, options, diag);
}

/* ── Labels ── */

static Value *output_named(const Graph *graph, const char *name)
{
    Value *value = graph_find(graph, name);
    return value && value->is_output ? value : NULL;
}

static bool is_scores(const Value *value)
{
    const Shape *shape = &value->type.shape;
    return is_float(value) && shape->rank == 2 && shape->dims[1].size > 0;
}

/* Scores are floats, too. */
static Value *as_floats(Value *scores, Diag *diag)
{
    DType half = scores->type.dtype;
    if (!dtype_is_half(half) || !scores->producer)
        return scores;
    note_floats(scores, "output", diag);
    scores->type.dtype = DT_FLOAT;
    edge_give(scores, half);
    return scores;
}

/* The only output, whatever its name: logits, or probabilities where it comes out of a Softmax or Sigmoid. */
static Value *take_only_output(Model *model, Diag *diag)
{
    Value *value = model->graph->outputs.len == 1 ? model->graph->outputs.at[0] : NULL;
    if (!value || !is_scores(value))
        return NULL;
    const Node *node = value->producer;
    bool ready = node && (node->op->kind == OP_Softmax || node->op->kind == OP_Sigmoid);
    model_set_prop(model, ready ? "cnxc.probabilities" : "cnxc.logits", value->name);
    diag_note(diag, NO_SPAN, "output '%s' is taken for %s of %lld %s", value->name, ready ? "probabilities" : "logits",
              (long long)value->type.shape.dims[1].size, value->type.shape.dims[1].size == 1 ? "class" : "classes");
    return as_floats(value, diag);
}

/* The output that labels are answered from; NULL: there is none. */
static const Value *find_scores(Model *model, const FrontendOptions *options, Diag *diag)
{
    if (str_equal(model_prop(model, "cnxc.task"), SEGMENTATION))
        return segment_answer(model);
    Value *named = output_named(model->graph, "logits");
    if (!named)
        named = output_named(model->graph, "probabilities");
    if (named)
        return is_scores(named) ? as_floats(named, diag) : NULL;
    return options->task && strcmp(options->task, TASK) != 0 ? NULL : take_only_output(model, diag);
}

/* Labels that are not as many as the classes would name wrong ones. */
static bool check_count(const Labels *labels, const Value *scores, Diag *diag)
{
    int64_t count = labels->names.len, classes = scores->type.shape.dims[1].size;
    if (count == classes || segment_is_mask(scores))
        return true;
    diag_error(diag, labels_span(labels, count > classes ? classes : count - 1), "there %s %lld %s, but output '%s' has %lld %s",
               count == 1 ? "is" : "are", (long long)count, COUNTED(count, "label"), scores->name, (long long)classes,
               classes == 1 ? "class" : "classes");
    return false;
}

static bool take_labels(Model *model, const Labels *labels, const Value *scores, const FrontendOptions *options, Diag *diag)
{
    if (!options->task && !model_prop(model, "cnxc.task"))
        model_set_prop(model, "cnxc.task", TASK);
    if (labels->problem_type && !options->problem_type)
        model_set_prop(model, "cnxc.problem_type", labels->problem_type);
    if (!labels->names.len)
        return true;
    model_set_prop(model, "cnxc.labels", labels_write(labels->names.at, labels->names.len, model->arena));
    return check_count(labels, scores, diag);
}

bool beside_labels(Model *model, const char *folder, const FrontendOptions *options, Diag *diag)
{
    bool lie_there = where(folder, options) && json_file_exists(folder, "config.json");
    const char *path = options->labels ? options->labels : lie_there ? folder : NULL;
    Labels labels = {0};
    if (!path && !options->processor && !str_equal(options->task, TASK))
        return true;
    if (path && !labels_read(path, &labels, model->arena, diag))
        return false;
    const Value *scores = find_scores(model, options, diag);
    if (options->labels && !labels.names.len)
        diag_error(diag, labels.span, "there are no labels, expected one a line, a JSON list, id2label or label_names");
    else if (options->labels && !scores)
        diag_error(diag, NO_SPAN, "--labels: the model has no output 'logits' of floats, classes by images");
    return !diag_failed(diag) && (!scores || take_labels(model, &labels, scores, options, diag));
}
