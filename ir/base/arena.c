/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Arena: a list of blocks, each twice the last up to 1 MiB; large objects get blocks of their own. */
#include "ir/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Block {
    struct Block *next;
    char *memory; /* what calloc returned */
} Block;

typedef struct Cleanup {
    struct Cleanup *next;
    void (*release)(void *object);
    void *object;
} Cleanup;

struct Arena {
    Block *blocks;
    Cleanup *cleanups; /* newest first, so what was made last goes first */
    char *cursor, *end;
    size_t next_size;
};

enum { SMALL_ALIGN = 16, LARGE_ALIGN = 64, LARGE = 4096, FIRST_BLOCK = 16 << 10, LAST_BLOCK = 1 << 20 };

_Noreturn void out_of_memory(void)
{
    fputs("cnxc: error: out of memory\n", stderr);
    exit(4);
}

void *memory_resize(void *memory, size_t size)
{
    void *resized = realloc(memory, size ? size : 1);
    if (!resized)
        out_of_memory();
    return resized;
}

void *memory_new(size_t size) { return memory_resize(NULL, size); }

char *memory_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(memory_new(size), text, size);
}

Arena *arena_new(void)
{
    Arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        out_of_memory();
    arena->next_size = FIRST_BLOCK;
    return arena;
}

void arena_free(Arena *arena)
{
    if (!arena)
        return;
    for (Cleanup *c = arena->cleanups; c; c = c->next)
        c->release(c->object);
    for (Block *b = arena->blocks, *next; b; b = next) {
        next = b->next;
        free(b->memory);
        free(b);
    }
    free(arena);
}

static char *block_new(Arena *arena, size_t size)
{
    Block *block = malloc(sizeof *block);
    char *memory = calloc(1, size);
    if (!block || !memory)
        out_of_memory();
    *block = (Block){arena->blocks, memory};
    arena->blocks = block;
    return memory;
}

static char *align_up(const char *p, size_t align) { return (char *)(((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1)); }

void *arena_alloc(Arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX - LARGE_ALIGN)
        out_of_memory();
    if (size >= LARGE)
        return align_up(block_new(arena, size + LARGE_ALIGN), LARGE_ALIGN);
    char *p = arena->cursor ? align_up(arena->cursor, SMALL_ALIGN) : NULL;
    if (!p || p > arena->end || size > (size_t)(arena->end - p)) {
        p = align_up(block_new(arena, arena->next_size + SMALL_ALIGN), SMALL_ALIGN);
        arena->end = p + arena->next_size;
        if (arena->next_size < LAST_BLOCK)
            arena->next_size *= 2;
    }
    arena->cursor = p + size;
    return p;
}

void *arena_alloc_array(Arena *arena, int64_t count, size_t size)
{
    size_t total;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &total))
        out_of_memory();
    return arena_alloc(arena, total);
}

char *arena_strndup(Arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) { return arena_strndup(arena, text, strlen(text)); }

char *arena_vprintf(Arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        out_of_memory();
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void arena_on_free(Arena *arena, void (*release)(void *object), void *object)
{
    Cleanup *cleanup = NEW(arena, Cleanup);
    *cleanup = (Cleanup){arena->cleanups, release, object};
    arena->cleanups = cleanup;
}
