/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Attribute values: the literals after an attribute's name → Attr, by its declared type or by their kind.
 *
 *   group = 2               int            alpha: float = 1        float: a declared type converts integers
 *   pads = [0, 0, 0, 0]     ints           axes: ints = []         an empty list needs a type
 *   alpha: float = @a       a reference to the enclosing function's attribute a */
#include "compiler/frontend/text/tree.h"

#include <string.h>

#define KIND_OTHER ((AttrKind)99) /* ONNX has it, we don't: sparse tensors and types */

static const struct {
    const char *name;
    AttrKind kind;
} kind_names[] = {
    {"float", ATTR_FLOAT},      {"int", ATTR_INT},           {"string", ATTR_STRING},       {"tensor", ATTR_TENSOR},
    {"graph", ATTR_GRAPH},      {"floats", ATTR_FLOATS},     {"ints", ATTR_INTS},           {"strings", ATTR_STRINGS},
    {"tensors", ATTR_TENSORS},  {"graphs", ATTR_GRAPHS},     {"sparse_tensor", KIND_OTHER}, {"sparse_tensors", KIND_OTHER},
    {"type_proto", KIND_OTHER}, {"type_protos", KIND_OTHER},
};

static const char *value_words[] = {
    [VALUE_INT] = "an integer", [VALUE_FLOAT] = "a float", [VALUE_STRING] = "a string", [VALUE_TENSOR] = "a tensor",
    [VALUE_TYPE] = "a type",    [VALUE_GRAPH] = "a graph", [VALUE_REF] = "a reference",
};

static bool kind_from_name(TextParser *p, const char *name, Span span, AttrKind *kind)
{
    const char *names[countof(kind_names)];
    for (int64_t i = 0; i < countof(kind_names); i++) {
        names[i] = kind_names[i].name;
        if (strcmp(name, kind_names[i].name) == 0)
            return *kind = kind_names[i].kind, true;
    }
    const char *near = nearest_name(name, names, countof(names));
    diag_error(p->diag, span, "unknown attribute type %.40s%s%s", name, near ? ", did you mean " : "", near ? near : "");
    return false;
}

static AttrKind natural_kind(TextValueKind kind, bool list)
{
    switch (kind) {
    case VALUE_INT: return list ? ATTR_INTS : ATTR_INT;
    case VALUE_FLOAT: return list ? ATTR_FLOATS : ATTR_FLOAT;
    case VALUE_STRING: return list ? ATTR_STRINGS : ATTR_STRING;
    case VALUE_TENSOR: return list ? ATTR_TENSORS : ATTR_TENSOR;
    case VALUE_GRAPH: return list ? ATTR_GRAPHS : ATTR_GRAPH;
    case VALUE_REF: return ATTR_REF;
    default: return KIND_OTHER;
    }
}

static bool is_list(AttrKind kind) { return kind >= ATTR_FLOATS && kind <= ATTR_GRAPHS; }

static bool fill_ints(TextParser *p, Attr *attr, const TextValues *values)
{
    int64_t *ints = NEW_ARRAY(p->arena, int64_t, values->len);
    for (int64_t i = 0; i < values->len; i++)
        if (!text_int(p, values->at[i].span, INT64_MIN, INT64_MAX, attr->name, &ints[i]))
            return false;
    attr->ints = ints;
    attr->i = values->len ? ints[0] : 0;
    return true;
}

static bool fill_floats(TextParser *p, Attr *attr, const TextValues *values)
{
    double *floats = NEW_ARRAY(p->arena, double, values->len);
    for (int64_t i = 0; i < values->len; i++)
        if (!text_float(p, values->at[i].span, &floats[i]))
            return false;
    attr->floats = floats;
    attr->f = values->len ? floats[0] : 0;
    return true;
}

