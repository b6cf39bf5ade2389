/* The wire format of protobuf, checked before anything is unpacked. */
#ifndef CNXC_FRONTEND_ONNX_WIRE_H
#define CNXC_FRONTEND_ONNX_WIRE_H

#include "ir/base/diag.h"

#include "onnx.pb-c.h"

/* A field that was found in a message: where it lies, and what is inside if it is a message itself. */
typedef struct Wire {
    uint32_t number;
    int64_t at;         /* the tag's first byte */
    int64_t begin, end; /* the payload, without tag and length */
    uint64_t varint;    /* the value, of a varint field */
    bool is_bytes;      /* wire type 2: message, string, bytes or packed numbers */
    struct Wire *first, *last; /* fields inside, in file order; only of messages */
    struct Wire *next;  /* the enclosing message's next field */
} Wire;

/* The whole source as one message of the given kind; NULL after a diagnostic at the first bad byte. Checks
 * tags, wire types, varints, lengths, depth, and that strings are UTF-8 without NUL. Fields of numbers that
 * repeat are checked but not listed. */
Wire *wire_check(const Source *source, const ProtobufCMessageDescriptor *message, Arena *arena, Diag *diag);

/* The fields with a number, in file order: for (w = wire_first(m, 1); w; w = wire_next(w)). */
const Wire *wire_first(const Wire *message, uint32_t number);
const Wire *wire_next(const Wire *field);
const Wire *wire_last(const Wire *message, uint32_t number); /* of a field that counts once; NULL: absent */

char *wire_text(const Wire *field, const Source *source, Arena *arena); /* NULL field: "" */
extern ProtobufCAllocator proto_memory; /* to unpack with: its allocations never fail */
Span wire_span(const Wire *field, const Source *source);

#endif
