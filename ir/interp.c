/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The reference interpreter: what a graph means, computed as plainly as possible.
 *
 * A node runs on actual tensors. A copy of it, with its inputs as constants, goes through inference once
 * more: so sizes that were symbolic (the free batch) become the actual ones, outputs are allocated by them, and
 * the reference function meets numbers only. */
#include "ir/interp.h"
#include "ir/infer_util.h"
#include "ir/base/progress.h"
#include "ir/interp_util.h"
#include "ir/spell.h"

#include <assert.h>
#include <string.h>

typedef void Observe(void *context, const Value *value, const Tensor *tensor);

static bool run_graph(Graph *graph, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag, Observe *observe,
                      void *context);

bool ref_Call(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
{
    (void)inputs, (void)outputs;
    diag_unsupported(diag, node->span, "the call of '%s' is not inlined", node->callee ? node->callee : "");
    return false;
}

bool ref_Region(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
{
    (void)node, (void)inputs, (void)outputs, (void)diag;
    unreachable(); /* run_node runs the body */
}

#define OP(...)
#define SPELLED(name, ...)                                                                 \
    bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag) \
    {                                                                                      \
        (void)node, (void)inputs, (void)outputs, (void)diag;                               \
        unreachable(); /* run_plain runs what it is spelled by */                          \
    }
#include "ir/ops.def"
#undef OP

bool ref_Constant(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
{
    (void)inputs;
    const Tensor *tensor = value_constant(node->outputs.at[0]);
    if (!tensor) {
        diag_unsupported(diag, node->span, "string constants are not computed with");
        return false;
    }
    for (int64_t i = 0; i < tensor->count; i++)
        tensor_copy_element(outputs[0], i, tensor, i);
    return true;
}

/* ── One node ────────────────────────────────────────────────────────────────────────────────────────── */

static Node *concrete_copy(const Node *node, Tensor *const *inputs, Model *model)
{
    Graph *graph = graph_new(model, "node");
    Node *copy = graph_insert_node(graph, NULL, node->op, node->span);
    for (int64_t i = 0; i < node->inputs.len; i++) {
        const char *name = arena_printf(model->arena, "i%lld", (long long)i);
        node_add_input(copy, inputs[i] ? graph_add_constant(graph, name, inputs[i], node->span) : NULL);
    }
    for (int64_t i = 0; i < node->outputs.len; i++) {
        const char *name = arena_printf(model->arena, "o%lld", (long long)i);
        bool wanted = node->outputs.at[i];
        node_add_output(copy, wanted ? graph_add_value(graph, name, (Type){.shape.rank = -1}, node->span) : NULL);
    }
    copy->attrs = node->attrs;
    return copy;
}

static bool allocate(const Node *node, Tensor **outputs, Arena *arena, Diag *diag)
{
    for (int64_t i = 0; i < node->outputs.len; i++) {
        const Value *value = node->outputs.at[i];
        int64_t dims[MAX_RANK];
        outputs[i] = NULL;
        if (!value)
            continue;
        for (int d = 0; d < value->type.shape.rank; d++)
            dims[d] = value->type.shape.dims[d].size;
        outputs[i] = tensor_new(arena, value->type.dtype, value->type.shape.rank, dims);
        if (!outputs[i]) {
            diag_error(diag, node->span, "%s makes a tensor of %s, which can't be computed", node->op->name,
                       type_text(node->graph->model->arena, &value->type));
            return false;
        }
    }
    return true;
}

static bool (*const refs[OP_COUNT])(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag) = {
#define OP(name, ...) [OP_##name] = ref_##name,
#include "ir/ops.def"
#undef OP
};

bool op_compute(OpKind op, const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
{
    return refs[op](node, inputs, outputs, diag);
}

/* The nodes that a spelled one stands for, in its own small graph. */
static bool run_spelled(Node *node, Tensor **outputs, Arena *arena, Diag *diag)
{
    Graph *graph = node->graph;
    Tensor **wanted = NEW_ARRAY(graph->model->arena, Tensor *, node->outputs.len);
    int64_t n = node->outputs.len, at = 0, *place = NEW_ARRAY(graph->model->arena, int64_t, n);
    for (int64_t i = 0; i < n; i++)
        if (node->outputs.at[i]) {
            graph_add_output(graph, node->outputs.at[i]);
            place[at++] = i;
        }
    node_spell(node);
    if (!run_graph(graph, NULL, wanted, arena, diag, NULL, NULL))
        return false;
    while (at--)
        outputs[place[at]] = wanted[at];
    return true;
}

static bool run_plain(const Node *node, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag)
{
    Model model = *node->graph->model; /* for its opset; the copy lives in memory of its own */
    model.arena = arena_new();
    Node *copy = concrete_copy(node, inputs, &model);
    bool ok = infer_rule(copy, diag);
    if (ok && op_is_spelled(node->op->kind))
        ok = run_spelled(copy, outputs, arena, diag);
    else
        ok = ok && allocate(copy, outputs, arena, diag) && op_compute(node->op->kind, copy, inputs, outputs, diag);
    arena_free(model.arena);
    return ok;
}

/* A body may hand out an input as it came; the output must outlive it. */
static void unshare(const Node *node, Tensor *const *inputs, Tensor **outputs, Arena *arena)
{
    for (int64_t o = 0; o < node->outputs.len; o++)
        for (int64_t i = 0; i < node->inputs.len; i++)
            if (outputs[o] == inputs[i]) {
                outputs[o] = tensor_new(arena, inputs[i]->dtype, inputs[i]->rank, inputs[i]->dims);
                for (int64_t e = 0; e < inputs[i]->count; e++)
                    tensor_copy_element(outputs[o], e, inputs[i], e);
            }
}

static bool run_node(Node *node, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag, Observe *observe,
                     void *context)
{
    if (node->op->kind == OP_Region) {
        if (!run_graph(node_attr_graph(node, "body"), inputs, outputs, arena, diag, observe, context))
            return false;
        unshare(node, inputs, outputs, arena);
        return true;
    }
    return run_plain(node, inputs, outputs, arena, diag);
}

bool node_interpret(Node *node, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag)
{
    return run_node(node, inputs, outputs, arena, diag, NULL, NULL);
}

/* ── A graph ─────────────────────────────────────────────────────────────────────────────────────────── */

/* The memory of a node's outputs, given back after their last use. */
typedef struct Holder {
    Arena *arena;
    int64_t uses;
} Holder;

typedef struct Slot { /* a value while the graph runs, found by its mark */
    Tensor *tensor;
    Holder *holder; /* NULL: the tensor stays */
} Slot;

typedef struct Run {
    VEC(Slot) slots;
    Arena *scratch; /* slots and holders */
    Arena *arena;   /* what the caller keeps */
    Diag *diag;
    Observe *observe;
    void *context;
} Run;

static void define(Run *run, Value *value, Tensor *tensor, Holder *holder)
{
    value->mark = run->slots.len;
    vec_push(run->scratch, &run->slots, (Slot){tensor, holder});
    if (run->observe && tensor)
        run->observe(run->context, value, tensor);
}

static Tensor *fetch(const Run *run, const Value *value)
{
    assert(value->constant || run->slots.at);
    return value->constant ? value->constant : run->slots.at[value->mark].tensor;
}

static void release_use(const Run *run, const Value *value)
{
    Holder *holder = value && !value->constant ? run->slots.at[value->mark].holder : NULL;
    if (holder && --holder->uses == 0) {
        arena_free(holder->arena);
        holder->arena = NULL;
    }
}

/* Outputs of the graph live in the caller's memory, the others as long as they are needed; an observer may keep
 * what it has seen. */
static Holder *holder_for(Run *run, const Node *node)
{
    int64_t uses = 0;
    if (run->observe)
        return NULL;
    for (int64_t i = 0; i < node->outputs.len; i++) {
        const Value *value = node->outputs.at[i];
        if (value && value->is_output)
            return NULL;
        uses += value ? value->users.len : 0;
    }
    Holder *holder = NEW(run->scratch, Holder);
    *holder = (Holder){arena_new(), uses};
    return holder;
}

static bool step(Run *run, Node *node, Holder *holder)
{
    Tensor **inputs = NEW_ARRAY(run->scratch, Tensor *, node->inputs.len);
    Tensor **outputs = NEW_ARRAY(run->scratch, Tensor *, node->outputs.len);
    for (int64_t i = 0; i < node->inputs.len; i++)
        inputs[i] = node->inputs.at[i] ? fetch(run, node->inputs.at[i]) : NULL;
    Arena *arena = holder ? holder->arena : run->arena;
    if (!run_node(node, inputs, outputs, arena, run->diag, run->observe, run->context))
        return false;
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            define(run, node->outputs.at[i], outputs[i], holder);
    for (int64_t i = 0; i < node->inputs.len; i++)
        release_use(run, node->inputs.at[i]);
    return true;
}

static bool run_nodes(Run *run, Graph *graph)
{
    VEC(Holder *) holders = {0};
    bool ok = true;
    int64_t count = 0, done = 0;
    FOR_NODES (node, graph)
        count++;
    for (Node *node = graph->first; ok && node; node = node->next) {
        if (!graph->parent) /* a body is but a node's */
            progress_show((double)done / (double)count, "%lld of %lld nodes interpreted", (long long)done, (long long)count);
        done++;
        Holder *holder = holder_for(run, node);
        if (holder)
            vec_push(run->scratch, &holders, holder);
        ok = step(run, node, holder);
    }
    for (int64_t i = 0; i < holders.len; i++)
        arena_free(holders.at[i]->arena);
    return ok;
}

static bool run_graph(Graph *graph, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag, Observe *observe,
                      void *context)
{
    Run run = {.scratch = arena_new(), .arena = arena, .diag = diag, .observe = observe, .context = context};
    for (int64_t i = 0; i < graph->inputs.len; i++)
        define(&run, graph->inputs.at[i], inputs[i], NULL);
    bool ok = run_nodes(&run, graph);
    for (int64_t i = 0; ok && i < graph->outputs.len; i++)
        outputs[i] = fetch(&run, graph->outputs.at[i]);
    arena_free(run.scratch);
    return ok;
}

/* ── Inputs from outside ─────────────────────────────────────────────────────────────────────────────── */

static bool matches(const Type *type, const Tensor *tensor, const char *batch, int64_t batch_size)
{
    if (type->dtype != tensor->dtype || type->shape.rank != tensor->rank)
        return false;
    for (int i = 0; i < tensor->rank; i++) {
        Dim dim = type->shape.dims[i];
        int64_t expected = dim_is_fixed(dim) ? dim.size : str_equal(dim.symbol, batch) ? batch_size : tensor->dims[i];
        if (tensor->dims[i] != expected)
            return false;
    }
    return true;
}

static int64_t batch_of(const Graph *graph, Tensor *const *inputs, const char *batch)
{
    for (int64_t i = 0; batch && i < graph->inputs.len; i++) {
        const Shape *shape = &graph->inputs.at[i]->type.shape;
        if (shape->rank > 0 && str_equal(shape->dims[0].symbol, batch) && inputs[i]->rank > 0)
            return inputs[i]->dims[0];
    }
    return -1;
}

bool graph_interpret(Graph *graph, Tensor *const *inputs, Tensor **outputs, Arena *arena, Diag *diag,
                     void (*observe)(void *context, const Value *value, const Tensor *tensor), void *context)
{
    const char *batch = graph_batch_symbol(graph);
    int64_t batch_size = batch_of(graph, inputs, batch);
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        const Value *input = graph->inputs.at[i];
        Type got = tensor_type(inputs[i]);
        if (matches(&input->type, inputs[i], batch, batch_size))
            continue;
        diag_error(diag, input->span, "input '%s' is %s, expected %s", input->name, type_text(arena, &got),
                   type_text(arena, &input->type));
        return false;
    }
    return run_graph(graph, inputs, outputs, arena, diag, observe, context);
}
