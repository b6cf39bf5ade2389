/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inlining of model-local functions: every Call becomes a copy of its function's nodes.
 *
 *   y = local.f <a = 2.0> (x)              h = Mul (x, x)           (renamed "y.h")
 *   f <a> (u) => (v)                →      y = LeakyRelu <alpha: float = 2> (h)
 *   { h = Mul (u, u)
 *     v = LeakyRelu <alpha: float = @a> (h) }
 *
 * The function's inputs become the call's, its outputs keep the call's names, everything else gets a name of its
 * own. An attribute that refers to one of the function's takes the call's value, or the default, or is left
 * out. Before anything is copied, the calls are walked once: recursion is an error, and a set of functions that would
 * grow beyond what its text can ask for is refused (twenty functions that call each other twice are a million nodes). */
#include "compiler/frontend/frontend.h"
#include "ir/op.h"

#include <string.h>

enum { FREE_NODES = 4096, MAX_GROWTH = 16, MAX_CALL_DEPTH = 200 }; /* a ConvNeXt of functions grows by 4 to 15 */

typedef struct Callee {
    const Function *function;
    int64_t n_nodes;         /* after inlining; valid once visited */
    bool active, visited;    /* of the walk that looks for recursion */
} Callee;

typedef struct Inliner {
    Model *model;
    Diag *diag;
    StrMap callees;          /* "domain.name:overload" → Callee */
    int64_t max_nodes;       /* after inlining, by the number that are written */
} Inliner;

/* One call being replaced. */
typedef struct Expansion {
    Inliner *in;
    const Node *call;        /* NULL: a body is copied within an expansion, by parent's bindings */
    const Function *function;
    const char *prefix;      /* of new names: the call's, or what its first output is called */
} Expansion;

/* ── The walk ── */

static int64_t graph_size(Inliner *in, const Graph *graph, int depth);

/* Nodes that a call turns into; -1 after a diagnostic. */
static int64_t call_size(Inliner *in, const Node *call, int depth)
{
    Callee *callee = strmap_get(&in->callees, call->callee);
    if (callee->visited)
        return callee->n_nodes;
    if (callee->active || depth > MAX_CALL_DEPTH) {
        diag_error(in->diag, call->span, callee->active ? "function %s calls itself" : "calls nest too deep, at function %s",
                   callee->function->name);
        return -1;
    }
    callee->active = true;
    callee->n_nodes = graph_size(in, callee->function->graph, depth + 1);
    callee->active = false;
    callee->visited = true;
    return callee->n_nodes;
}

static int64_t node_size(Inliner *in, const Node *node, int depth)
{
    int64_t size = node->op->kind == OP_Call ? call_size(in, node, depth) : 1;
    for (int64_t i = 0; size >= 0 && i < node->attrs.len; i++) {
        if (node->attrs.at[i].kind != ATTR_GRAPH)
            continue;
        int64_t body = graph_size(in, node->attrs.at[i].graph, depth);
        size = body < 0 ? -1 : size + body;
    }
    return size;
}

static int64_t graph_size(Inliner *in, const Graph *graph, int depth)
{
    int64_t total = 0;
    FOR_NODES (node, graph) {
        int64_t size = node_size(in, node, depth);
        if (size < 0)
            return -1;
        total += size;
        if (total > in->max_nodes) {
            diag_unsupported(
                in->diag, node->span,
                "the model has more than %lld nodes once its functions are inlined, too many for the nodes it is written in",
                (long long)in->max_nodes);
            return -1;
        }
    }
    return total;
}

/* ── Attributes ── */

static const Attr *find_param(const Function *function, const char *name)
{
    for (int64_t i = 0; i < function->params.len; i++)
        if (strcmp(function->params.at[i].name, name) == 0)
            return &function->params.at[i];
    return NULL;
}

/* The value of "name = @other" in this call. *found NULL: to be left out. */
static bool resolve_ref(const Expansion *e, const Attr *ref, const Attr **found)
{
    const Attr *param = find_param(e->function, ref->string), *given = node_attr(e->call, ref->string);
    if (!param) {
        diag_error(e->in->diag, ref->span, "function %s has no attribute %s", e->function->name, ref->string);
        return false;
    }
    *found = given ? given : param->kind ? param : NULL;
    if (!*found || !ref->ref_kind || (*found)->kind == ref->ref_kind ||
        ((*found)->kind == ATTR_INT && ref->ref_kind == ATTR_FLOAT))
        return true;
    diag_error(e->in->diag, ref->span, "attribute %s: the type of @%s in this call is another one", ref->name, ref->string);
    return false;
}

