/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference over a graph: each node in order, its outputs' types from its inputs', checked against what the user
 * declared.
 *
 *   y = Conv(x, w)      x is float[N,3,224,224], w float[96,3,4,4], strides [4, 4]: y is float[N,96,56,56]
 *
 * A node that fails is reported; what depends on it is skipped without a further word, so one mistake makes
 * one error. */
#include "ir/infer.h"
#include "ir/check.h"
#include "ir/infer_util.h"
#include "ir/region.h"

#include <string.h>

static bool infer_graph(Graph *graph, Diag *diag);

static bool is_known(const Value *value) { return value->type.dtype != DT_UNDEFINED && value->type.shape.rank >= 0; }

/* ── Regions ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool infer_region(Node *node, Diag *diag)
{
    Graph *body = node_attr_graph(node, "body");
    if (body->inputs.len != node->inputs.len || body->outputs.len != node->outputs.len)
        return FAIL(node, diag, "Region has %lld inputs and %lld outputs, its body %lld and %lld", (long long)node->inputs.len,
                    (long long)node->outputs.len, (long long)body->inputs.len, (long long)body->outputs.len);
    for (int64_t i = 0; i < node->inputs.len; i++) {
        if (!node->inputs.at[i])
            return FAIL(node, diag, "Region expects input %lld to be given, it is left out", (long long)i);
        body->inputs.at[i]->type = node->inputs.at[i]->type;
    }
    if (!infer_graph(body, diag))
        return false;
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            node->outputs.at[i]->type = body->outputs.at[i]->type;
    return region_check(node, diag);
}

bool infer_types(Node *node, Diag *diag)
{
    return node->op->kind == OP_Region ? infer_region(node, diag) : infer_rule(node, diag);
}

/* ── One node ────────────────────────────────────────────────────────────────────────────────────────── */

/* The bytes of a value, or of one image where the batch is free, fit in an int64. */
static bool check_size(const Value *value, Diag *diag)
{
    int64_t bytes = dtype_size(value->type.dtype);
    for (int i = 0; i < value->type.shape.rank; i++)
        if (value->type.shape.dims[i].size == 0)
            return true;
    for (int i = 0; i < value->type.shape.rank; i++) {
        int64_t size = value->type.shape.dims[i].size;
        if (size > 0 && __builtin_mul_overflow(bytes, size, &bytes)) {
            diag_error(diag, value->span, "the size of '%s', %s, overflows", value->name,
                       type_text(value->graph->model->arena, &value->type));
            return false;
        }
    }
    return true;
}

static bool contradicts(const Type *declared, const Type *inferred)
{
    if (declared->dtype != DT_UNDEFINED && declared->dtype != inferred->dtype)
        return true;
    if (declared->shape.rank < 0)
        return false;
    if (declared->shape.rank != inferred->shape.rank)
        return true;
    for (int i = 0; i < inferred->shape.rank; i++) {
        Dim a = declared->shape.dims[i], b = inferred->shape.dims[i];
        if (dim_is_fixed(a) && dim_is_fixed(b) && a.size != b.size)
            return true;
    }
    return false;
}

/* Where inference does not know a dimension at all, the declaration's word is taken. */
static bool merge_declared(Value *value, const Type *declared, Diag *diag)
{
    Shape *shape = &value->type.shape;
    if (contradicts(declared, &value->type)) {
        Arena *arena = value->graph->model->arena;
        diag_error(diag, value->span, "'%s' is declared as %s, but is %s", value->name, type_text(arena, declared),
                   type_text(arena, &value->type));
        return false;
    }
    for (int i = 0; i < shape->rank && declared->shape.rank == shape->rank; i++)
        if (!dim_is_fixed(shape->dims[i]) && !shape->dims[i].symbol)
            shape->dims[i] = declared->shape.dims[i];
    return true;
}

/* False without a word if an earlier error has left an input without a type. */
static bool inputs_are_known(const Node *node, Diag *diag)
{
    for (int64_t i = 0; i < node->inputs.len; i++) {
        const Value *value = node->inputs.at[i];
        if (!value || is_known(value))
            continue;
        if (!diag_failed(diag))
            diag_error(diag, node->span, "the type of '%s' is not known", value->name);
        return false;
    }
    return true;
}

