/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _GNU_SOURCE /* fopencookie */
#include "ir/base/str.h"
#include "ir/base/escape.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void sb_reserve(StrBuf *sb, int64_t extra)
{
    if (sb->len + extra + 1 <= sb->cap)
        return;
    int64_t cap = sb->cap ? sb->cap : 256;
    while (cap < sb->len + extra + 1)
        cap *= 2;
    char *text = arena_alloc_array(sb->arena, cap, 1);
    if (sb->len)
        memcpy(text, sb->text, (size_t)sb->len);
    sb->text = text;
    sb->cap = cap;
}

void sb_put_n(StrBuf *sb, const char *text, int64_t length)
{
    sb_reserve(sb, length);
    memcpy(sb->text + sb->len, text, (size_t)length);
    sb->len += length;
    sb->text[sb->len] = 0;
}

void sb_put(StrBuf *sb, const char *text) { sb_put_n(sb, text, (int64_t)strlen(text)); }

int sb_put_file(StrBuf *sb, int file, int64_t most)
{
    char buffer[4096];
    ssize_t got = 1;
    int64_t all = 0;
    while (all <= most && ((got = read(file, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR)))
        if (got > 0) {
            sb_put_n(sb, buffer, got);
            all += got;
        }
    return got < 0 ? errno : all > most ? EFBIG : 0;
}

void sb_printf(StrBuf *sb, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        out_of_memory();
    sb_reserve(sb, length);
    vsnprintf(sb->text + sb->len, (size_t)length + 1, format, again);
    va_end(again);
    sb->len += length;
}

const char *escaped(Arena *arena, const char *text)
{
    StrBuf sb = {.arena = arena};
    char piece[ESCAPE_ROOM];
    int64_t left = (int64_t)strlen(text);
    for (int n; (n = escape_next(text, left, piece)); text += n, left -= n)
        sb_put(&sb, piece);
    return sb.text ? sb.text : "";
}

/* open_memstream's answer to a lack of memory is a text that is cut short, and in glibc 2.41 no error. */
static ssize_t printed_write(void *cookie, const char *bytes, size_t n)
{
    Printed *printed = cookie;
    while (printed->length + n + 1 > printed->capacity) {
        printed->capacity = 2 * printed->capacity + BUFSIZ;
        printed->text = memory_resize(printed->text, printed->capacity);
    }
    memcpy(printed->text + printed->length, bytes, n);
    printed->length += n;
    printed->text[printed->length] = 0;
    return (ssize_t)n;
}

void printed_begin(Printed *printed)
{
    *printed = (Printed){0};
    printed_write(printed, "", 0);
    printed->out = fopencookie(printed, "w", (cookie_io_functions_t){.write = printed_write});
    if (!printed->out)
        out_of_memory();
}

void printed_end(Printed *printed)
{
    if (fclose(printed->out) != 0)
        out_of_memory();
}

typedef struct StrMapEntry {
    const char *key; /* NULL: free */
    void *value;
} StrMapEntry;

static uint64_t hash(const char *key) /* FNV-1a */
{
    uint64_t h = 14695981039346656037u;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 1099511628211u;
    return h;
}

static StrMapEntry *slot(const StrMap *map, const char *key)
{
    uint64_t i = hash(key);
    for (;; i++) {
        StrMapEntry *entry = &map->entries[i & (uint64_t)(map->cap - 1)];
        if (!entry->key || strcmp(entry->key, key) == 0)
            return entry;
    }
}

void *strmap_get(const StrMap *map, const char *key) { return map->cap ? slot(map, key)->value : NULL; }

static void grow(StrMap *map)
{
    StrMap bigger = {map->arena, NULL, map->len, map->cap ? map->cap * 2 : 64};
    bigger.entries = NEW_ARRAY(map->arena, StrMapEntry, bigger.cap);
    for (int64_t i = 0; i < map->cap; i++)
        if (map->entries[i].key)
            *slot(&bigger, map->entries[i].key) = map->entries[i];
    *map = bigger;
}

bool strmap_put(StrMap *map, const char *key, void *value)
{
    if (map->len * 2 >= map->cap)
        grow(map);
    StrMapEntry *entry = slot(map, key);
    bool fresh = !entry->key;
    if (fresh) {
        entry->key = arena_strdup(map->arena, key);
        map->len++;
    }
    entry->value = value;
    return fresh;
}

const char *number_shortest(char text[NUMBER_TEXT], double value, bool is_float)
{
    if (isnan(value) || isinf(value))
        return isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    for (int digits = is_float ? 6 : 15; digits <= (is_float ? 9 : 17); digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        if ((is_float ? (double)strtof(text, NULL) : strtod(text, NULL)) == value)
            break;
    }
    return text;
}

bool str_equal(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

bool str_starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

bool str_ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}