static Graph *copy_body(const Expansion *e, const Graph *from, Graph *parent);

static bool copy_attr(const Expansion *e, Node *to, const Attr *attr)
{
    Attr copy = *attr;
    if (attr->kind == ATTR_REF) {
        const Attr *found;
        if (!resolve_ref(e, attr, &found))
            return false;
        if (!found)
            return true;
        copy = *found;
        copy.name = attr->name;
        if (attr->ref_kind == ATTR_FLOAT && copy.kind == ATTR_INT) {
            copy.kind = ATTR_FLOAT;
            copy.f = (double)copy.i;
        }
    }
    if (copy.kind == ATTR_GRAPH)
        copy.graph = copy_body(e, copy.graph, to->graph);
    if (copy.kind == ATTR_GRAPH && !copy.graph)
        return false;
    node_put_attr(to, copy);
    return true;
}

/* ── Nodes ── */

static Value *new_value(const Expansion *e, Graph *graph, const char *name, Span span)
{
    Arena *arena = e->in->model->arena;
    const char *base = graph->parent ? name : arena_printf(arena, "%s.%s", e->prefix, name);
    return graph_add_value(graph, graph_fresh_name(graph, base), (Type){.shape.rank = -1}, span);
}

/* The value that node's output becomes: the one the call promised (in values), or a new one. */
static void copy_output(const Expansion *e, Node *to, const Value *output, StrMap *values)
{
    Value *value = output ? strmap_get(values, output->name) : NULL;
    if (output && !value) {
        value = new_value(e, to->graph, output->name, output->span);
        strmap_put(values, output->name, value);
    }
    node_add_output(to, value);
}

/* Copies from's nodes before a node of to; values maps from's names. */
static bool copy_nodes(const Expansion *e, const Graph *from, Graph *to, Node *before, StrMap *values)
{
    Arena *arena = e->in->model->arena;
    bool ok = true;
    FOR_NODES (node, from) {
        Node *copy = graph_insert_node(to, before, node->op, node->span);
        copy->callee = node->callee;
        copy->name = *node->name ? arena_printf(arena, "%s.%s", e->prefix, node->name) : "";
        for (int64_t i = 0; i < node->inputs.len; i++)
            node_add_input(copy, node->inputs.at[i] ? strmap_get(values, node->inputs.at[i]->name) : NULL);
        for (int64_t i = 0; i < node->attrs.len; i++)
            ok = copy_attr(e, copy, &node->attrs.at[i]) && ok;
        for (int64_t i = 0; i < node->outputs.len; i++)
            copy_output(e, copy, node->outputs.at[i], values);
    }
    return ok;
}

static Graph *copy_body(const Expansion *e, const Graph *from, Graph *parent)
{
    Graph *to = graph_new(from->model, from->name);
    StrMap values = {.arena = from->model->arena};
    to->parent = parent;
    to->span = from->span;
    for (int64_t i = 0; i < from->inputs.len; i++) {
        const Value *input = from->inputs.at[i];
        strmap_put(&values, input->name, graph_add_input(to, input->name, input->type, input->span));
    }
    for (int64_t i = 0; i < from->constants.len; i++) {
        const Value *constant = from->constants.at[i];
        strmap_put(&values, constant->name, graph_add_constant(to, constant->name, constant->constant, constant->span));
    }
    if (!copy_nodes(e, from, to, NULL, &values))
        return NULL;
    for (int64_t i = 0; i < from->outputs.len; i++)
        graph_add_output(to, strmap_get(&values, from->outputs.at[i]->name));
    return to;
}

/* ── Calls ── */

static bool check_call(const Expansion *e)
{
    const Node *call = e->call;
    const Graph *graph = e->function->graph;
    if (call->inputs.len > graph->inputs.len || call->outputs.len > graph->outputs.len) {
        bool inputs = call->inputs.len > graph->inputs.len;
        diag_error(e->in->diag, call->span, "function %s has %lld %s, the call %lld", e->function->name,
                   (long long)(inputs ? graph->inputs.len : graph->outputs.len), inputs ? "inputs" : "outputs",
                   (long long)(inputs ? call->inputs.len : call->outputs.len));
        return false;
    }
    for (int64_t i = 0; i < call->attrs.len; i++)
        if (!find_param(e->function, call->attrs.at[i].name)) {
            diag_error(e->in->diag, call->attrs.at[i].span, "function %s has no attribute %s", e->function->name,
                       call->attrs.at[i].name);
            return false;
        }
    return true;
}

