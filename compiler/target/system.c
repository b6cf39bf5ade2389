/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* One row for each system: what its compilers, linkers and packages call it.
 *
 *   --target=aarch64-unknown-linux-gnu  →  aarch64-linux-gnu: code by LLVM's AArch64, linked
 *                                          with lib/cnxc/aarch64-linux-gnu/libcnxrt.a                          */
#include "compiler/target/system.h"

#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <elf.h>
#include <string.h>

static const System systems[] = {
    {ARCH_X86_64, "x86_64", "x86_64-linux-gnu", "x86_64-pc-linux-gnu", "x86-64", "x86-64-v2", EM_X86_64, "amd64",
     "/lib64/ld-linux-x86-64.so.2",
     "gcc-x86-64-linux-gnu libc6-dev-amd64-cross libjpeg62-turbo-dev:amd64 libpng-dev:amd64 libwebp-dev:amd64 zlib1g-dev:amd64"},
    {ARCH_AARCH64, "aarch64", "aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "generic", "aarch64", EM_AARCH64, "arm64",
     "/lib/ld-linux-aarch64.so.1",
     "gcc-aarch64-linux-gnu libc6-dev-arm64-cross libjpeg62-turbo-dev:arm64 libpng-dev:arm64 libwebp-dev:arm64 zlib1g-dev:arm64"},
};

const System *system_of(CpuArch arch)
{
    for (int64_t i = 0; i < countof(systems); i++)
        if (systems[i].arch == arch)
            return &systems[i];
    unreachable();
}

const System *system_host(void) { return system_of(cpu_host_arch()); }

/* Whether the triple is the name, but for a vendor after the architecture. */
static bool is_named(const char *triple, const char *name)
{
    size_t arch = strcspn(name, "-");
    if (strncmp(triple, name, arch) != 0 || triple[arch] != '-')
        return false;
    const char *rest = triple + arch, *vendor_end = strchr(rest + 1, '-');
    return strcmp(rest, name + arch) == 0 || (vendor_end && strcmp(vendor_end, name + arch) == 0);
}

const System *system_find(const char *triple)
{
    for (int64_t i = 0; i < countof(systems); i++)
        if (is_named(triple, systems[i].name))
            return &systems[i];
    return NULL;
}

/* The architecture must be near, too: what follows is long, and the same for all. */
const char *system_nearest(const char *triple)
{
    for (int64_t i = 0; i < countof(systems); i++) {
        const char *name = systems[i].name;
        char arch[64], wanted[64];
        snprintf(arch, sizeof arch, "%.*s", (int)strcspn(triple, "-"), triple);
        snprintf(wanted, sizeof wanted, "%.*s", (int)strcspn(name, "-"), name);
        if (nearest_name(arch, (const char *const[]){wanted}, 1) && nearest_name(triple, &name, 1))
            return name;
    }
    return NULL;
}

const char *system_names(Arena *arena)
{
    StrBuf sb = {.arena = arena};
    for (int64_t i = 0; i < countof(systems); i++)
        sb_printf(&sb, "%s%s", i ? ", " : "", systems[i].name);
    return sb.text;
}

const char *system_install(const System *system, Arena *arena)
{
    if (system == system_host())
        return NULL;
    return arena_printf(arena, "after dpkg --add-architecture %s install %s", system->debian, system->packages);
}

const char *system_static_packages(const System *system, Arena *arena)
{
    if (system == system_host())
        return "libc6-dev and gcc";
    char *compiler = arena_printf(arena, "gcc-%s", system->name); /* no package's name has an underscore */
    for (char *c = compiler; *c; c++)
        if (*c == '_')
            *c = '-';
    return arena_printf(arena, "libc6-dev-%s-cross and %s", system->debian, compiler);
}
