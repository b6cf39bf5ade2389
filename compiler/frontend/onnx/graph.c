/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Graphs of .onnx files.
 *
 * Problem: a GraphProto lists inputs, initializers, types and nodes apart from one another, in any order; ours
 * links them. Idea: define inputs and initializers, note declared types by name, then read the nodes in order.
 * ONNX requires that a value is defined before it is used, but converters to float16 put the Casts of inputs last: a node whose inputs
 * later ones make is read after them.
 *
 *   node {input "x" "w", output "y", op_type "Conv"}  →  Node Conv, inputs → the Values x and w */
#include "compiler/frontend/onnx/reader.h"

#include <string.h>

/* Field numbers of onnx.proto. */
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { GRAPH_VALUE_INFO = 13, GRAPH_SPARSE_INITIALIZER = 15, ATTRIBUTE_G = 6, TENSOR_NAME = 8, VALUE_INFO_NAME = 1 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP_TYPE = 4, NODE_ATTRIBUTE = 5 };
enum { NODE_DOMAIN = 7, NODE_OVERLOAD = 8 };
enum {
    VALUE_INFO_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSOR_ELEM_TYPE = 1,
    TENSOR_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_PARAM = 2
};

typedef struct Declared {
    Type type;
    Span span;
} Declared;

typedef struct GraphReader {
    OnnxReader *reader;
    Graph *graph;
    StrMap declared; /* name → Declared, of value_info and outputs */
} GraphReader;

static const Type unknown_type = {.shape.rank = -1};

static bool read_dim(OnnxReader *reader, const Wire *wire, int i, Dim *dim, Span span)
{
    *dim = (Dim){-1, NULL};
    if (wire_last(wire, DIM_VALUE)) {
        dim->size = wire_int(wire, DIM_VALUE);
        if (dim->size < 0)
            diag_error(reader->diag, span, "dimension %d is %lld, expected 0 or more", i, (long long)dim->size);
        return dim->size >= 0;
    }
    const char *symbol = wire_text_in(wire, DIM_PARAM, reader->arena);
    dim->symbol = *symbol ? symbol : NULL;
    return true;
}

static bool read_shape(OnnxReader *reader, const Wire *wire, Shape *shape, Span span)
{
    shape->rank = 0;
    for (const Wire *w = wire_first(wire, SHAPE_DIM); w; w = wire_next(w)) {
        if (shape->rank == MAX_RANK) {
            diag_unsupported(reader->diag, span, "shape has more than %d dimensions, which is not supported", MAX_RANK);
            return false;
        }
        if (!read_dim(reader, w, shape->rank, &shape->dims[shape->rank], span))
            return false;
        shape->rank++;
    }
    return true;
}

/* Whether a TypeProto is of another kind than a tensor. */
static bool is_composite(const Wire *type)
{
    static const uint32_t kinds[] = {4, 5, 7, 8, 9}; /* sequence, map, opaque, sparse tensor, optional */
    for (int64_t i = 0; i < countof(kinds); i++)
        if (wire_first(type, kinds[i]))
            return true;
    return false;
}

/* wire NULL: nothing is said of the type. */
static bool read_type(OnnxReader *reader, const Wire *wire, Type *type, Span span)
{
    const Wire *tensor = wire ? wire_last(wire, TYPE_TENSOR) : NULL;
    *type = unknown_type;
    if (wire && is_composite(wire)) {
        diag_unsupported(reader->diag, span, "only tensors are supported, not sequences, maps, optionals or sparse tensors");
        return false;
    }
    if (!tensor)
        return true;
    int64_t dtype = wire_int(tensor, TENSOR_ELEM_TYPE);
    if (dtype < 0 || dtype > DT_LAST) {
        diag_error(reader->diag, span, "elem_type %lld is not an element type", (long long)dtype);
        return false;
    }
    type->dtype = (DType)dtype;
    const Wire *shape = wire_last(tensor, TENSOR_SHAPE);
    return !shape || read_shape(reader, shape, &type->shape, span);
}