/* Binds names of the function to values of the call. Outputs that some node computes keep the call's value; what
 * is left (an output that is an input, or the same as another output) is returned to be copied by Identity. */
static void bind_names(const Expansion *e, StrMap *values, bool *left)
{
    const Graph *graph = e->function->graph;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        if (node_input(e->call, i))
            strmap_put(values, graph->inputs.at[i]->name, node_input(e->call, i));
    for (int64_t i = 0; i < e->call->outputs.len; i++) {
        const Value *inner = graph->outputs.at[i];
        left[i] = e->call->outputs.at[i] && (!inner->producer || strmap_get(values, inner->name));
        if (e->call->outputs.at[i] && !left[i])
            strmap_put(values, inner->name, e->call->outputs.at[i]);
    }
}

static bool copy_rest(const Expansion *e, Node *call, const StrMap *values, const bool *left)
{
    for (int64_t i = 0; i < call->outputs.len; i++) {
        const Value *inner = e->function->graph->outputs.at[i];
        Value *value = left[i] ? strmap_get(values, inner->name) : NULL;
        if (!left[i])
            continue;
        if (!value) {
            diag_error(e->in->diag, call->span, "output %s of function %s is an input that this call leaves out", inner->name,
                       e->function->name);
            return false;
        }
        Node *identity = graph_insert_node(call->graph, call, op_get(OP_Identity), call->span);
        node_add_input(identity, value);
        node_add_output(identity, call->outputs.at[i]);
    }
    return true;
}

static const char *call_prefix(const Node *call, const Function *function)
{
    if (*call->name)
        return call->name;
    for (int64_t i = 0; i < call->outputs.len; i++)
        if (call->outputs.at[i])
            return call->outputs.at[i]->name;
    return function->name;
}

static bool expand(Inliner *in, Node *call)
{
    const Callee *callee = strmap_get(&in->callees, call->callee);
    Expansion e = {in, call, callee->function, call_prefix(call, callee->function)};
    if (!check_call(&e))
        return false;
    StrMap values = {.arena = in->model->arena};
    bool *left = NEW_ARRAY(in->model->arena, bool, call->outputs.len + 1);
    bind_names(&e, &values, left);
    if (!copy_nodes(&e, callee->function->graph, call->graph, call, &values) || !copy_rest(&e, call, &values, left))
        return false;
    node_remove(call);
    return true;
}

static bool inline_graph(Inliner *in, Graph *graph)
{
    for (Node *node = graph->first; node;) {
        Node *before = node->prev;
        if (node->op->kind == OP_Call) {
            if (!expand(in, node))
                return false;
            node = before ? before->next : graph->first; /* the copies may call, too */
            continue;
        }
        for (int64_t i = 0; i < node->attrs.len; i++)
            if (node->attrs.at[i].kind == ATTR_GRAPH && !inline_graph(in, node->attrs.at[i].graph))
                return false;
        node = node->next;
    }
    return true;
}

static bool check_no_refs(Inliner *in, const Graph *graph)
{
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->attrs.len; i++) {
            const Attr *attr = &node->attrs.at[i];
            if (attr->kind == ATTR_GRAPH && !check_no_refs(in, attr->graph))
                return false;
            if (attr->kind != ATTR_REF)
                continue;
            diag_error(in->diag, attr->span, "attribute %s refers to @%s, but is in no function", attr->name, attr->string);
            return false;
        }
    return true;
}

bool model_inline_functions(Model *model, Diag *diag)
{
    Inliner in = {model, diag, {.arena = model->arena}, FREE_NODES + MAX_GROWTH * model->graph->n_nodes};
    for (int64_t i = 0; i < model->functions.len; i++) {
        const Function *f = &model->functions.at[i];
        Callee *callee = NEW(model->arena, Callee);
        callee->function = f;
        in.max_nodes += MAX_GROWTH * f->graph->n_nodes;
        strmap_put(&in.callees, arena_printf(model->arena, "%s.%s:%s", f->domain, f->name, f->overload), callee);
    }
    if (!check_no_refs(&in, model->graph) || graph_size(&in, model->graph, 0) < 0 || !inline_graph(&in, model->graph))
        return false;
    model->functions.len = 0;
    return true;
}
