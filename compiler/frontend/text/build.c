/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The syntax tree becomes a Model: names resolve to values, operators to rows of the op table.
 *
 *   y = Conv (x, w)    →   Node{Conv}, inputs → the Values x and w, output → a new Value y
 *
 * Every mistake is reported, not just the first: an unknown operator still defines its outputs, so that what
 * uses them does not complain, too. Unknown operators are reported once each, all of them. */
#include "compiler/frontend/text/tree.h"
#include "ir/op.h"

#include <string.h>

typedef struct Builder {
    TextParser *p;
    Model *model;
    StrMap functions; /* "domain.name:overload" → TextFunction */
    StrMap unknown;   /* operators and domains reported so far */
    bool ok;
} Builder;

typedef struct Scope { /* one graph being built */
    Builder *b;
    Graph *graph;
    StrMap declared;     /* name → TextItem: value_info and typed outputs */
    StrMap initializers; /* name → TextItem */
    StrMap produced;     /* name → TextSlot: all nodes' outputs, also the later ones */
} Scope;

static const Type unknown_type = {.shape.rank = -1};

static void fail(Builder *b) { b->ok = false; }

/* ── Values ── */

static Type item_type(Builder *b, const TextItem *item)
{
    if (!item->type)
        return unknown_type;
    if (item->type->composite) {
        if (strcmp(item->type->composite, "rank") != 0) /* that one was reported where it was read */
            diag_unsupported(b->p->diag, item->type->span, "%s types are not supported, only tensors", item->type->composite);
        fail(b);
    }
    return item->type->type;
}

static bool check_new(Scope *s, const char *name, Span span)
{
    Builder *b = s->b;
    const Value *old = graph_find(s->graph, name);
    if (*name && !old)
        return true;
    fail(b);
    if (!*name)
        diag_error(b->p->diag, span, "a value must have a name");
    else
        diag_error(b->p->diag, span, "\"%.200s\" is defined twice, first at %s", name, span_place(b->p->arena, old->span));
    return false;
}

static void add_constant(Scope *s, const TextItem *item)
{
    if (!check_new(s, item->name, item->span))
        return;
    if (item->data->tensor) {
        graph_add_constant(s->graph, item->name, item->data->tensor, item->span);
        return;
    }
    graph_add_value(s->graph, item->name, unknown_type, item->span); /* the data was bad: at least the name is known */
    fail(s->b);
}

/* An input that has an initializer, here or in the < > list, is a constant. */
static void add_inputs(Scope *s, const TextItems *inputs)
{
    for (int64_t i = 0; inputs && i < inputs->len; i++) {
        const TextItem *item = &inputs->at[i];
        Type type = item_type(s->b, item);
        if (item->data)
            add_constant(s, item);
        else if (!strmap_get(&s->initializers, item->name) && check_new(s, item->name, item->span))
            graph_add_input(s->graph, item->name, type, item->span);
    }
}

static void collect_initializers(Scope *s, TextItems *items)
{
    for (int64_t i = 0; items && i < items->len; i++)
        if (items->at[i].data)
            strmap_put(&s->initializers, items->at[i].name, &items->at[i]);
}

static void add_items(Scope *s, TextItems *items)
{
    for (int64_t i = 0; items && i < items->len; i++)
        if (items->at[i].data)
            add_constant(s, &items->at[i]);
        else
            strmap_put(&s->declared, items->at[i].name, &items->at[i]);
}

static void declare_outputs(Scope *s, TextItems *outputs)
{
    for (int64_t i = 0; outputs && i < outputs->len; i++)
        if (outputs->at[i].type)
            strmap_put(&s->declared, outputs->at[i].name, &outputs->at[i]);
}

/* Every name there is in the graph, to suggest one. */
static const char *nearest_value(Scope *s, const char *name)
{
    VEC(const char *) names = {0};
    Arena *arena = s->b->p->arena;
    for (int64_t i = 0; i < s->graph->inputs.len; i++)
        vec_push(arena, &names, s->graph->inputs.at[i]->name);
    for (int64_t i = 0; i < s->graph->constants.len; i++)
        vec_push(arena, &names, s->graph->constants.at[i]->name);
    FOR_NODES (node, s->graph)
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i])
                vec_push(arena, &names, node->outputs.at[i]->name);
    return nearest_name(name, names.at, names.len);
}

enum { ENOUGH_ERRORS = 20 }; /* past this many nobody reads suggestions */