static bool read_value_info(OnnxReader *reader, const Wire *wire, const char **name, Type *type)
{
    Span span = wire_span(wire);
    *name = wire_text_in(wire, VALUE_INFO_NAME, reader->arena);
    if (!**name)
        diag_error(reader->diag, span, "value has no name");
    return **name && read_type(reader, wire_last(wire, VALUE_INFO_TYPE), type, span);
}

static bool check_new_name(GraphReader *g, const char *name, Span span)
{
    const Value *old = graph_find(g->graph, name);
    if (!old)
        return true;
    diag_error(g->reader->diag, span, "\"%s\" is defined twice, first at byte %lld", name, (long long)old->span.begin);
    return false;
}

static bool read_initializer(GraphReader *g, const Wire *wire)
{
    OnnxReader *reader = g->reader;
    Span span = wire_span(wire);
    const char *name = wire_text_in(wire, TENSOR_NAME, reader->arena);
    if (!*name) {
        diag_error(reader->diag, span, "initializer has no name");
        return false;
    }
    if (!check_new_name(g, name, span))
        return false;
    Tensor *tensor = onnx_read_tensor(reader, wire);
    if (tensor)
        graph_add_constant(g->graph, name, tensor, span);
    return tensor != NULL;
}

/* An input that has an initializer is a default value nobody overrides: a constant. */
static bool read_input(GraphReader *g, const Wire *wire)
{
    const char *name;
    Type type;
    if (!read_value_info(g->reader, wire, &name, &type))
        return false;
    const Value *old = graph_find(g->graph, name);
    if (old && old->constant)
        return true;
    Span span = wire_span(wire);
    if (!check_new_name(g, name, span))
        return false;
    graph_add_input(g->graph, name, type, span);
    return true;
}

static bool read_declared(GraphReader *g, const Wire *wire)
{
    const char *name;
    Type type;
    if (!read_value_info(g->reader, wire, &name, &type))
        return false;
    Declared *declared = NEW(g->reader->arena, Declared);
    *declared = (Declared){type, wire_span(wire)};
    strmap_put(&g->declared, name, declared);
    return true;
}

static void define_output(GraphReader *g, Node *node, const char *name, Span span)
{
    if (!*name) {
        if (node)
            node_add_output(node, NULL);
        return;
    }
    if (!check_new_name(g, name, span))
        return;
    const Declared *declared = strmap_get(&g->declared, name);
    Value *value = graph_add_value(g->graph, name, declared ? declared->type : unknown_type, declared ? declared->span : span);
    if (node)
        node_add_output(node, value);
}

static void report_unknown(GraphReader *g, const char *domain, const char *op_type, Span span)
{
    OnnxReader *reader = g->reader;
    const char *key = arena_printf(reader->arena, "%s.%s", domain, op_type), *near = op_nearest(domain, op_type);
    if (!strmap_put(&reader->unknown, key, (void *)key))
        return;
    if (near)
        diag_unsupported(reader->diag, span, "unknown operator %s%s%s; did you mean %s?", domain, *domain ? "." : "", op_type,
                         near);
    else
        diag_unsupported(reader->diag, span, "unknown operator %s%s%s", domain, *domain ? "." : "", op_type);
}

/* The operator; or Call, *callee set; or NULL, reported. */
static const Op *find_op(GraphReader *g, const Wire *wire, const char **callee)
{
    OnnxReader *reader = g->reader;
    const char *op_type = wire_text_in(wire, NODE_OP_TYPE, reader->arena);
    const char *domain = wire_text_in(wire, NODE_DOMAIN, reader->arena);
    const char *overload = wire_text_in(wire, NODE_OVERLOAD, reader->arena);
    *callee = arena_printf(reader->arena, "%s.%s:%s", domain, op_type, overload);
    if (strmap_get(&reader->functions, *callee))
        return op_get(OP_Call);
    const Op *op = op_find(domain, op_type);
    if (op && op->kind == OP_Call) /* only a function's name makes a call */
        op = NULL;
    if (!op)
        report_unknown(g, str_equal(domain, "ai.onnx") ? "" : domain, op_type, wire_span(wire));
    return op;
}

