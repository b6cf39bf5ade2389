/* Attributes of .onnx files. Tensors and graphs are read from their own place in the file; the rest, which is
 * small, is unpacked by protobuf-c.
 *
 *   AttributeProto {name "pads", type INTS, ints 3 3 3 3}  →  Attr {.kind = ATTR_INTS, .ints = …} */
#include "compiler/frontend/onnx/reader.h"

#include <string.h>

enum { FIELD_T = 5, FIELD_G = 6 }; /* of AttributeProto */

/* The kind: as stated, else (files older than IR version 2) by the field that is there. */
static int kind_of(const Onnx__AttributeProto *proto)
{
    if (proto->has_type && proto->type)
        return proto->type;
    return proto->has_f       ? ATTR_FLOAT
           : proto->has_i     ? ATTR_INT
           : proto->has_s     ? ATTR_STRING
           : proto->t         ? ATTR_TENSOR
           : proto->g         ? ATTR_GRAPH
           : proto->n_floats  ? ATTR_FLOATS
           : proto->n_ints    ? ATTR_INTS
           : proto->n_strings ? ATTR_STRINGS
                              : 0;
}

static bool has_nul(ProtobufCBinaryData text) { return text.len && memchr(text.data, 0, text.len); }

static const char *copy_text(OnnxReader *reader, ProtobufCBinaryData text)
{
    return text.len ? arena_strndup(reader->arena, (const char *)text.data, text.len) : "";
}

static bool read_strings(OnnxReader *reader, const Onnx__AttributeProto *proto, Attr *attr)
{
    const char **strings = NEW_ARRAY(reader->arena, const char *, (int64_t)proto->n_strings);
    bool ok = true;
    for (size_t i = 0; i < proto->n_strings; i++) {
        ok = ok && !has_nul(proto->strings[i]);
        strings[i] = copy_text(reader, proto->strings[i]);
    }
    attr->strings = strings;
    attr->count = (int64_t)proto->n_strings;
    if (!ok)
        diag_unsupported(reader->diag, attr->span, "attribute %s holds a NUL byte", attr->name);
    return ok;
}

static void read_floats(OnnxReader *reader, const Onnx__AttributeProto *proto, Attr *attr)
{
    double *floats = NEW_ARRAY(reader->arena, double, (int64_t)proto->n_floats);
    for (size_t i = 0; i < proto->n_floats; i++)
        floats[i] = proto->floats[i];
    attr->floats = floats;
    attr->count = (int64_t)proto->n_floats;
}

static void read_ints(OnnxReader *reader, const Onnx__AttributeProto *proto, Attr *attr)
{
    int64_t *ints = NEW_ARRAY(reader->arena, int64_t, (int64_t)proto->n_ints);
    if (proto->n_ints)
        memcpy(ints, proto->ints, proto->n_ints * sizeof *ints);
    attr->ints = ints;
    attr->count = (int64_t)proto->n_ints;
}

static bool read_value(OnnxReader *reader, const Onnx__AttributeProto *proto, const Wire *wire, Attr *attr)
{
    switch (attr->kind) {
    case ATTR_FLOAT: attr->f = proto->f; return true;
    case ATTR_INT: attr->i = proto->i; return true;
    case ATTR_FLOATS: read_floats(reader, proto, attr); return true;
    case ATTR_INTS: read_ints(reader, proto, attr); return true;
    case ATTR_STRINGS: return read_strings(reader, proto, attr);
    case ATTR_STRING:
        attr->string = copy_text(reader, proto->s);
        if (has_nul(proto->s))
            diag_unsupported(reader->diag, attr->span, "attribute %s holds a NUL byte", attr->name);
        return !has_nul(proto->s);
    case ATTR_TENSOR:
        if (wire_last(wire, FIELD_T))
            return (attr->tensor = onnx_read_tensor(reader, wire_last(wire, FIELD_T))) != NULL;
        break;
    case ATTR_GRAPH: return true; /* read by the caller, who knows the enclosing graph */
    default: break;
    }
    if (attr->kind == ATTR_TENSOR)
        diag_error(reader->diag, attr->span, "attribute %s has no tensor", attr->name);
    else
        diag_unsupported(reader->diag, attr->span, "attribute %s is of type %d, which is not supported", attr->name,
                         (int)attr->kind);
    return false;
}

/* The attribute's message without tensor and graph, which are read in place. */
static Onnx__AttributeProto *unpack_small(const OnnxReader *reader, const Wire *wire, Arena *scratch)
{
    const char *text = reader->source->text;
    uint8_t *bytes = arena_alloc(scratch, (size_t)(wire->end - wire->begin));
    size_t length = 0;
    int64_t from = wire->begin;
    for (const Wire *field = wire->first; field; field = field->next)
        if (field->number == FIELD_T || field->number == FIELD_G) {
            memcpy(bytes + length, text + from, (size_t)(field->at - from));
            length += (size_t)(field->at - from);
            from = field->end;
        }
    memcpy(bytes + length, text + from, (size_t)(wire->end - from));
    Onnx__AttributeProto *proto = onnx__attribute_proto__unpack(&proto_memory, length + (size_t)(wire->end - from), bytes);
    if (!proto)
        out_of_memory(); /* the bytes were checked: nothing else can fail */
    return proto;
}

static AttrKind kind_in_place(const Wire *wire, int kind)
{
    return kind ? (AttrKind)kind : wire_last(wire, FIELD_T) ? ATTR_TENSOR : wire_last(wire, FIELD_G) ? ATTR_GRAPH : 0;
}

bool onnx_read_attr(OnnxReader *reader, const Wire *wire, Attr *attr)
{
    Arena *scratch = arena_new();
    Onnx__AttributeProto *proto = unpack_small(reader, wire, scratch);
    bool ok = true;
    *attr = (Attr){.name = arena_strdup(reader->arena, proto->name ? proto->name : ""),
                   .kind = kind_in_place(wire, kind_of(proto)),
                   .span = wire_span(wire, reader->source)};
    if (*attr->name == '\0') {
        diag_error(reader->diag, attr->span, "attribute has no name");
        ok = false;
    } else if (proto->ref_attr_name && *proto->ref_attr_name) {
        attr->ref_kind = attr->kind;
        attr->kind = ATTR_REF;
        attr->string = arena_strdup(reader->arena, proto->ref_attr_name);
    } else {
        ok = read_value(reader, proto, wire, attr);
    }
    onnx__attribute_proto__free_unpacked(proto, &proto_memory);
    arena_free(scratch);
    return ok;
}