/* Elements that are only stored are for nothing but DequantizeLinear. */
static bool inputs_are_computable(const Node *node, Diag *diag)
{
    for (int64_t i = 0; i < node->inputs.len && node->op->kind != OP_DequantizeLinear; i++) {
        const Value *value = node->inputs.at[i];
        if (!value || !dtype_is_stored(value->type.dtype))
            continue;
        diag_unsupported(diag, node->span, "%s of %s is not supported", node->op->name, dtype_name(value->type.dtype));
        return false;
    }
    return true;
}

static bool infer_one(Node *node, Diag *diag)
{
    if (!inputs_are_known(node, diag) || !inputs_are_computable(node, diag) || !infer_types(node, diag))
        return false;
    infer_known(node);
    return true;
}

static bool infer_checked(Node *node, Diag *diag)
{
    Type *declared = NEW_ARRAY(node_arena(node), Type, node->outputs.len);
    bool ok = node_check(node, diag);
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i]) {
            declared[i] = node->outputs.at[i]->type;
            node->outputs.at[i]->type = (Type){.shape.rank = -1};
        }
    ok = ok && infer_one(node, diag);
    for (int64_t i = 0; i < node->outputs.len; i++) {
        Value *value = node->outputs.at[i];
        if (value && !ok)
            value->type = declared[i];
        else if (value)
            ok &= merge_declared(value, &declared[i], diag) && check_size(value, diag);
    }
    return ok;
}

void node_infer(Node *node)
{
    if (!infer_one(node, node->graph->model->diag))
        diag_bug(__FILE__, __LINE__, "a pass made a node that has no type");
}

/* ── A graph ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool infer_graph(Graph *graph, Diag *diag)
{
    bool ok = true;
    FOR_NODES (node, graph)
        ok &= infer_checked(node, diag);
    return ok;
}

static bool check_input(const Value *value, Diag *diag)
{
    const Shape *shape = &value->type.shape;
    if (!is_known(value)) {
        diag_error(diag, value->span, "input '%s' has no element type and shape", value->name);
        return false;
    }
    if (!dtype_is_computable(value->type.dtype)) {
        diag_unsupported(diag, value->span, "input '%s' has element type %s, which is not supported", value->name,
                         dtype_name(value->type.dtype));
        return false;
    }
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i].size == 0)
            diag_unsupported(diag, value->span, "dimension %d of input '%s' is 0: empty inputs are not supported", i,
                             value->name);
        else if (shape->dims[i].size < -1)
            diag_error(diag, value->span, "dimension %d of input '%s' is %lld, expected at least 1", i, value->name,
                       (long long)shape->dims[i].size);
        if (shape->dims[i].size == 0 || shape->dims[i].size < -1)
            return false;
    }
    return check_size(value, diag);
}

/* "?" in an input gets a name, so that --dim can fix it: the batch's is shared. */
static void name_open_dims(Graph *graph)
{
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        Value *input = graph->inputs.at[i];
        for (int d = 0; d < input->type.shape.rank; d++) {
            Dim *dim = &input->type.shape.dims[d];
            if (dim->size == -1 && !dim->symbol)
                dim->symbol = d ? arena_printf(graph->model->arena, "%s_%d", input->name, d) : "batch";
        }
    }
}

static bool bind_value(Value *value, DimBinding binding)
{
    bool found = false;
    for (int i = 0; value && i < value->type.shape.rank; i++) {
        Dim *dim = &value->type.shape.dims[i];
        if (!dim_is_fixed(*dim) && str_equal(dim->symbol, binding.symbol)) {
            *dim = dim_of(binding.size);
            found = true;
        }
    }
    return found;
}

/* In all declared types. False: the inputs do not have the symbol. */
static bool bind_everywhere(Graph *graph, DimBinding binding)
{
    bool found = false;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        found |= bind_value(graph->inputs.at[i], binding);
    for (int64_t i = 0; i < graph->declared.len; i++)
        bind_value(graph->declared.at[i], binding);
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++)
            bind_value(node->outputs.at[i], binding);
    return found;
}

/* Exporters leave even the channels of the picture symbolic; the weights of the first Conv say what they are. */
static void fix_channels(Graph *graph)
{
    FOR_NODES (node, graph) {
        const Value *x = node_input(node, 0), *w = node_input(node, 1);
        int64_t channels;
        if (node->op->kind != OP_Conv || !x || !x->is_input || !w || !w->constant || x->type.shape.rank < 2 ||
            w->constant->rank < 2 || !x->type.shape.dims[1].symbol)
            continue;
        if (!__builtin_mul_overflow(node_attr_int(node, "group"), w->constant->dims[1], &channels) && channels > 0)
            bind_everywhere(graph, (DimBinding){x->type.shape.dims[1].symbol, channels});
    }
}

