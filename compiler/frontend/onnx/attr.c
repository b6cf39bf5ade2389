/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Attributes of .onnx files.
 *
 *   AttributeProto {name "pads", type INTS, ints 3 3 3 3}  →  Attr {.kind = ATTR_INTS, .ints = …} */
#include "compiler/frontend/onnx/reader.h"

#include <string.h>

/* Field numbers of AttributeProto. */
enum { NAME = 1, F = 2, I = 3, S = 4, T = 5, G = 6, FLOATS = 7, INTS = 8, STRINGS = 9, TYPE = 20, REF_ATTR_NAME = 21 };

/* The kind: as stated, else (files older than IR version 2) by the field that is there. */
static AttrKind kind_of(const Wire *wire)
{
    int64_t stated = wire_int(wire, TYPE);
    return stated                             ? (AttrKind)stated
           : wire_last(wire, F)               ? ATTR_FLOAT
           : wire_last(wire, I)               ? ATTR_INT
           : wire_last(wire, S)               ? ATTR_STRING
           : wire_last(wire, T)               ? ATTR_TENSOR
           : wire_last(wire, G)               ? ATTR_GRAPH
           : wire_numbers(wire, FLOATS, NULL) ? ATTR_FLOATS
           : wire_numbers(wire, INTS, NULL)   ? ATTR_INTS
           : wire_first(wire, STRINGS)        ? ATTR_STRINGS
                                              : (AttrKind)0;
}

/* field NULL: "". The schema calls it bytes, so that only we know it to be text. */
static bool read_string(OnnxReader *reader, const Wire *field, const Attr *attr, const char **string)
{
    *string = wire_text(field, reader->arena);
    if (!field || !memchr(field->source->text + field->begin, 0, (size_t)(field->end - field->begin)))
        return true;
    diag_unsupported(reader->diag, attr->span, "attribute %s holds a NUL byte", attr->name);
    return false;
}

static bool read_strings(OnnxReader *reader, const Wire *wire, Attr *attr)
{
    VEC(const char *) strings = {0};
    for (const Wire *w = wire_first(wire, STRINGS); w; w = wire_next(w)) {
        const char *string;
        if (!read_string(reader, w, attr, &string))
            return false;
        vec_push(reader->arena, &strings, string);
    }
    attr->strings = strings.at;
    attr->count = strings.len;
    return true;
}

static void read_ints(OnnxReader *reader, const Wire *wire, Attr *attr)
{
    int64_t *ints = NEW_ARRAY(reader->arena, int64_t, wire_numbers(wire, INTS, NULL));
    attr->count = wire_numbers(wire, INTS, (uint64_t *)ints);
    attr->ints = ints;
}

static void read_floats(OnnxReader *reader, const Wire *wire, Attr *attr)
{
    double *floats = NEW_ARRAY(reader->arena, double, wire_numbers(wire, FLOATS, NULL));
    attr->count = wire_numbers(wire, FLOATS, (uint64_t *)floats); /* bits, each made a number in its place */
    for (int64_t i = 0; i < attr->count; i++) {
        float number;
        memcpy(&number, &floats[i], sizeof number);
        floats[i] = number;
    }
    attr->floats = floats;
}

static bool read_tensor(OnnxReader *reader, const Wire *wire, Attr *attr)
{
    const Wire *tensor = wire_last(wire, T);
    if (tensor)
        return (attr->tensor = onnx_read_tensor(reader, tensor)) != NULL;
    diag_error(reader->diag, attr->span, "attribute %s has no tensor", attr->name);
    return false;
}

static bool read_value(OnnxReader *reader, const Wire *wire, Attr *attr)
{
    switch (attr->kind) {
    case ATTR_FLOAT: attr->f = wire_float(wire, F); return true;
    case ATTR_INT: attr->i = wire_int(wire, I); return true;
    case ATTR_STRING: return read_string(reader, wire_last(wire, S), attr, &attr->string);
    case ATTR_TENSOR: return read_tensor(reader, wire, attr);
    case ATTR_GRAPH: return true; /* read by the caller, who knows the enclosing graph */
    case ATTR_FLOATS: read_floats(reader, wire, attr); return true;
    case ATTR_INTS: read_ints(reader, wire, attr); return true;
    case ATTR_STRINGS: return read_strings(reader, wire, attr);
    default: break;
    }
    diag_unsupported(reader->diag, attr->span, "attribute %s is of type %d, which is not supported", attr->name, (int)attr->kind);
    return false;
}

bool onnx_read_attr(OnnxReader *reader, const Wire *wire, Attr *attr)
{
    const char *refers_to = wire_text_in(wire, REF_ATTR_NAME, reader->arena);
    *attr = (Attr){.name = wire_text_in(wire, NAME, reader->arena), .kind = kind_of(wire), .span = wire_span(wire)};
    if (*attr->name == '\0') {
        diag_error(reader->diag, attr->span, "attribute has no name");
        return false;
    }
    if (!*refers_to)
        return read_value(reader, wire, attr);
    attr->ref_kind = attr->kind;
    attr->kind = ATTR_REF;
    attr->string = refers_to;
    return true;
}