static void report_missing(Scope *s, const char *name, Span span, const char *what)
{
    TextParser *p = s->b->p;
    fail(s->b);
    const TextSlot *later = strmap_get(&s->produced, name);
    bool hopeless = later || !name[0] || !name[1] || p->diag->n_errors > ENOUGH_ERRORS; /* any letter is near any other */
    const char *near = hopeless ? NULL : nearest_value(s, name);
    if (later)
        diag_error(p->diag, span, "\"%.200s\" is used before it is defined at %s", name, span_place(p->arena, later->span));
    else
        diag_error(p->diag, span, "%s \"%.200s\"%s%s%s", what, name, near ? ", did you mean \"" : "", near ? near : "",
                   near ? "\"?" : "");
}

static void add_outputs(Scope *s, const TextItems *outputs)
{
    for (int64_t i = 0; outputs && i < outputs->len; i++) {
        const TextItem *item = &outputs->at[i];
        Type type = item_type(s->b, item);
        Value *value = graph_find(s->graph, item->name);
        if (!value) {
            report_missing(s, item->name, item->span, "nothing produces the output");
            continue;
        }
        graph_add_output(s->graph, value);
        if (value->type.dtype == DT_UNDEFINED)
            value->type = type;
    }
}

/* ── Nodes ── */

static Graph *build_graph(Builder *b, const TextGraph *tree, Graph *parent);

static void report_unknown(Builder *b, const TextOp *op, const char *domain)
{
    const char *dot = *domain ? "." : "", *near = op_nearest(domain, op->type);
    fail(b);
    if (!strmap_put(&b->unknown, arena_printf(b->p->arena, "%s.%s", domain, op->type), (void *)op))
        return;
    diag_unsupported(b->p->diag, op->span, "unknown operator %s%s%s%s%s%s%s", domain, dot, op->type,
                     near ? ", did you mean " : "", near ? domain : "", near ? dot : "", near ? near : "");
}

static void check_import(Builder *b, const TextOp *op, const char *domain)
{
    if (model_opset(b->model, domain))
        return;
    fail(b);
    if (b->model->opsets.len && strmap_put(&b->unknown, domain, (void *)op))
        diag_error(b->p->diag, op->span, "the model does not import the domain \"%s\" of %s, expected it in opset_import", domain,
                   op->type);
}

/* Splits "a.b.Conv" at its last dot. */
static const char *split_op(Builder *b, TextOp *op)
{
    char *dot = strrchr(op->type, '.');
    if (dot) {
        op->domain = arena_strndup(b->p->arena, op->type, (size_t)(dot - op->type));
        op->type = dot + 1;
    }
    return strcmp(op->domain, "ai.onnx") == 0 ? "" : op->domain;
}

/* NULL after a diagnostic. A model's own function goes before an operator of that name. */
static const Op *find_op(Builder *b, TextOp *op, const char **callee)
{
    const char *domain = split_op(b, op);
    *callee = arena_printf(b->p->arena, "%s.%s:%s", op->domain, op->type, op->overload);
    if (strmap_get(&b->functions, *callee))
        return op_get(OP_Call);
    *callee = NULL;
    const Op *found = op_find(domain, op->type);
    if (found && found->kind != OP_Call) {
        check_import(b, op, domain);
        return found;
    }
    report_unknown(b, op, domain);
    return NULL;
}

static void add_attr(Scope *s, Node *node, const TextAttr *text)
{
    Attr attr = text->attr;
    if (text->bad) {
        fail(s->b);
        return;
    }
    if (node_attr(node, attr.name)) {
        diag_error(s->b->p->diag, attr.span, "attribute %s is given twice", attr.name);
        fail(s->b);
        return;
    }
    if (attr.kind == ATTR_GRAPH)
        attr.graph = build_graph(s->b, text->graph, s->graph);
    node_put_attr(node, attr);
}

static void add_node_inputs(Scope *s, Node *node, const TextSlots *slots)
{
    for (int64_t i = 0; i < slots->len; i++) {
        const TextSlot *slot = &slots->at[i];
        Value *value = slot->name ? graph_find(s->graph, slot->name) : NULL;
        if (slot->name && !value)
            report_missing(s, slot->name, slot->span, "unknown value");
        node_add_input(node, value);
    }
}

