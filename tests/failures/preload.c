/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Makes one allocation of a process fail: LD_PRELOAD=libcnx-failures.so CNX_FAIL_PROGRAM=cnxc CNX_FAIL_AT=17 cnxc …
 *
 * Allocations are counted from main on, in the named program alone: not in the tools that it starts. Those of LLVM and of
 * C++ are a thousand times as many as all others and have one way out, so they are counted apart:
 *
 *   CNX_FAIL_AT=17       the 17th of the others fails
 *   CNX_FAIL_LLVM_AT=17  the 17th of LLVM's and libstdc++'s
 *   CNX_FAIL_COUNT=FILE  gets "OTHERS LLVMS", the numbers of a whole run
 *
 * A program that is linked to this library, for tests of a library's calls, sets and reads the counters itself. */
#define _GNU_SOURCE
#include "tests/failures/preload.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

enum { OTHERS, LLVMS };

typedef struct Range {
    uintptr_t low, high;
} Range;

static atomic_llong counts[2], live;
static long long fail_at[2];
static bool active;
static Range foreign[2]; /* the code of libLLVM and libstdc++ */

static bool is_foreign(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    for (int i = 0; i < 2; i++)
        if (at >= foreign[i].low && at < foreign[i].high)
            return true;
    return false;
}

static bool fails(const void *caller)
{
    if (!active)
        return false;
    int kind = is_foreign(caller) ? LLVMS : OTHERS;
    return atomic_fetch_add(&counts[kind], 1) + 1 == fail_at[kind];
}

static void *counted(void *memory)
{
    if (memory)
        atomic_fetch_add(&live, 1);
    return memory;
}

static void *refused(void)
{
    errno = ENOMEM;
    return NULL;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) { return fails(CALLER) ? refused() : counted(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return fails(CALLER) ? refused() : counted(__libc_calloc(n, size)); }
void *aligned_alloc(size_t align, size_t size) { return fails(CALLER) ? refused() : counted(__libc_memalign(align, size)); }
void *memalign(size_t align, size_t size) { return fails(CALLER) ? refused() : counted(__libc_memalign(align, size)); }

int posix_memalign(void **memory, size_t align, size_t size)
{
    *memory = fails(CALLER) ? NULL : counted(__libc_memalign(align, size));
    return *memory ? 0 : ENOMEM;
}

void *realloc(void *old, size_t size)
{
    if (fails(CALLER))
        return refused();
    void *memory = __libc_realloc(old, size);
    if (memory && !old)
        atomic_fetch_add(&live, 1);
    else if (old && !size)
        atomic_fetch_sub(&live, 1);
    return memory;
}

void free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&live, 1);
    __libc_free(memory);
}

/* ── For programs that are linked to it ──────────────────────────────────────────────────────────────── */

void failures_begin(long long at)
{
    counts[OTHERS] = counts[LLVMS] = 0;
    fail_at[OTHERS] = at;
    active = true;
}

long long failures_end(void)
{
    active = false;
    return counts[OTHERS];
}

long long failures_live(void) { return live; }

/* ── For programs that are not ───────────────────────────────────────────────────────────────────────── */

static int find_foreign(struct dl_phdr_info *info, size_t size, void *found)
{
    static const char *const names[] = {"libLLVM", "libstdc++"};
    (void)size;
    for (int i = 0; i < 2; i++)
        for (int j = 0; strstr(info->dlpi_name, names[i]) && j < info->dlpi_phnum; j++)
            if (info->dlpi_phdr[j].p_type == PT_LOAD && info->dlpi_phdr[j].p_flags & PF_X) {
                foreign[i].low = info->dlpi_addr + info->dlpi_phdr[j].p_vaddr;
                foreign[i].high = foreign[i].low + info->dlpi_phdr[j].p_memsz;
                *(int *)found += 1;
            }
    return 0;
}

static long long number(const char *name)
{
    const char *text = getenv(name);
    return text ? atoll(text) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *program = getenv("CNX_FAIL_PROGRAM");
    int found = 0;
    if (!program || strcmp(program, program_invocation_short_name) != 0)
        return;
    dl_iterate_phdr(find_foreign, &found);
    fail_at[OTHERS] = number("CNX_FAIL_AT");
    fail_at[LLVMS] = number("CNX_FAIL_LLVM_AT");
    active = true;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = active ? getenv("CNX_FAIL_COUNT") : NULL;
    active = false;
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file)
        return;
    fprintf(file, "%lld %lld\n", (long long)counts[OTHERS], (long long)counts[LLVMS]);
    fclose(file);
}
