/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The .onnx frontend: a ModelProto becomes a Model.
 *
 * Problem: files come from anywhere, are up to 2 GiB large, and are mostly weights. Idea: check the wire format
 * first, which also finds where everything lies; then read fields from their places, and leave raw weights there.
 *
 *   model.onnx  →  wire.c: tree of fields  →  graph.c: nodes, attr.c, tensor.c: weights  →  Model */
#include "compiler/frontend/onnx/onnx.h"
#include "compiler/frontend/onnx/reader.h"

#include <string.h>

enum { /* field numbers of onnx.proto */
       MODEL_IR_VERSION = 1,
       MODEL_PRODUCER_NAME = 2,
       MODEL_PRODUCER_VERSION = 3,
       MODEL_DOMAIN = 4,
       MODEL_VERSION = 5,
       MODEL_DOC_STRING = 6,
       MODEL_GRAPH = 7,
       MODEL_OPSET_IMPORT = 8,
       MODEL_METADATA_PROPS = 14,
       MODEL_FUNCTIONS = 25,
       OPSET_DOMAIN = 1,
       OPSET_VERSION = 2,
       ENTRY_KEY = 1,
       ENTRY_VALUE = 2,
       FUNCTION_NAME = 1,
       FUNCTION_ATTRIBUTE = 6,
       FUNCTION_OPSET_IMPORT = 9,
       FUNCTION_DOMAIN = 10,
       FUNCTION_ATTRIBUTE_PROTO = 11,
       FUNCTION_OVERLOAD = 13,
};
enum { FIRST_IR_VERSION = 3, LAST_IR_VERSION = 14 }; /* 3: opset imports appear; 14: what onnx 1.23 knows */

