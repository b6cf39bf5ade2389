/* The op table as data, and the checks of one node against it. */
#include "ir/op.h"
#include "ir/infer_util.h"
#include "ir/interp_util.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define V(...) (__VA_ARGS__) /* parentheses keep it one argument where a row becomes another */
#define BRACED(...) {__VA_ARGS__}
const Op op_table[OP_COUNT] = {
#define ROW(name, domain, class, versions, inputs, outputs, attrs, cost, summary) \
    [OP_##name] = {OP_##name, #name, domain,  class, BRACED versions, inputs,     \
                   outputs,   attrs, summary, cost,  infer_##name,    ref_##name},
#define OP(name, domain, class, versions, inputs, outputs, attrs, summary) \
    ROW(name, domain, class, versions, inputs, outputs, attrs, 0, summary)
#define ELEMENTWISE(name, versions, inputs, outputs, attrs, cost, summary) \
    ROW(name, "", CLASS_ELEMENTWISE, versions, inputs, outputs, attrs, cost, summary)
#include "ir/ops.def"
#undef OP
};

const Op *op_get(OpKind kind) { return &op_table[kind]; }

const Op *op_find(const char *domain, const char *name)
{
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(op_table[i].name, name) == 0 && strcmp(op_table[i].domain, domain) == 0)
            return &op_table[i];
    return NULL;
}

const char *op_nearest(const char *domain, const char *name)
{
    const char *names[OP_COUNT];
    int64_t n = 0;
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(op_table[i].domain, domain) == 0)
            names[n++] = op_table[i].name;
    return nearest_name(name, names, n);
}

/* Words of "X W B?" and how many of them are required. "Y..." stands for any number of words, none among them. */
static void count_words(const char *words, int *min, int *max)
{
    *min = *max = 0;
    while (*words) {
        size_t n = strcspn(words, " ");
        bool optional = words[n - 1] == '?', repeats = n > 3 && strncmp(words + n - 3, "...", 3) == 0;
        *max = repeats ? INT_MAX : *max + 1;
        *min += !optional && !repeats;
        words += n + (words[n] == ' ');
    }
}

#define COUNT(field, which)             \
    int min, max;                       \
    count_words(op->field, &min, &max); \
    return which

int op_min_inputs(const Op *op) { COUNT(inputs, min); }
int op_max_inputs(const Op *op) { COUNT(inputs, max); }
int op_min_outputs(const Op *op) { COUNT(outputs, min); }
int op_max_outputs(const Op *op) { COUNT(outputs, max); }

static AttrKind kind_from_name(const char *name, size_t n)
{
    static const struct {
        const char *name;
        AttrKind kind;
    } kinds[] = {
        {"float", ATTR_FLOAT}, {"int", ATTR_INT},       {"string", ATTR_STRING}, {"tensor", ATTR_TENSOR},
        {"graph", ATTR_GRAPH}, {"floats", ATTR_FLOATS}, {"ints", ATTR_INTS},     {"strings", ATTR_STRINGS},
    };
    for (int64_t i = 0; i < countof(kinds); i++)
        if (strlen(kinds[i].name) == n && strncmp(kinds[i].name, name, n) == 0)
            return kinds[i].kind;
    unreachable();
}

static void parse_spec(const char *word, size_t n, AttrSpec *spec)
{
    memset(spec, 0, sizeof *spec);
    size_t name = strcspn(word, ":"), kind = strcspn(word + name + 1, " =!");
    memcpy(spec->name, word, name);
    spec->kind = kind_from_name(word + name + 1, kind);
    const char *rest = word + name + 1 + kind;
    spec->required = *rest == '!';
    spec->has_default = *rest == '=';
    if (spec->has_default)
        memcpy(spec->default_text, rest + 1, (size_t)(word + n - rest - 1));
}

bool op_attr_at(const Op *op, int index, AttrSpec *spec)
{
    const char *word = op->attrs;
    for (; *word; index--) {
        size_t n = strcspn(word, " ");
        if (index == 0) {
            parse_spec(word, n, spec);
            return true;
        }
        word += n + (word[n] == ' ');
    }
    return false;
}

bool op_attr_spec(const Op *op, const char *name, AttrSpec *spec)
{
    for (int i = 0; op_attr_at(op, i, spec); i++)
        if (strcmp(spec->name, name) == 0)
            return true;
    return false;
}

/* ── Checking a node ─────────────────────────────────────────────────────────────────────────────────── */

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
        if (!node->inputs.at[i]) {
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
