/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Protobuf's wire format, checked once and then read in place.
 *
 * Idea: walk the bytes first, guided by the descriptors protoc-c generates, and keep a tree of where each field
 * lies. Errors name the byte; what is read afterwards needs no further check, and weights stay where they are.
 *
 *   08 07 3a 04 12 02 'm' '1'   →   (model (1 ir_version 7) (7 graph (2 name "m1")))
 *
 * A field is a varint tag (number << 3 | type) and a payload: 0 varint, 1 eight bytes, 2 length and bytes, 5 four
 * bytes. Types 3 and 4, groups, are not part of ONNX; 6 and 7 do not exist. */
#include "compiler/frontend/onnx/wire.h"

#include "ir/base/utf8.h"

#include <string.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, GROUP_BEGIN = 3, GROUP_END = 4, FIXED32 = 5 };
enum { MAX_DEPTH = 100 }; /* protobuf's own limit; graphs nest three messages deep for each level */
enum { MAX_VARINT = 10 };

typedef struct Walk {
    const Source *source;
    Arena *arena;
    Diag *diag;
} Walk;

/* Fields that ONNX added after the schema at hand was written, and that hold messages the reader wants. */
static const struct {
    const ProtobufCMessageDescriptor *message;
    uint32_t number;
    const ProtobufCMessageDescriptor *content;
} newer_fields[] = {
    {&onnx__function_proto__descriptor, 11, &onnx__attribute_proto__descriptor}, /* attribute_proto */
    {&onnx__function_proto__descriptor, 12, &onnx__value_info_proto__descriptor}, /* value_info */
};

static Span at_byte(const Walk *walk, int64_t at) { return (Span){walk->source, at, at + 1}; }

static bool read_varint(Walk *walk, int64_t *at, int64_t end, uint64_t *value)
{
    int64_t start = *at;
    *value = 0;
    for (int i = 0; i < MAX_VARINT; i++) {
        if (*at >= end) {
            diag_error(walk->diag, at_byte(walk, start), "varint is cut off by the end of %s",
                       end == walk->source->length ? "the file" : "its message");
            return false;
        }
        uint8_t byte = (uint8_t)walk->source->text[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            if (i < MAX_VARINT - 1 || byte <= 1)
                return true;
            diag_error(walk->diag, at_byte(walk, start), "varint exceeds 64 bits");
            return false;
        }
    }
    diag_error(walk->diag, at_byte(walk, start), "varint is longer than %d bytes", MAX_VARINT);
    return false;
}

static const ProtobufCFieldDescriptor *known_field(const ProtobufCMessageDescriptor *message, uint32_t number)
{
    return protobuf_c_message_descriptor_get_field(message, number);
}

static bool is_message(const ProtobufCFieldDescriptor *field) { return field && field->type == PROTOBUF_C_TYPE_MESSAGE; }

static const ProtobufCMessageDescriptor *content_of(const ProtobufCMessageDescriptor *message,
                                                    const ProtobufCFieldDescriptor *field, uint32_t number)
{
    if (is_message(field))
        return field->descriptor;
    for (size_t i = 0; i < sizeof newer_fields / sizeof *newer_fields; i++)
        if (newer_fields[i].message == message && newer_fields[i].number == number)
            return newer_fields[i].content;
    return NULL;
}

static int natural_type(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES: return BYTES;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32: return FIXED32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64: return FIXED64;
    default: return VARINT;
    }
}

static bool is_repeated_number(const ProtobufCFieldDescriptor *field)
{
    return field && field->label == PROTOBUF_C_LABEL_REPEATED && natural_type(field) != BYTES;
}

/* The type the schema gives a field; numbers that repeat may also come packed. */
static bool check_type(Walk *walk, const Wire *wire, int type, const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = {"a varint", "8 bytes", "bytes with a length", "", "", "4 bytes"};
    if (!field || type == natural_type(field) || (type == BYTES && is_repeated_number(field)))
        return true;
    diag_error(walk->diag, at_byte(walk, wire->at), "field %u (%s) is %s, expected %s", wire->number, field->name, names[type],
               names[natural_type(field)]);
    return false;
}

