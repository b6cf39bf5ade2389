/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A node against the op table.
 *
 *   y = Conv(x)   →   error: Conv expects 2 to 3 inputs, got 1 */
#include "ir/check.h"

#include "ir/op.h"

#include <limits.h>
#include <string.h>

static const char *range_text(Arena *arena, int min, int max)
{
    if (max == INT_MAX)
        return arena_printf(arena, "at least %d", min);
    return min == max ? arena_printf(arena, "%d", min) : arena_printf(arena, "%d to %d", min, max);
}

static bool check_count(const Node *node, const char *what, int64_t count, int min, int max, Diag *diag)
{
    if (count >= min && count <= max)
        return true;
    diag_error(diag, node->span, "%s expects %s %s%s, got %lld", node->op->name, range_text(node->graph->model->arena, min, max),
               what, min == 1 && max == 1 ? "" : "s", (long long)count);
    return false;
}

/* A required input written as "" is missing, although it has a place. */
static bool check_required(const Node *node, Diag *diag)
{
    for (int64_t i = 0; i < node->inputs.len && i < op_min_inputs(node->op); i++)
        if (!node->inputs.at[i] && op_requires_input(node->op, i)) {
            diag_error(diag, node->span, "%s expects input %lld to be given, it is left out", node->op->name, (long long)i);
            return false;
        }
    return true;
}

static const char *kind_name(AttrKind kind)
{
    switch (kind) {
    case ATTR_FLOAT: return "float";
    case ATTR_INT: return "int";
    case ATTR_STRING: return "string";
    case ATTR_TENSOR: return "tensor";
    case ATTR_GRAPH: return "graph";
    case ATTR_FLOATS: return "floats";
    case ATTR_INTS: return "ints";
    case ATTR_STRINGS: return "strings";
    case ATTR_TENSORS: return "tensors";
    case ATTR_GRAPHS: return "graphs";
    case ATTR_REF: return "reference";
    }
    unreachable();
}

/* Int literals where floats are meant, and an empty list, whose kind nothing tells. */
static bool coerce(Arena *arena, Attr *attr, AttrKind kind)
{
    bool list = attr->kind == ATTR_INTS || attr->kind == ATTR_FLOATS || attr->kind == ATTR_STRINGS;
    if (attr->kind == ATTR_INT && kind == ATTR_FLOAT) {
        attr->f = (double)attr->i;
    } else if (attr->kind == ATTR_INTS && kind == ATTR_FLOATS) {
        double *floats = NEW_ARRAY(arena, double, attr->count);
        for (int64_t i = 0; i < attr->count; i++)
            floats[i] = (double)attr->ints[i];
        attr->floats = floats;
    } else if (!(list && attr->count == 0 && (kind == ATTR_INTS || kind == ATTR_FLOATS || kind == ATTR_STRINGS))) {
        return false;
    }
    attr->kind = kind;
    return true;
}

static Span attr_span(const Node *node, const Attr *attr) { return attr->span.source ? attr->span : node->span; }

static void unknown_attr(const Node *node, const Attr *attr, Diag *diag)
{
    AttrSpec specs[16];
    const char *names[16];
    int64_t n = 0;
    while (n < countof(specs) && op_attr_at(node->op, (int)n, &specs[n])) {
        names[n] = specs[n].name;
        n++;
    }
    const char *near = nearest_name(attr->name, names, n);
    diag_error(diag, attr_span(node, attr), "%s has no attribute '%s'%s%s%s", node->op->name, attr->name,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* A call takes its function's attributes. */
static bool check_attr(const Node *node, Attr *attr, Diag *diag)
{
    AttrSpec spec;
    if (!op_attr_spec(node->op, attr->name, &spec)) {
        if (node->op->kind == OP_Call)
            return true;
        unknown_attr(node, attr, diag);
        return false;
    }
    AttrKind kind = attr->kind == ATTR_REF ? attr->ref_kind : attr->kind;
    if (kind == spec.kind || coerce(node->graph->model->arena, attr, spec.kind))
        return true;
    diag_error(diag, attr_span(node, attr), "attribute '%s' of %s expects %s, got %s", attr->name, node->op->name,
               kind_name(spec.kind), kind_name(kind));
    return false;
}

static bool check_required_attrs(const Node *node, Diag *diag)
{
    AttrSpec spec;
    bool ok = true;
    for (int i = 0; op_attr_at(node->op, i, &spec); i++)
        if (spec.required && !node_attr(node, spec.name)) {
            diag_error(diag, node->span, "%s expects attribute '%s', it is missing", node->op->name, spec.name);
            ok = false;
        }
    return ok;
}

bool node_check(Node *node, Diag *diag)
{
    const Op *op = node->op;
    bool ok = check_count(node, "input", node->inputs.len, op_min_inputs(op), op_max_inputs(op), diag) &&
              check_required(node, diag) &&
              check_count(node, "output", node->outputs.len, op_min_outputs(op), op_max_outputs(op), diag);
    for (int64_t i = 0; i < node->attrs.len; i++)
        ok &= check_attr(node, &node->attrs.at[i], diag);
    return check_required_attrs(node, diag) && ok;
}
