/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What this machine is: its profile by vendor, family and model, if its features are all there (a hypervisor may hide
 * some); else the generic profile with the widest vectors that runs. Then the caches, how they are shared, the cores
 * and the clock as the kernel tells, and the features beyond the generic ones that are there.
 *
 *   AMD, family 0x19, model 0x11  →  znver4; 2 cores, 32 MiB of L3 shared by 2 */
#include "compiler/target/features.h"
#include "compiler/target/profile.h"

#include "ir/base/str.h"
#include "runtime/cpu.h"

#include <string.h>
#include <unistd.h>

enum { LINE = 256 };

/* The first line of a file of cpu0; "" if it is not there. */
static void read_line(const char *file, char line[static LINE])
{
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/%s", file);
    line[0] = 0;
    FILE *in = fopen(path, "r");
    if (!in)
        return;
    if (!fgets(line, LINE, in))
        line[0] = 0;
    fclose(in);
}

static const char *intel_name(unsigned model, int64_t features)
{
    switch (model) {
    case 0x3c:
    case 0x3f:
    case 0x45:
    case 0x46: return "haswell";
    case 0x3d:
    case 0x47:
    case 0x4f:
    case 0x56: return "broadwell";
    case 0x4e:
    case 0x5e:
    case 0x8e:
    case 0x9e:
    case 0xa5:
    case 0xa6: return "skylake";
    case 0x55: return features & CNXRT_CPU_AVX512_VNNI ? "cascadelake" : "skylake-avx512";
    case 0x6a:
    case 0x6c: return "icelake-server";
    case 0x8f: return "sapphirerapids";
    case 0xcf:
    case 0xad:
    case 0xae: return "emeraldrapids";
    case 0x97:
    case 0x9a:
    case 0xb7:
    case 0xba:
    case 0xbf:
    case 0xaa:
    case 0xac: return "alderlake";
    default: return features & CNXRT_CPU_AMX ? "sapphirerapids" : NULL; /* also where a virtual machine shows another number */
    }
}

static const char *amd_name(unsigned family, unsigned model)
{
    if (family >= 0x1a)
        return "znver5";
    if (family == 0x19)
        return (model >= 0x10 && model <= 0x1f) || (model >= 0x60 && model <= 0xaf) ? "znver4" : "znver3";
    return family == 0x17 ? (model >= 0x30 ? "znver2" : "znver1") : NULL;
}

const char *cpu_id_name(CpuId id, int64_t features)
{
    return id.is_amd ? amd_name(id.family, id.model) : id.is_intel && id.family == 6 ? intel_name(id.model, features) : NULL;
}

#ifdef __x86_64__
#include <cpuid.h>

CpuId cpu_id(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    CpuId id = {0};
    if (!__get_cpuid(0, &a, &b, &c, &d))
        return id;
    id.is_amd = b == signature_AMD_ebx;
    id.is_intel = b == signature_INTEL_ebx;
    __get_cpuid(1, &a, &b, &c, &d);
    id.family = (a >> 8) & 15;
    id.model = ((a >> 4) & 15) | ((a >> 12) & 0xf0);
    if (id.family == 15)
        id.family += (a >> 20) & 255;
    return id;
}

static const char *host_name(int64_t features) { return cpu_id_name(cpu_id(), features); }

static const CpuArch host_arch = ARCH_X86_64;
static const char *const generic_names[] = {"x86-64-v4", "x86-64-v3", "x86-64-v2", NULL}; /* best first */
#else
CpuId cpu_id(void) { return (CpuId){0}; }

/* The profile's name by MIDR: implementer in bits 24 to 31, part in bits 4 to 15 (Arm ARM, MIDR_EL1; Linux, asm/cputype.h). */
static const char *host_name(int64_t features)
{
    static const struct {
        unsigned implementer, part;
        const char *name;
    } known[] = {{0x41, 0xd0b, "cortex-a76"},  {0x41, 0xd0c, "neoverse-n1"}, {0x41, 0xd49, "neoverse-n2"},
                 {0x6d, 0xd49, "neoverse-n2"}, {0x41, 0xd40, "neoverse-v1"}, {0x41, 0xd4f, "neoverse-v2"},
                 {0x61, 0x022, "apple-m1"},    {0x61, 0x023, "apple-m1"}};
    char line[LINE];
    unsigned long long midr = 0;
    (void)features;
    read_line("regs/identification/midr_el1", line);
    sscanf(line, "%llx", &midr);
    for (int i = 0; i < countof(known); i++)
        if ((midr >> 24 & 0xff) == known[i].implementer && (midr >> 4 & 0xfff) == known[i].part)
            return known[i].name;
    return NULL;
}

static const CpuArch host_arch = ARCH_AARCH64;
static const char *const generic_names[] = {"aarch64", NULL};
#endif

/* Whether the profile asks for nothing that is not there. */
static bool can_run(const CpuProfile *profile, int64_t features) { return profile && !(profile->runtime_features & ~features); }

