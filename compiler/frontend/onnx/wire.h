/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reading protobuf's wire format: where the fields of a file lie, and what they hold.
 *
 * Why not protobuf-c's unpack, which writes our files: it says no more than "failed", where the byte is wanted; it
 * trusts nesting without limit; it copies each string of bytes, so that a model's weights would be in memory twice;
 * and its structs do not say where anything stood. Its descriptors are the schema here, too. */
#ifndef CNXC_FRONTEND_ONNX_WIRE_H
#define CNXC_FRONTEND_ONNX_WIRE_H

#include "ir/base/diag.h"

#include "onnx.pb-c.h"

/* A field that was found in a message: where it lies, and what is inside if it is a message itself. */
typedef struct Wire {
    const Source *source;
    const ProtobufCMessageDescriptor *message; /* what it is, if a message; else NULL */
    uint32_t number;
    bool is_bytes;      /* wire type 2: message, string, bytes or packed numbers */
    int64_t at;         /* the tag's first byte */
    int64_t begin, end; /* the payload, without tag and length */
    uint64_t varint;    /* the value, of a varint field */
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

/* A message's fields that count once; absent: 0, "". */
int64_t wire_int(const Wire *message, uint32_t number);
float wire_float(const Wire *message, uint32_t number);
char *wire_text_in(const Wire *message, uint32_t number, Arena *arena);

/* A field of numbers that repeats, packed or not: how many there are, and their bits, if values is not NULL. */
int64_t wire_numbers(const Wire *message, uint32_t number, uint64_t *values);

char *wire_text(const Wire *field, Arena *arena); /* of a string; NULL field: "" */
Span wire_span(const Wire *field);

#endif