bool graph_infer(Graph *graph, Diag *diag)
{
    bool ok = true;
    name_open_dims(graph);
    fix_channels(graph);
    for (int64_t i = 0; i < graph->inputs.len; i++)
        ok &= check_input(graph->inputs.at[i], diag);
    for (int64_t i = 0; i < graph->constants.len; i++)
        ok &= check_size(graph->constants.at[i], diag);
    return ok && infer_graph(graph, diag);
}

/* ── Symbols ─────────────────────────────────────────────────────────────────────────────────────────── */

static const char *symbols_text(const Graph *graph)
{
    StrBuf sb = {.arena = graph->model->arena};
    StrMap seen = {.arena = graph->model->arena};
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        const Shape *shape = &graph->inputs.at[i]->type.shape;
        for (int d = 0; d < shape->rank; d++)
            if (!dim_is_fixed(shape->dims[d]) && shape->dims[d].symbol &&
                strmap_put(&seen, shape->dims[d].symbol, (void *)(uintptr_t)shape))
                sb_printf(&sb, "%s%s", sb.len ? ", " : "", shape->dims[d].symbol);
    }
    return sb.len ? sb.text : "none";
}

static bool bind_one(Graph *graph, DimBinding binding, const char *symbols, Diag *diag)
{
    if (binding.size < 1) {
        diag_error(diag, NO_SPAN, "--dim %s=%lld: expected a size of at least 1", binding.symbol, (long long)binding.size);
        return false;
    }
    bool found = bind_everywhere(graph, binding);
    if (!found)
        diag_error(diag, NO_SPAN, "--dim %s=%lld: the model has no such symbolic dimension; it has: %s", binding.symbol,
                   (long long)binding.size, symbols);
    return found;
}

bool graph_bind_dims(Graph *graph, const DimBinding *bindings, int64_t count, Diag *diag)
{
    bool ok = true;
    name_open_dims(graph);
    const char *symbols = symbols_text(graph);
    for (int64_t i = 0; i < count; i++)
        ok &= bind_one(graph, bindings[i], symbols, diag);
    return ok;
}

static const char *flag_for(const Value *value, int d)
{
    Arena *arena = value->graph->model->arena;
    const char *symbol = value->type.shape.dims[d].symbol;
    if (value->type.shape.rank == 4 && d >= 2)
        return arena_printf(arena, "--dim %s=N or --image-size", symbol);
    return arena_printf(arena, "--dim %s=N", symbol);
}

static bool check_input_dims(const Value *value, const char *batch, Diag *diag)
{
    bool ok = true;
    for (int d = 0; d < value->type.shape.rank; d++) {
        Dim dim = value->type.shape.dims[d];
        if (dim_is_fixed(dim) || (d == 0 && str_equal(dim.symbol, batch)))
            continue;
        diag_error(diag, value->span, "dimension %d of input '%s' is symbolic (%s), fix it with %s", d, value->name, dim.symbol,
                   flag_for(value, d));
        ok = false;
    }
    return ok;
}

static bool check_value_dims(const Value *value, const char *batch, Diag *diag)
{
    for (int d = 0; d < value->type.shape.rank; d++) {
        Dim dim = value->type.shape.dims[d];
        if (dim_is_fixed(dim) || (d == 0 && str_equal(dim.symbol, batch)))
            continue;
        diag_error(diag, value->span, "dimension %d of '%s' depends on the free batch, fix it with --dim %s=N", d, value->name,
                   batch ? batch : "batch");
        return false;
    }
    return true;
}

bool graph_check_inputs(const Graph *graph, Diag *diag)
{
    const char *batch = graph_batch_symbol(graph);
    bool ok = true;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        ok &= check_input_dims(graph->inputs.at[i], batch, diag);
    return ok;
}

bool graph_check_dims(Graph *graph, Diag *diag)
{
    const char *batch = graph_batch_symbol(graph);
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i] && !check_value_dims(node->outputs.at[i], batch, diag))
                return false; /* what follows depends on it */
    return true;
}