static const char *without_ai_onnx(const char *domain) { return strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

static bool check_size(const Source *source, Diag *diag)
{
    if (source->length <= INT32_MAX)
        return true;
    diag_error(diag, (Span){source, 0, 0},
               "the file has %lld bytes; a protobuf message is limited to 2 GiB, larger weights belong in external data",
               (long long)source->length);
    return false;
}

static bool read_opset(OnnxReader *reader, const Wire *wire)
{
    int64_t version = wire_int(wire, OPSET_VERSION);
    const char *domain = without_ai_onnx(wire_text_in(wire, OPSET_DOMAIN, reader->arena));
    Span span = wire_span(wire);
    if (version < 1) {
        diag_error(reader->diag, span, "opset \"%s\" has version %lld, expected 1 or more", domain, (long long)version);
        return false;
    }
    if (model_opset(reader->model, domain)) {
        diag_error(reader->diag, span, "opset \"%s\" is imported twice", domain);
        return false;
    }
    model_set_opset(reader->model, domain, version);
    return true;
}

static void read_prop(OnnxReader *reader, const Wire *wire)
{
    model_set_prop(reader->model, wire_text_in(wire, ENTRY_KEY, reader->arena), wire_text_in(wire, ENTRY_VALUE, reader->arena));
}

static bool read_header(OnnxReader *reader, const Wire *root)
{
    Model *model = reader->model;
    const Wire *ir_version = wire_last(root, MODEL_IR_VERSION);
    model->ir_version = wire_int(root, MODEL_IR_VERSION);
    model->model_version = wire_int(root, MODEL_VERSION);
    model->producer_name = wire_text_in(root, MODEL_PRODUCER_NAME, reader->arena);
    model->producer_version = wire_text_in(root, MODEL_PRODUCER_VERSION, reader->arena);
    model->domain = wire_text_in(root, MODEL_DOMAIN, reader->arena);
    model->doc_string = wire_text_in(root, MODEL_DOC_STRING, reader->arena);
    if (model->ir_version < FIRST_IR_VERSION || model->ir_version > LAST_IR_VERSION) {
        diag_error(reader->diag, wire_span(ir_version ? ir_version : root), "%s%lld, expected %d to %d",
                   ir_version ? "ir_version is " : "this is not an ONNX model: ir_version is ", (long long)model->ir_version,
                   FIRST_IR_VERSION, LAST_IR_VERSION);
        return false;
    }
    for (const Wire *w = wire_first(root, MODEL_OPSET_IMPORT); w; w = wire_next(w))
        if (!read_opset(reader, w))
            return false;
    for (const Wire *w = wire_first(root, MODEL_METADATA_PROPS); w; w = wire_next(w))
        read_prop(reader, w);
    if (model->opsets.len == 0)
        diag_error(reader->diag, wire_span(root), "the model imports no opset");
    return model->opsets.len > 0;
}

/* A function's operators mean what its own opset says; inlined, they get the model's. So both must agree. */
static bool check_function_opsets(OnnxReader *reader, const Wire *wire)
{
    for (const Wire *w = wire_first(wire, FUNCTION_OPSET_IMPORT); w; w = wire_next(w)) {
        const char *domain = without_ai_onnx(wire_text_in(w, OPSET_DOMAIN, reader->arena));
        int64_t here = wire_int(w, OPSET_VERSION), model = model_opset(reader->model, domain);
        if (model && here != model) {
            diag_unsupported(reader->diag, wire_span(w), "function uses version %lld of opset \"%s\", the model %lld",
                             (long long)here, domain, (long long)model);
            return false;
        }
        if (!model && here > 0)
            model_set_opset(reader->model, domain, here);
    }
    return true;
}

static void declare_function(OnnxReader *reader, const Wire *wire)
{
    Function function = {.domain = wire_text_in(wire, FUNCTION_DOMAIN, reader->arena),
                         .name = wire_text_in(wire, FUNCTION_NAME, reader->arena),
                         .overload = wire_text_in(wire, FUNCTION_OVERLOAD, reader->arena)};
    const char *key = arena_printf(reader->arena, "%s.%s:%s", function.domain, function.name, function.overload);
    if (!strmap_put(&reader->functions, key, (void *)key))
        diag_error(reader->diag, wire_span(wire), "function %s is defined twice", key);
    vec_push(reader->arena, &reader->model->functions, function);
}

static bool read_function(OnnxReader *reader, const Wire *wire, Function *function)
{
    for (const Wire *w = wire_first(wire, FUNCTION_ATTRIBUTE); w; w = wire_next(w))
        vec_push(reader->arena, &function->params, (Attr){.name = wire_text(w, reader->arena), .span = wire_span(w)});
    for (const Wire *w = wire_first(wire, FUNCTION_ATTRIBUTE_PROTO); w; w = wire_next(w)) {
        Attr attr;
        if (!onnx_read_attr(reader, w, &attr))
            return false;
        vec_push(reader->arena, &function->params, attr);
    }
    function->graph = check_function_opsets(reader, wire) ? onnx_read_function_body(reader, wire) : NULL;
    return function->graph != NULL;
}

/* All names first: a function may call one that stands after it. */
static bool read_functions(OnnxReader *reader, const Wire *root)
{
    for (const Wire *w = wire_first(root, MODEL_FUNCTIONS); w; w = wire_next(w))
        declare_function(reader, w);
    int64_t i = 0;
    bool ok = !diag_failed(reader->diag);
    for (const Wire *w = wire_first(root, MODEL_FUNCTIONS); ok && w; w = wire_next(w))
        ok = read_function(reader, w, &reader->model->functions.at[i++]);
    return ok;
}

static bool read_main_graph(OnnxReader *reader, const Wire *root)
{
    const Wire *graph = wire_first(root, MODEL_GRAPH);
    if (!graph || wire_next(graph)) {
        diag_error(reader->diag, wire_span(graph ? wire_next(graph) : root), "the model has %s, expected one",
                   graph ? "more than one graph" : "no graph");
        return false;
    }
    reader->model->graph = onnx_read_graph(reader, graph, NULL);
    return reader->model->graph != NULL;
}

Model *onnx_read(const Source *source, const char *dir, Arena *arena, Diag *diag)
{
    Source *binary = NEW(arena, Source);
    *binary = *source;
    binary->binary = true;
    const Wire *root = check_size(binary, diag) ? wire_check(binary, &onnx__model_proto__descriptor, arena, diag) : NULL;
    if (!root)
        return NULL;
    OnnxReader reader = {binary, dir, arena, diag, model_new(arena, diag), {.arena = arena}, {.arena = arena}};
    reader.model->source = binary;
    bool ok = read_header(&reader, root) && read_functions(&reader, root) && read_main_graph(&reader, root);
    return ok && !diag_failed(diag) ? reader.model : NULL;
}
