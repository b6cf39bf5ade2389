/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The frontend as a whole: whatever MODEL is, a model with inferred types comes out.
 *
 *   path → read by whoever knows it by its content → inline functions → fix dimensions, also by what lies beside a graph →
 *   infer types → labels → choose outputs → check that only the batch is free */
#include "compiler/frontend/frontend.h"
#include "compiler/frontend/beside.h"
#include "compiler/frontend/checkpoint/checkpoint.h"
#include "compiler/frontend/checkpoint/folder.h"
#include "compiler/frontend/checkpoint/safetensors.h"
#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/input/foreign.h"
#include "compiler/frontend/input/source.h"
#include "compiler/frontend/onnx/onnx.h"
#include "compiler/frontend/segment.h"
#include "compiler/frontend/text/text.h"
#include "compiler/frontend/upernet/upernet.h"
#include "ir/base/listing.h"
#include "ir/base/path.h"
#include "ir/base/reads.h"
#include "ir/op.h"

#include <string.h>

/* ── What is it? ── */

typedef struct Input {
    const char *path, *dir;  /* dir: where external data is looked for */
    const char *folder;      /* that brings a graph and what belongs to it; NULL: a graph alone, or a checkpoint */
    const Source *source;    /* NULL: a folder with a checkpoint */
    const FrontendOptions *options;
    Arena *arena;
    Diag *diag;
} Input;

/* A kind of input. The first that knows it reads it. */
typedef struct Kind {
    bool (*probe)(const Input *in);
    Model *(*load)(const Input *in); /* NULL after diagnostics */
} Kind;

static bool is_folder(const Input *in) { return !in->source; }

static bool is_upernet(const Input *in) { return is_folder(in) && upernet_probe(in->path); }

static Model *load_upernet(const Input *in) { return upernet_load(in->path, in->options, in->arena, in->diag); }

/* A checkpoint that can't be read may lie beside a graph that can. */
static Model *load_folder(const Input *in)
{
    Model *model = hf_load(in->path, in->options, in->arena, in->diag);
    const char *graph = model ? NULL : beside_graph(in->path, in->arena);
    if (graph)
        diag_note(in->diag, NO_SPAN, "the folder has a graph, too: %s, which goes with --processor=%s --labels=%s", graph,
                  in->path, in->path);
    return model;
}

static bool is_empty(const Input *in) { return in->source->length == 0; }

static const char wanted[] = "an ONNX model, a checkpoint or a Hugging Face model's folder";

static Model *refuse(const Input *in)
{
    foreign_refuse(in->source, wanted, in->diag);
    return NULL;
}

static bool is_checkpoint(const Input *in) { return checkpoint_probe(in->source); }

static Model *load_checkpoint(const Input *in) { return hf_load_alone(in->source, in->options, in->arena, in->diag); }

static bool is_foreign(const Input *in) { return foreign_kind(in->source); }

static bool is_text(const Input *in) { return text_probe(in->source); }

static Model *load_text(const Input *in) { return text_parse(in->source, in->dir, in->arena, in->diag); }

static bool is_binary(const Input *in) { return in->source != NULL; }

static Model *load_onnx(const Input *in) { return onnx_read(in->source, in->dir, in->arena, in->diag); }

static const Kind kinds[] = {
    {is_upernet, load_upernet}, {is_folder, load_folder},     /* before those that look at bytes */
    {is_empty, refuse},         {is_checkpoint, load_checkpoint}, {is_foreign, refuse},
    {is_text, load_text},       {is_binary, load_onnx},       /* a protobuf has no mark of its own */
};

static Model *load(const Input *in)
{
    const Kind *kind = kinds;
    while (!kind->probe(in))
        kind++;
    return kind->load(in);
}

/* Is it a folder? One with a graph and no checkpoint is that graph, and what lies beside it. */
static bool is_checkpoint_folder(Input *in)
{
    if (!path_is_dir(in->path))
        return false;
    const char *graph = checkpoint_lies_in(in->path) ? NULL : beside_graph(in->path, in->arena);
    if (!graph)
        return true;
    in->folder = in->path;
    in->path = graph;
    return false;
}

/* ── Sizes ── */

static bool bind_side(Graph *graph, Value *input, int axis, int64_t size, Diag *diag)
{
    Dim *dim = &input->type.shape.dims[axis];
    if (dim->symbol) {
        DimBinding binding = {dim->symbol, size};
        return graph_bind_dims(graph, &binding, 1, diag);
    }
    if (dim->size >= 0 && dim->size != size) {
        diag_error(diag, input->span, "--image-size asks for %s %lld, but %s is fixed to %lld", axis == 2 ? "height" : "width",
                   (long long)size, input->name, (long long)dim->size);
        return false;
    }
    *dim = (Dim){size, NULL};
    return true;
}

static bool bind_image_size(Graph *graph, const FrontendOptions *options, Diag *diag)
{
    if (!options->image_height && !options->image_width)
        return true;
    Value *input = beside_input(graph);
    if (!input) {
        diag_error(diag, graph->span, "--image-size needs an input of rank 4, the graph has none");
        return false;
    }
    return bind_side(graph, input, 2, options->image_height, diag) && bind_side(graph, input, 3, options->image_width, diag);
}