/* Every number of a packed list must end where the list ends. */
static bool check_packed(Walk *walk, const Wire *wire, const ProtobufCFieldDescriptor *field)
{
    int64_t size = natural_type(field) == FIXED32 ? 4 : natural_type(field) == FIXED64 ? 8 : 0;
    uint64_t value;
    if (size && (wire->end - wire->begin) % size == 0)
        return true;
    if (size) {
        diag_error(walk->diag, at_byte(walk, wire->at), "packed field %u (%s) has %lld bytes, not a multiple of %lld",
                   wire->number, field->name, (long long)(wire->end - wire->begin), (long long)size);
        return false;
    }
    for (int64_t at = wire->begin; at < wire->end;)
        if (!read_varint(walk, &at, wire->end, &value))
            return false;
    return true;
}

static bool check_string(Walk *walk, const Wire *wire, const ProtobufCFieldDescriptor *field)
{
    const char *text = walk->source->text;
    int64_t at = wire->begin + utf8_span(text + wire->begin, wire->end - wire->begin);
    if (at == wire->end)
        return true;
    diag_error(walk->diag, at_byte(walk, at), "field %u (%s) holds %s", wire->number, field->name,
               text[at] ? "invalid UTF-8" : "a NUL byte");
    return false;
}

static bool read_tag(Walk *walk, int64_t *at, int64_t end, Wire *wire, int *type)
{
    uint64_t tag;
    wire->source = walk->source;
    wire->at = *at;
    if (!read_varint(walk, at, end, &tag))
        return false;
    *type = (int)(tag & 7);
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        diag_error(walk->diag, at_byte(walk, wire->at), "field number %llu is not allowed", (unsigned long long)(tag >> 3));
        return false;
    }
    if (*type == GROUP_BEGIN || *type == GROUP_END || *type > FIXED32) {
        diag_error(walk->diag, at_byte(walk, wire->at), "wire type %d %s", *type,
                   *type > FIXED32 ? "does not exist" : "(a group) is not part of ONNX");
        return false;
    }
    wire->number = (uint32_t)(tag >> 3);
    return true;
}

static bool read_payload(Walk *walk, int64_t *at, int64_t end, Wire *wire, int type)
{
    uint64_t length = type == FIXED32 ? 4 : 8;
    if (type == VARINT || type == BYTES) {
        wire->begin = *at;
        if (!read_varint(walk, at, end, &wire->varint))
            return false;
        wire->end = *at;
        if (type == VARINT)
            return true;
        length = wire->varint;
    }
    if (length > (uint64_t)(end - *at)) {
        diag_error(walk->diag, at_byte(walk, wire->at), "field %u is %llu bytes long, but only %lld are left in %s", wire->number,
                   (unsigned long long)length, (long long)(end - *at), end == walk->source->length ? "the file" : "its message");
        return false;
    }
    wire->begin = *at;
    wire->end = *at += (int64_t)length;
    wire->is_bytes = type == BYTES;
    return true;
}

static void append(Walk *walk, Wire *parent, const Wire *wire)
{
    Wire *copy = NEW(walk->arena, Wire);
    *copy = *wire;
    if (parent->last)
        parent->last->next = copy;
    else
        parent->first = copy;
    parent->last = copy;
}

static bool walk_message(Walk *walk, Wire *parent, const ProtobufCMessageDescriptor *message, int depth);

static bool walk_field(Walk *walk, Wire *wire, const ProtobufCMessageDescriptor *message, int type, int depth)
{
    const ProtobufCFieldDescriptor *field = known_field(message, wire->number);
    const ProtobufCMessageDescriptor *content = content_of(message, field, wire->number);
    if (!check_type(walk, wire, type, field))
        return false;
    if (content && type == BYTES)
        return walk_message(walk, wire, content, depth + 1);
    if (field && field->type == PROTOBUF_C_TYPE_STRING)
        return check_string(walk, wire, field);
    return type != BYTES || !is_repeated_number(field) || check_packed(walk, wire, field);
}