static void fill_strings(TextParser *p, Attr *attr, const TextValues *values)
{
    const char **strings = NEW_ARRAY(p->arena, const char *, values->len);
    for (int64_t i = 0; i < values->len; i++)
        strings[i] = values->at[i].string;
    attr->strings = strings;
    attr->string = values->len ? strings[0] : NULL;
}

static bool fill(TextParser *p, TextAttr *text, const TextValues *values)
{
    Attr *attr = &text->attr;
    switch (attr->kind) {
    case ATTR_INT: {
        bool ok = fill_ints(p, attr, values);
        return attr->ints = NULL, ok;
    }
    case ATTR_FLOAT: {
        bool ok = fill_floats(p, attr, values);
        return attr->floats = NULL, ok;
    }
    case ATTR_STRING: attr->string = values->at[0].string; return true;
    case ATTR_TENSOR: attr->tensor = values->at[0].tensor->tensor; return attr->tensor != NULL;
    case ATTR_GRAPH: text->graph = values->at[0].graph; return true;
    case ATTR_INTS: attr->count = values->len; return fill_ints(p, attr, values);
    case ATTR_FLOATS: attr->count = values->len; return fill_floats(p, attr, values);
    case ATTR_STRINGS:
        attr->count = values->len;
        fill_strings(p, attr, values);
        return true;
    default:
        diag_unsupported(p->diag, attr->span,
                         "attribute %s: lists of tensors or graphs, sparse tensors and types are not supported", attr->name);
        return false;
    }
}

/* Every value must be what kind is made of; integers will do for floats where the type is declared. */
static bool values_fit(TextParser *p, const char *name, AttrKind kind, bool declared, const TextValues *values, bool list)
{
    for (int64_t i = 0; i < values->len; i++) {
        TextValueKind found = values->at[i].kind;
        bool converts = declared && found == VALUE_INT && (kind == ATTR_FLOAT || kind == ATTR_FLOATS);
        if (natural_kind(found, list) == kind || converts)
            continue;
        const char *wanted = "another type";
        for (int64_t k = 0; k < countof(kind_names); k++)
            if (kind_names[k].kind == kind)
                wanted = kind_names[k].name;
        diag_error(p->diag, values->at[i].span, "attribute %s: expected %s, found %s%s", name, wanted, value_words[found],
                   !list ? ""
                   : i   ? ""
                         : " in a list");
        return false;
    }
    return true;
}

static bool decide_kind(TextParser *p, TextAttr *text, const TextValues *values, bool list, const char *kind_name, Span kind_span)
{
    Attr *attr = &text->attr;
    bool declared = kind_name != NULL;
    if (declared && !kind_from_name(p, kind_name, kind_span, &attr->kind))
        return false;
    if (!list && values->at[0].kind == VALUE_REF) {
        attr->ref_kind = attr->kind;
        attr->kind = ATTR_REF;
        attr->string = values->at[0].string;
        return true;
    }
    if (!declared && values->len == 0) {
        diag_error(p->diag, attr->span, "attribute %s: an empty list needs a type, for example %s: ints = []", attr->name,
                   attr->name);
        return false;
    }
    if (!declared)
        attr->kind = natural_kind(values->at[0].kind, list);
    if (declared && is_list(attr->kind) != list && attr->kind != KIND_OTHER) {
        diag_error(p->diag, attr->span, "attribute %s: expected %s, found %s", attr->name, kind_name,
                   list ? "a list" : value_words[values->at[0].kind]);
        return false;
    }
    return values_fit(p, attr->name, attr->kind, declared, values, list);
}

TextAttr *text_attr(TextParser *p, const char *name, Span span, const char *kind_name, Span kind_span, const TextValues *values,
                    bool list)
{
    TextAttr *text = NEW(p->arena, TextAttr);
    text->attr.name = name;
    text->attr.span = span;
    text->bad =
        !decide_kind(p, text, values, list, kind_name, kind_span) || (text->attr.kind != ATTR_REF && !fill(p, text, values));
    return text;
}