static bool add_input(GraphReader *g, Node *node, const char *name)
{
    Value *value = *name ? graph_find(g->graph, name) : NULL;
    if (*name && !value) {
        diag_error(g->reader->diag, node->span, "%s uses \"%s\", which nothing before it defines", node->op->name, name);
        return false;
    }
    node_add_input(node, value);
    return true;
}

static bool read_attribute(GraphReader *g, Node *node, const Wire *wire)
{
    Attr attr;
    if (!onnx_read_attr(g->reader, wire, &attr))
        return false;
    if (node_attr(node, attr.name)) {
        diag_error(g->reader->diag, attr.span, "attribute %s is given twice", attr.name);
        return false;
    }
    const Wire *body = wire_last(wire, ATTRIBUTE_G);
    if (attr.kind == ATTR_GRAPH) {
        attr.graph = body ? onnx_read_graph(g->reader, body, g->graph) : NULL;
        if (!body)
            diag_error(g->reader->diag, attr.span, "attribute %s has no graph", attr.name);
        if (!attr.graph)
            return false;
    }
    node_put_attr(node, attr);
    return true;
}

static bool read_node(GraphReader *g, const Wire *wire)
{
    OnnxReader *reader = g->reader;
    const char *callee;
    const Op *op = find_op(g, wire, &callee);
    Node *node = op ? graph_insert_node(g->graph, NULL, op, wire_span(wire)) : NULL;
    bool ok = op != NULL;
    if (node) {
        node->name = wire_text_in(wire, NODE_NAME, reader->arena);
        node->callee = op->kind == OP_Call ? callee : NULL;
        for (const Wire *w = wire_first(wire, NODE_INPUT); w; w = wire_next(w))
            ok = add_input(g, node, wire_text(w, reader->arena)) && ok;
        for (const Wire *w = wire_first(wire, NODE_ATTRIBUTE); w; w = wire_next(w))
            ok = read_attribute(g, node, w) && ok;
    }
    /* even of an unknown operator: later nodes use them */
    for (const Wire *w = wire_first(wire, NODE_OUTPUT); w; w = wire_next(w))
        define_output(g, node, wire_text(w, reader->arena), wire_span(wire));
    return ok;
}

/* ── The order of nodes ──────────────────────────────────────────────────────────────────────────────── */

typedef struct Pending {
    const Wire *wire;
    const Wire *input;   /* the next one to look at */
    bool begun;
} Pending;

/* Of a node of the file that makes the value and is not begun; NULL. */
static Pending *maker_of(const Wire *input, const StrMap *makers, Arena *arena)
{
    const char *name = wire_text(input, arena);
    Pending *maker = *name ? strmap_get(makers, name) : NULL;
    return maker && !maker->begun ? maker : NULL;
}

/* Reads the node behind those that make its inputs. */
static bool read_behind(GraphReader *g, Pending *first, const StrMap *makers)
{
    VEC(Pending *) stack = {0};
    bool ok = true;
    for (Pending *next = first; next || stack.len;) {
        if (next) {
            next->begun = true;
            vec_push(g->reader->arena, &stack, next);
        }
        Pending *top = stack.at[stack.len - 1];
        for (next = NULL; top->input && !next; top->input = wire_next(top->input))
            next = maker_of(top->input, makers, g->reader->arena);
        if (next)
            continue;
        ok = read_node(g, top->wire) && ok;
        stack.len--;
    }
    return ok;
}

static bool read_nodes(GraphReader *g, const Wire *message, uint32_t number)
{
    Arena *arena = g->reader->arena;
    StrMap makers = {.arena = arena};
    VEC(Pending *) nodes = {0};
    bool ok = true;
    for (const Wire *w = wire_first(message, number); w; w = wire_next(w)) {
        Pending *node = NEW(arena, Pending);
        *node = (Pending){.wire = w, .input = wire_first(w, NODE_INPUT)};
        vec_push(arena, &nodes, node);
        for (const Wire *output = wire_first(w, NODE_OUTPUT); output; output = wire_next(output))
            strmap_put(&makers, wire_text(output, arena), node);
    }
    for (int64_t i = 0; i < nodes.len; i++)
        if (!nodes.at[i]->begun)
            ok = read_behind(g, nodes.at[i], &makers) && ok;
    return ok;
}