/* ── Outputs ── */

/* A graph of logits has probabilities, too: their Softmax, or Sigmoid where labels do not exclude one another. */
static Value *add_probabilities(Graph *graph)
{
    Value *logits = graph_find(graph, "logits");
    if (!logits && graph->outputs.len == 1)
        logits = graph->outputs.at[0];
    if (!logits || logits->type.dtype != DT_FLOAT || logits->type.shape.rank != 2)
        return NULL;
    bool independent = logits->type.shape.dims[1].size == 1 ||
                       str_equal(model_prop(graph->model, "cnxc.problem_type"), "multi_label_classification");
    const Op *op = op_get(independent ? OP_Sigmoid : OP_Softmax);
    Node *node = graph_add_op(graph, NULL, op, &logits, 1, "probabilities", NO_SPAN);
    if (!independent)
        node_set_int(node, "axis", 1);
    node->outputs.at[0]->type = logits->type;
    return node->outputs.at[0];
}

static Value *find_output(Graph *graph, const char *name, Diag *diag)
{
    Value *value = graph_find(graph, name);
    if (!value && strcmp(name, "probabilities") == 0)
        value = add_probabilities(graph);
    if (value)
        return value;
    Arena *arena = graph->model->arena;
    VEC(const char *) names = {0};
    for (int64_t i = 0; i < graph->outputs.len; i++)
        vec_push(arena, &names, graph->outputs.at[i]->name);
    for (int64_t i = 0; i < graph->inputs.len; i++)
        vec_push(arena, &names, graph->inputs.at[i]->name);
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i])
                vec_push(arena, &names, node->outputs.at[i]->name);
    const char *near = nearest_name(name, names.at, names.len);
    diag_error(diag, NO_SPAN, "--outputs: the graph has no value \"%s\"%s%s%s", name, near ? ", did you mean \"" : "",
               near ? near : "", near ? "\"?" : "");
    return NULL;
}

/* Any value may become an output; the graph's own are dropped unless named. */
static bool select_outputs(Graph *graph, const FrontendOptions *options, Diag *diag)
{
    if (!options->n_outputs)
        return true;
    VEC(Value *) chosen = {0};
    for (int64_t i = 0; i < options->n_outputs; i++) {
        Value *value = find_output(graph, options->outputs[i], diag);
        if (value)
            vec_push(graph->model->arena, &chosen, value);
    }
    if (chosen.len < options->n_outputs)
        return false;
    for (int64_t i = 0; i < graph->outputs.len; i++)
        graph->outputs.at[i]->is_output = false;
    graph->outputs.len = 0;
    for (int64_t i = 0; i < chosen.len; i++)
        graph_add_output(graph, chosen.at[i]);
    return true;
}

/* ── All of it ── */

/* A graph from a file takes the sizes, outputs and companions that a folder's was already built with. */
static bool prepare_graph(Model *model, const Input *in)
{
    const FrontendOptions *options = in->options;
    if (options->task)
        model_set_prop(model, "cnxc.task", options->task);
    if (options->problem_type)
        model_set_prop(model, "cnxc.problem_type", options->problem_type);
    return safetensors_check_places(model, in->diag) && bind_image_size(model->graph, options, in->diag) &&
           beside_pictures(model, in->folder, options, in->diag);
}

static bool finish_graph(Model *model, const Input *in)
{
    return segment_outputs(model, in->diag) && beside_labels(model, in->folder, in->options, in->diag) &&
           select_outputs(model->graph, in->options, in->diag);
}

/* A text leaves the weights out, which is no reason to write over them. */
static void spare_weights(const char *dir, Arena *arena)
{
    StrList weights = folder_weights(dir, arena);
    for (int64_t i = 0; i < weights.len; i++)
        reads_note(arena_printf(arena, "%s/%s", dir, weights.at[i]));
}

Model *frontend_from_config(const char *dir, const char *text_dir, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    spare_weights(dir, arena);
    return (upernet_probe(dir) ? upernet_graph_from_config : hf_graph_from_config)(dir, text_dir, options, arena, diag);
}

Model *frontend_load(const char *path, const FrontendOptions *options, Arena *arena, Diag *diag)
{
    Input in = {.path = path, .options = options, .arena = arena, .diag = diag};
    bool folder = is_checkpoint_folder(&in);
    in.dir = path_directory(arena, in.path); /* of "-": the working directory */
    if (!folder && !(in.source = source_open(in.path, arena, diag))) {
        foreign_note_hub(path, diag);
        return NULL;
    }
    bool graph = !folder && !is_checkpoint(&in); /* as the file has it; else built as the options say */
    Model *model = load(&in);
    if (!model || !model_inline_functions(model, diag) || !graph_bind_dims(model->graph, options->dims, options->n_dims, diag) ||
        (graph && !prepare_graph(model, &in)) || !graph_infer(model->graph, diag))
        return NULL;
    if (graph ? !finish_graph(model, &in) : options->labels && !beside_labels(model, NULL, options, diag))
        return NULL;
    return graph_check_inputs(model->graph, diag) ? model : NULL;
}