static bool walk_message(Walk *walk, Wire *parent, const ProtobufCMessageDescriptor *message, int depth)
{
    if (depth > MAX_DEPTH) {
        diag_error(walk->diag, at_byte(walk, parent->at), "messages nest deeper than %d levels", MAX_DEPTH);
        return false;
    }
    parent->message = message;
    for (int64_t at = parent->begin; at < parent->end;) {
        Wire wire = {0};
        int type;
        if (!read_tag(walk, &at, parent->end, &wire, &type) || !read_payload(walk, &at, parent->end, &wire, type) ||
            !walk_field(walk, &wire, message, type, depth))
            return false;
        if (!is_repeated_number(known_field(message, wire.number)))
            append(walk, parent, &wire);
    }
    return true;
}

Wire *wire_check(const Source *source, const ProtobufCMessageDescriptor *message, Arena *arena, Diag *diag)
{
    Walk walk = {source, arena, diag};
    Wire *root = NEW(arena, Wire);
    *root = (Wire){.source = source, .end = source->length, .is_bytes = true};
    return walk_message(&walk, root, message, 0) ? root : NULL;
}

const Wire *wire_first(const Wire *message, uint32_t number)
{
    const Wire *field = message->first;
    while (field && field->number != number)
        field = field->next;
    return field;
}

const Wire *wire_next(const Wire *field)
{
    uint32_t number = field->number;
    do
        field = field->next;
    while (field && field->number != number);
    return field;
}

const Wire *wire_last(const Wire *message, uint32_t number)
{
    const Wire *last = NULL;
    for (const Wire *field = wire_first(message, number); field; field = wire_next(field))
        last = field;
    return last;
}

/* ── Values, of bytes that were checked ── */

int64_t wire_int(const Wire *message, uint32_t number)
{
    const Wire *field = wire_last(message, number);
    return field && !field->is_bytes ? (int64_t)field->varint : 0;
}

float wire_float(const Wire *message, uint32_t number)
{
    const Wire *field = wire_last(message, number);
    float value = 0;
    if (field && field->end - field->begin == sizeof value)
        memcpy(&value, field->source->text + field->begin, sizeof value);
    return value;
}

static uint64_t take_varint(const char *text, int64_t *at)
{
    uint64_t value = 0, byte;
    int shift = 0;
    do {
        byte = (uint8_t)text[(*at)++];
        value |= (byte & 0x7f) << shift;
        shift += 7;
    } while (byte >= 0x80);
    return value;
}

static uint64_t take_number(const char *text, int64_t *at, int type)
{
    uint64_t value = 0;
    int64_t size = type == FIXED32 ? 4 : type == FIXED64 ? 8 : 0;
    if (!size)
        return take_varint(text, at);
    memcpy(&value, text + *at, (size_t)size); /* little-endian, as we are */
    *at += size;
    return value;
}

/* Numbers of one field, from *at to end, the last of them whole. */
static int64_t take_numbers(const char *text, int64_t *at, int64_t end, int type, uint64_t *values)
{
    int64_t count = 0;
    while (*at < end) {
        uint64_t value = take_number(text, at, type);
        if (values)
            values[count] = value;
        count++;
    }
    return count;
}

int64_t wire_numbers(const Wire *message, uint32_t number, uint64_t *values)
{
    const char *text = message->source->text;
    int natural = natural_type(known_field(message->message, number));
    int64_t count = 0;
    for (int64_t at = message->begin; at < message->end;) {
        uint64_t tag = take_varint(text, &at);
        int type = (int)(tag & 7);
        int64_t length = type == BYTES ? (int64_t)take_varint(text, &at) : 1; /* 1: any that is not packed */
        if (tag >> 3 == number)
            count += take_numbers(text, &at, at + length, natural, values ? values + count : NULL);
        else if (type == BYTES)
            at += length;
        else
            take_number(text, &at, type);
    }
    return count;
}

char *wire_text(const Wire *field, Arena *arena)
{
    if (!field || !field->is_bytes)
        return arena_strdup(arena, "");
    return arena_strndup(arena, field->source->text + field->begin, (size_t)(field->end - field->begin));
}

char *wire_text_in(const Wire *message, uint32_t number, Arena *arena) { return wire_text(wire_last(message, number), arena); }

Span wire_span(const Wire *field) { return (Span){field->source, field->at, field->end}; }
