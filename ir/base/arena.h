/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Arena: memory that is freed all at once.
 *
 * One arena for each compilation owns graphs, programs and strings; nothing inside is freed by hand.
 * Memory comes back zeroed, and zeroed memory is a valid empty object throughout the compiler.
 * Running out of memory ends the process with exit code 4 and one sentence. */
#ifndef CNXC_IR_BASE_ARENA_H
#define CNXC_IR_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *arena); /* NULL is allowed */

/* size bytes, zeroed, aligned to 64 bytes from 4096 bytes up and to 16 below. Never NULL. */
void *arena_alloc(Arena *arena, size_t size);

/* count * size bytes; an overflow of the product counts as running out of memory. */
void *arena_alloc_array(Arena *arena, int64_t count, size_t size);

char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length); /* adds the closing NUL */
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list args);

/* Calls release(object) when the arena is freed: for mappings and foreign handles. */
void arena_on_free(Arena *arena, void (*release)(void *object), void *object);

/* Ends the process: "cnxc: error: out of memory", exit code 4. */
_Noreturn void out_of_memory(void);

/* malloc, realloc and strdup for libraries that can be given theirs (libxml2, jansson, protobuf-c), whose own way to run out
 * of memory looks like a wrong input, or crashes. Never NULL; freed by free. */
void *memory_new(size_t size);
void *memory_resize(void *memory, size_t size);
char *memory_strdup(const char *text);

#define NEW(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type)))
#define NEW_ARRAY(arena, Type, count) ((Type *)arena_alloc_array((arena), (count), sizeof(Type)))

#endif
