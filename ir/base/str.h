/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Strings: a builder, text from what prints, a hash map keyed by string, and the nearest name for "did you mean". */
#ifndef CNXC_IR_BASE_STR_H
#define CNXC_IR_BASE_STR_H

#include "ir/base/arena.h"
#include "ir/base/vec.h"
#include "ir/base/words.h"

#include <stdbool.h>
#include <stdio.h>

typedef VEC(const char *) StrList;

/* StrBuf: text that grows. text is always NUL-terminated once anything was added. */
typedef struct StrBuf {
    Arena *arena;
    char *text;
    int64_t len, cap;
} StrBuf;

void sb_put(StrBuf *sb, const char *text);
void sb_put_n(StrBuf *sb, const char *text, int64_t length);
void sb_printf(StrBuf *sb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What can be read from a descriptor, to its end. Returns 0 or an errno value; EFBIG: it is more than `most` bytes. */
int sb_put_file(StrBuf *sb, int file, int64_t most);

const char *escaped(Arena *arena, const char *text); /* as put_escaped() prints it */

/* The shortest decimal that reads back as the same double, or float: 0.485, not 0.48499999999999999. In text, or a constant. */
enum { NUMBER_TEXT = 32 };
const char *number_shortest(char text[NUMBER_TEXT], double value, bool is_float);

/* Printed: what functions print to `out` between the two calls. Running out of memory ends the process, as in arenas. */
typedef struct Printed {
    FILE *out;
    char *text;   /* NUL-terminated, valid from printed_end on; the caller frees it */
    size_t length, capacity;
} Printed;

void printed_begin(Printed *printed);
void printed_end(Printed *printed);

/* StrMap: string to pointer; keys are copied. A zeroed map with its arena set is empty. */
typedef struct StrMap {
    Arena *arena;
    struct StrMapEntry *entries; /* open addressing, a power of two */
    int64_t len, cap;
} StrMap;

void *strmap_get(const StrMap *map, const char *key);             /* NULL if absent */
bool strmap_put(StrMap *map, const char *key, void *value);       /* false: it was there and was replaced */

bool str_equal(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts_with(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);

#endif