/* node NULL: the operator is unknown. */
static void add_node_output(Scope *s, Node *node, const TextSlot *slot)
{
    if (!slot->name) {
        if (node)
            node_add_output(node, NULL);
        return;
    }
    if (!check_new(s, slot->name, slot->span))
        return;
    const TextItem *item = strmap_get(&s->declared, slot->name);
    Type type = item ? item_type(s->b, item) : unknown_type;
    Value *value = graph_add_value(s->graph, slot->name, type, item ? item->span : slot->span);
    if (node)
        node_add_output(node, value);
}

static void add_node(Scope *s, const TextNode *tree)
{
    const char *callee;
    const Op *op = find_op(s->b, tree->op, &callee);
    Node *node = NULL;
    if (op) {
        node = graph_insert_node(s->graph, NULL, op, tree->op->span);
        node->name = tree->label;
        node->callee = callee;
        add_node_inputs(s, node, tree->inputs);
        for (int64_t i = 0; tree->attrs && i < tree->attrs->len; i++)
            add_attr(s, node, &tree->attrs->at[i]);
    }
    for (int64_t i = 0; i < tree->outputs->len; i++)
        add_node_output(s, node, &tree->outputs->at[i]);
}

static void collect_produced(Scope *s, const TextNodes *nodes)
{
    for (int64_t i = 0; i < nodes->len; i++)
        for (int64_t k = 0; k < nodes->at[i].outputs->len; k++) {
            TextSlot *slot = &nodes->at[i].outputs->at[k];
            if (slot->name)
                strmap_put(&s->produced, slot->name, slot);
        }
}

static Graph *build_graph(Builder *b, const TextGraph *tree, Graph *parent)
{
    Arena *arena = b->p->arena;
    Scope s = {b, graph_new(b->model, tree->name), {.arena = arena}, {.arena = arena}, {.arena = arena}};
    s.graph->parent = parent;
    s.graph->span = tree->span;
    collect_initializers(&s, tree->items);
    collect_produced(&s, tree->nodes);
    add_inputs(&s, tree->inputs);
    add_items(&s, tree->items);
    declare_outputs(&s, tree->outputs);
    for (int64_t i = 0; i < tree->nodes->len; i++)
        add_node(&s, &tree->nodes->at[i]);
    add_outputs(&s, tree->outputs);
    return s.graph;
}

/* ── Functions ── */

static const char *function_key(Arena *arena, const Function *function)
{
    return arena_printf(arena, "%s.%s:%s", function->domain, function->name, function->overload);
}

/* Names first, so that nodes can call functions that come later. */
static void declare_functions(Builder *b)
{
    TextParser *p = b->p;
    for (int64_t i = 0; i < p->functions.len; i++) {
        Function function;
        TextFunction *tree = &p->functions.at[i];
        if (!text_function_headers(p, tree, b->model, &function))
            fail(b);
        const char *key = function_key(p->arena, &function);
        if (!strmap_put(&b->functions, key, tree)) {
            diag_error(p->diag, tree->graph->span, "function %s is defined twice", tree->graph->name);
            fail(b);
        }
        vec_push(p->arena, &b->model->functions, function);
    }
}

static void build_function(Builder *b, const TextFunction *tree, Function *function)
{
    for (int64_t i = 0; tree->params && i < tree->params->len; i++) {
        if (tree->params->at[i].bad)
            fail(b);
        vec_push(b->p->arena, &function->params, tree->params->at[i].attr);
    }
    for (int64_t i = 0; tree->graph->items && i < tree->graph->items->len; i++)
        if (tree->graph->items->at[i].data) {
            diag_error(b->p->diag, tree->graph->items->at[i].span, "a function has no initializers");
            fail(b);
        }
    function->graph = build_graph(b, tree->graph, NULL);
}

static void check_opsets(Builder *b)
{
    if (b->model->opsets.len)
        return;
    diag_error(b->p->diag, b->p->graph->span,
               "opset_import is missing, expected <ir_version: 10, opset_import: [\"\" : 20]> before the graph, for example");
    fail(b);
}

bool text_build(TextParser *p, Model *model)
{
    Builder b = {p, model, {.arena = p->arena}, {.arena = p->arena}, true};
    if (!text_model_headers(p, model))
        fail(&b);
    else
        check_opsets(&b);
    declare_functions(&b);
    model->graph = build_graph(&b, p->graph, NULL);
    for (int64_t i = 0; i < p->functions.len; i++)
        build_function(&b, &p->functions.at[i], &model->functions.at[i]);
    return b.ok;
}