static bool read_output(GraphReader *g, const Wire *wire)
{
    OnnxReader *reader = g->reader;
    const char *name = wire_text_in(wire, VALUE_INFO_NAME, reader->arena);
    Value *value = graph_find(g->graph, name);
    if (!value) {
        diag_error(reader->diag, wire_span(wire), "output \"%s\" is never produced", name);
        return false;
    }
    graph_add_output(g->graph, value);
    return true;
}

static bool for_all(GraphReader *g, const Wire *message, uint32_t number, bool (*read)(GraphReader *g, const Wire *wire))
{
    bool ok = true;
    for (const Wire *w = wire_first(message, number); w; w = wire_next(w))
        ok = read(g, w) && ok;
    return ok;
}

Graph *onnx_read_graph(OnnxReader *reader, const Wire *wire, Graph *parent)
{
    GraphReader g = {reader, graph_new(reader->model, wire_text_in(wire, GRAPH_NAME, reader->arena)), {.arena = reader->arena}};
    g.graph->parent = parent;
    g.graph->span = wire_span(wire);
    const Wire *sparse = wire_first(wire, GRAPH_SPARSE_INITIALIZER);
    if (sparse)
        diag_unsupported(reader->diag, wire_span(sparse), "sparse initializers are not supported");
    bool ok = !sparse;
    ok = for_all(&g, wire, GRAPH_INITIALIZER, read_initializer) && ok;
    ok = for_all(&g, wire, GRAPH_INPUT, read_input) && ok;
    ok = for_all(&g, wire, GRAPH_VALUE_INFO, read_declared) && ok;
    ok = for_all(&g, wire, GRAPH_OUTPUT, read_declared) && ok;
    if (!ok) /* what follows would only complain about names that are missing for this */
        return NULL;
    ok = read_nodes(&g, wire, GRAPH_NODE);
    return ok && for_all(&g, wire, GRAPH_OUTPUT, read_output) ? g.graph : NULL;
}

enum { FUNCTION_NAME = 1, FUNCTION_INPUT = 4, FUNCTION_OUTPUT = 5, FUNCTION_NODE = 7, FUNCTION_VALUE_INFO = 12 };

static bool read_function_output(GraphReader *g, const Wire *wire)
{
    const char *name = wire_text(wire, g->reader->arena);
    Value *value = graph_find(g->graph, name);
    if (!value) {
        diag_error(g->reader->diag, wire_span(wire), "output \"%s\" is never produced", name);
        return false;
    }
    graph_add_output(g->graph, value);
    return true;
}

static bool read_function_input(GraphReader *g, const Wire *wire)
{
    const char *name = wire_text(wire, g->reader->arena);
    Span span = wire_span(wire);
    if (!check_new_name(g, name, span))
        return false;
    graph_add_input(g->graph, name, unknown_type, span);
    return true;
}

/* A FunctionProto's body: inputs and outputs are names only. */
Graph *onnx_read_function_body(OnnxReader *reader, const Wire *wire)
{
    GraphReader g = {
        reader, graph_new(reader->model, wire_text_in(wire, FUNCTION_NAME, reader->arena)), {.arena = reader->arena}};
    g.graph->span = wire_span(wire);
    bool ok = for_all(&g, wire, FUNCTION_INPUT, read_function_input);
    ok = for_all(&g, wire, FUNCTION_VALUE_INFO, read_declared) && ok;
    ok = ok && read_nodes(&g, wire, FUNCTION_NODE);
    return ok && for_all(&g, wire, FUNCTION_OUTPUT, read_function_output) ? g.graph : NULL;
}