/* A copy of the named profile if it runs here, else of a generic one with all features that are here. */
static bool choose_profile(CpuProfile *host, int64_t features, Arena *arena)
{
    const char *name = host_name(features);
    const CpuProfile *named = name ? profile_shipped(name) : NULL;
    if (can_run(named, features)) {
        *host = *named;
        return true;
    }
    for (int i = 0; generic_names[i]; i++) {
        const CpuProfile *generic = profile_shipped(generic_names[i]);
        if (!can_run(generic, features))
            continue;
        *host = *generic;
        profile_derive(host, features_allowed(host_arch, features), arena);
        if (host->runtime_features & CNXRT_CPU_AMX) { /* of which there is one form (Intel SDM vol. 2, CPUID leaf 1DH) */
            host->matrix_registers = 8;
            host->matrix_rows = 16;
            host->matrix_row_bytes = 64;
        }
        return true;
    }
    return false;
}

/* ── Caches, cores, clock ────────────────────────────────────────────────────────────────────────────── */

static void read_cache_line(int index, const char *file, char line[static LINE])
{
    char name[64];
    snprintf(name, sizeof name, "cache/index%d/%s", index, file);
    read_line(name, line);
}

/* "48K" → 49152; 0 where it is not a size. */
static int64_t cache_size(const char *text)
{
    long long size = 0;
    char unit = 0;
    if (sscanf(text, "%8lld%c", &size, &unit) < 1 || size < 0)
        return 0;
    return unit == 'K' ? size << 10 : unit == 'M' ? size << 20 : size;
}

/* How many CPUs "0-3,8-11" lists; 0 where it is not a list. */
static int64_t list_length(const char *text)
{
    int64_t count = 0;
    for (const char *p = text; *p >= '0' && *p <= '9'; p += strcspn(p, ",\n"), p += *p == ',') {
        unsigned first = 0, last = 0;
        int n = sscanf(p, "%6u-%6u", &first, &last);
        count += n == 2 && last >= first ? last - first + 1 : 1;
    }
    return count;
}

/* Overwrites a number with one that a profile could have; others are not believed. */
static void fill(CpuProfile *cpu, int64_t *field, int64_t value)
{
    for (int64_t i = 0; i < n_profile_numbers; i++)
        if (profile_number(cpu, &profile_numbers[i]) == field && value >= profile_numbers[i].low &&
            value <= profile_numbers[i].high && value > 0)
            *field = value;
}

static void fill_cache(CpuProfile *cpu, int index, int64_t threads_per_core)
{
    char level[LINE], type[LINE], size[LINE], line[LINE], shared[LINE];
    read_cache_line(index, "level", level);
    read_cache_line(index, "type", type);
    read_cache_line(index, "size", size);
    read_cache_line(index, "coherency_line_size", line);
    read_cache_line(index, "shared_cpu_list", shared);
    if (type[0] == 'I')
        return;
    int64_t bytes = cache_size(size), cores = list_length(shared) / threads_per_core;
    switch (level[0]) {
    case '1': fill(cpu, &cpu->l1d_bytes, bytes), fill(cpu, &cpu->line_bytes, cache_size(line)); break;
    case '2': fill(cpu, &cpu->l2_bytes, bytes), fill(cpu, &cpu->l2_shared_by, cores); break;
    case '3': fill(cpu, &cpu->l3_bytes, bytes), fill(cpu, &cpu->l3_shared_by, cores); break;
    default: break;
    }
}

/* The clock that the kernel can say: the greatest where none is fixed. The profile's own is for all cores busy with
 * vectors, so it is only lowered. */
static void fill_clock(CpuProfile *cpu)
{
    char line[LINE];
    read_line("cpufreq/cpuinfo_max_freq", line);
    int64_t mhz = cache_size(line) / 1000;
    if (mhz > 0 && mhz < cpu->mhz)
        fill(cpu, &cpu->mhz, mhz);
}

static void fill_machine(CpuProfile *cpu, int64_t features)
{
    char siblings[LINE];
    read_line("topology/thread_siblings_list", siblings);
    int64_t threads = list_length(siblings);
    for (int i = 0; i < 8; i++)
        fill_cache(cpu, i, threads > 0 ? threads : 1);
    fill(cpu, &cpu->cores, sysconf(_SC_NPROCESSORS_ONLN));
    fill_clock(cpu);
    if (!(features & CNXRT_CPU_AMX))
        cpu->matrix_registers = cpu->matrix_rows = cpu->matrix_row_bytes = 0;
}

CpuArch cpu_host_arch(void) { return host_arch; }

const CpuProfile *cpu_host(void)
{
    static CpuProfile host;
    static Arena *arena; /* of the process, as the shipped profiles' */
    if (!arena) {
        arena = arena_new();
        int64_t features = cpu_features();
        if (choose_profile(&host, features, arena))
            fill_machine(&host, features);
    }
    return host.name ? &host : NULL;
}

const CpuProfile *cpu_find(const char *name)
{
    if (!name)
        return NULL;
    return strcmp(name, "native") == 0 ? cpu_host() : profile_shipped(name);
}
