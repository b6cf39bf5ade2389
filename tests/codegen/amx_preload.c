/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Runs a compiled executable for AMX on a processor without: LD_PRELOAD=libcnx-amx.so ./model …
 *
 * An artifact refuses to start where CPUID, XCR0 or the kernel deny AMX, as it should. So that its code can be tested
 * all the same, the feature is taken from what the loaded program asks for, in memory: the file, the compiler and the
 * runtime's check stay as they are. The check itself is tested in tests/runtime/test_cpu_tiles.c.
 *
 *   CnxrtVariant { "sapphirerapids", AVX2 | … | AMX_BF16, … }  →  { "sapphirerapids", AVX2 | …, … }
 *
 * CNXC_AMX_COUNTS names a file that gets the numbers of instructions that were emulated. */
#define _GNU_SOURCE
#include "runtime/model.h"
#include "tests/codegen/amx.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void drop_feature(CnxrtVariant *variant)
{
    uintptr_t page = (uintptr_t)&variant->cpu_features & ~(uintptr_t)4095;
    if (mprotect((void *)page, 8192, PROT_READ | PROT_WRITE) == 0)
        variant->cpu_features &= ~(int64_t)CNXRT_CPU_AMX;
}

/* Variants begin with the address of their CPU's name, then the bits of its features, of which there are a few. */
static void search(uint8_t *start, size_t bytes, const uint8_t *name)
{
    for (size_t at = 0; at + sizeof(CnxrtVariant) <= bytes; at += sizeof(void *)) {
        CnxrtVariant *variant = (CnxrtVariant *)(void *)(start + at);
        if ((const uint8_t *)variant->cpu_name == name && variant->cpu_features >> 16 == 0 &&
            (variant->cpu_features & CNXRT_CPU_AMX))
            drop_feature(variant);
    }
}

static void search_program(uint8_t *base, const ElfW(Phdr) * headers, int count, const uint8_t *name)
{
    for (int i = 0; i < count; i++)
        if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_W)
            search(base + headers[i].p_vaddr, headers[i].p_filesz, name);
}

/* The name lies among the constants. */
static int each_program(struct dl_phdr_info *info, size_t size, void *name)
{
    uint8_t *base = (uint8_t *)info->dlpi_addr;
    size_t length = strlen(name) + 1;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uint8_t *at = base + header->p_vaddr, *end = at + header->p_filesz;
        while (header->p_type == PT_LOAD && header->p_flags & PF_R && (at = memmem(at, (size_t)(end - at), name, length)))
            search_program(base, info->dlpi_phdr, info->dlpi_phnum, at++);
    }
    return 1; /* the first is the executable, and the only one looked at */
}

/* The runtime's workers block all signals; a blocked SIGILL that comes from an instruction ends the process. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    int (*real)(int, const sigset_t *, sigset_t *);
    sigset_t open;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_sigmask");
    if (!set)
        return real(how, set, before);
    open = *set;
    if (how != SIG_UNBLOCK)
        sigdelset(&open, SIGILL);
    return real(how, &open, before);
}

__attribute__((constructor)) static void begin(void)
{
    static char names[][16] = {"sapphirerapids", "emeraldrapids"};
    amx_install();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        dl_iterate_phdr(each_program, names[i]);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("CNXC_AMX_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    AmxCounts n = amx_counts();
    if (!file)
        return;
    fprintf(file, "%lld configured, %lld released, %lld loaded, %lld streamed, %lld stored, %lld products\n",
            (long long)n.configured, (long long)n.released, (long long)n.loaded, (long long)n.streamed, (long long)n.stored,
            (long long)n.products);
    fclose(file);
}
