/* CPU profiles: what the compiler knows of each processor, and which one this machine is.
 *
 * A profile names LLVM's scheduling model, the features that generated code may use, and the sizes that decide
 * tiles. Features are spelled out rather than taken from LLVM's CPU names, because an artifact checks exactly the
 * bits in runtime_features before it runs: code must not use anything that stays unchecked.
 *
 *   -mcpu=znver4  →  { "znver4", 512-bit vectors, 32 registers, L1d 32 KiB, L2 1 MiB, … }
 *   -mcpu=native  →  the profile above with this machine's caches and cores */
#include "compiler/target/cpu.h"

#include "ir/base/str.h"
#include "ir/base/vec.h"
#include "runtime/model.h"

#include <string.h>
#include <unistd.h>

#define V3 "+cx16,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+f16c,+bmi2"
#define V4 V3 ",+evex512,+avx512f,+avx512cd,+avx512bw,+avx512dq,+avx512vl"
#define VNNI ",+avx512vnni"
#define BF16 ",+avx512bf16"

enum {
    HAS_V3 = CNXRT_CPU_AVX2 | CNXRT_CPU_FMA | CNXRT_CPU_F16C | CNXRT_CPU_BMI2,
    HAS_V4 = HAS_V3 | CNXRT_CPU_AVX512,
    HAS_VNNI = HAS_V4 | CNXRT_CPU_AVX512_VNNI,
    HAS_BF16 = HAS_VNNI | CNXRT_CPU_AVX512_BF16,
};

#define KIB(n) ((int64_t)(n) << 10)
#define MIB(n) ((int64_t)(n) << 20)
#define AVX2 "avx2"
#define AVX512 "avx512"

/* name, LLVM's model, features, isa, bits, bytes of a vector, registers, L1d, L2, L3, cores. Generic ones first;
 * cpu_host prefers later rows. Sizes are the smallest of the family. */
static const CpuProfile profiles[] = {
    {"x86-64-v3", "x86-64-v3", V3, AVX2, HAS_V3, 32, 16, KIB(32), KIB(256), MIB(8), 4},
    {"haswell", "haswell", V3, AVX2, HAS_V3, 32, 16, KIB(32), KIB(256), MIB(8), 4},
    {"broadwell", "broadwell", V3, AVX2, HAS_V3, 32, 16, KIB(32), KIB(256), MIB(8), 4},
    {"skylake", "skylake", V3, AVX2, HAS_V3, 32, 16, KIB(32), KIB(256), MIB(8), 4},
    {"alderlake", "alderlake", V3, AVX2, HAS_V3, 32, 16, KIB(48), KIB(1280), MIB(30), 8},
    {"znver1", "znver1", V3, AVX2, HAS_V3, 32, 16, KIB(32), KIB(512), MIB(8), 4},
    {"znver2", "znver2", V3, AVX2, HAS_V3, 32, 16, KIB(32), KIB(512), MIB(16), 8},
    {"znver3", "znver3", V3, AVX2, HAS_V3, 32, 16, KIB(32), KIB(512), MIB(32), 8},
    {"x86-64-v4", "x86-64-v4", V4, AVX512, HAS_V4, 64, 32, KIB(32), KIB(1024), MIB(16), 8},
    {"skylake-avx512", "skylake-avx512", V4, AVX512, HAS_V4, 64, 32, KIB(32), KIB(1024), MIB(24), 16},
    {"cascadelake", "cascadelake", V4 VNNI, AVX512, HAS_VNNI, 64, 32, KIB(32), KIB(1024), MIB(24), 16},
    {"icelake-server", "icelake-server", V4 VNNI, AVX512, HAS_VNNI, 64, 32, KIB(48), KIB(1280), MIB(36), 24},
    {"sapphirerapids", "sapphirerapids", V4 VNNI BF16, AVX512, HAS_BF16, 64, 32, KIB(48), MIB(2), MIB(60), 32},
    {"emeraldrapids", "emeraldrapids", V4 VNNI BF16, AVX512, HAS_BF16, 64, 32, KIB(48), MIB(2), MIB(160), 32},
    {"znver4", "znver4", V4 VNNI BF16, AVX512, HAS_BF16, 64, 32, KIB(32), MIB(1), MIB(32), 8},
    {"znver5", "znver5", V4 VNNI BF16, AVX512, HAS_BF16, 64, 32, KIB(48), MIB(1), MIB(32), 8},
};

int64_t cpu_count(void) { return countof(profiles); }

const CpuProfile *cpu_at(int64_t index)
{
    return index >= 0 && index < cpu_count() ? &profiles[index] : NULL;
}

const CpuProfile *cpu_find(const char *name)
{
    if (!name)
        return NULL;
    if (!strcmp(name, "native"))
        return cpu_host();
    for (int64_t i = 0; i < cpu_count(); i++)
        if (!strcmp(profiles[i].name, name))
            return &profiles[i];
    return NULL;
}

#ifdef __x86_64__
#include <cpuid.h>

static int64_t host_features(void)
{
    __builtin_cpu_init(); /* these ask the operating system about its register state, too */
    int64_t bits = 0;
    bits |= __builtin_cpu_supports("avx2") ? CNXRT_CPU_AVX2 : 0;
    bits |= __builtin_cpu_supports("fma") ? CNXRT_CPU_FMA : 0;
    bits |= __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") ? CNXRT_CPU_F16C : 0;
    bits |= __builtin_cpu_supports("bmi2") ? CNXRT_CPU_BMI2 : 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        bits |= CNXRT_CPU_AVX512;
    bits |= __builtin_cpu_supports("avx512bf16") ? CNXRT_CPU_AVX512_BF16 : 0;
    bits |= __builtin_cpu_supports("avx512vnni") ? CNXRT_CPU_AVX512_VNNI : 0;
    return bits;
}

static const char *amd_name(unsigned family, unsigned model)
{
    if (family >= 0x1a)
        return "znver5";
    if (family == 0x19)
        return (model >= 0x10 && model <= 0x1f) || (model >= 0x60 && model <= 0xaf) ? "znver4" : "znver3";
    return family == 0x17 ? (model >= 0x30 ? "znver2" : "znver1") : NULL;
}

static const char *intel_name(unsigned model)
{
    switch (model) {
    case 0x3c: case 0x3f: case 0x45: case 0x46: return "haswell";
    case 0x3d: case 0x47: case 0x4f: case 0x56: return "broadwell";
    case 0x4e: case 0x5e: case 0x8e: case 0x9e: case 0xa5: case 0xa6: return "skylake";
    case 0x55: return __builtin_cpu_supports("avx512vnni") ? "cascadelake" : "skylake-avx512";
    case 0x6a: case 0x6c: return "icelake-server";
    case 0x8f: return "sapphirerapids";
    case 0xcf: case 0xad: case 0xae: return "emeraldrapids";
    case 0x97: case 0x9a: case 0xb7: case 0xba: case 0xbf: case 0xaa: case 0xac: return "alderlake";
    default: return NULL;
    }
}

/* The profile's name by vendor, family and model (Intel SDM vol. 2, CPUID leaf 1); NULL: not one of ours. */
static const char *host_name(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(0, &a, &b, &c, &d))
        return NULL;
    bool amd = b == signature_AMD_ebx, intel = b == signature_INTEL_ebx;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return NULL;
    unsigned family = (a >> 8) & 15, model = ((a >> 4) & 15) | ((a >> 12) & 0xf0);
    if (family == 15)
        family += (a >> 20) & 255;
    return amd ? amd_name(family, model) : intel && family == 6 ? intel_name(model) : NULL;
}
#else
static int64_t host_features(void) { return 0; }
static const char *host_name(void) { return NULL; }
#endif

/* Whether features is all the profile needs. */
static bool can_run(const CpuProfile *profile, int64_t features)
{
    return !(profile->runtime_features & ~features);
}

/* The named profile if it runs here; else the generic one with the widest vectors that does. */
static const CpuProfile *host_profile(void)
{
    int64_t features = host_features();
    const char *name = host_name();
    const CpuProfile *named = name ? cpu_find(name) : NULL, *best = NULL;
    if (named && can_run(named, features))
        return named;
    for (int64_t i = 0; i < cpu_count(); i++)
        if (str_starts_with(profiles[i].name, "x86-64-") && can_run(&profiles[i], features))
            best = &profiles[i];
    return best;
}

/* One line of a file under cpu0's cache directory; "" if it is not there. */
static void read_cache_file(int index, const char *file, char line[static 32])
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, file);
    line[0] = 0;
    FILE *in = fopen(path, "r");
    if (!in)
        return;
    if (!fgets(line, 32, in))
        line[0] = 0;
    fclose(in);
}

/* "48K" → 49152; 0 where it is not a size. */
static int64_t cache_size(const char *text)
{
    long long size = 0;
    char unit = 0;
    if (sscanf(text, "%8lld%c", &size, &unit) < 1 || size < 0)
        return 0;
    return unit == 'K' ? KIB(size) : unit == 'M' ? MIB(size) : size;
}

static void fill_caches(CpuProfile *cpu)
{
    for (int i = 0; i < 8; i++) {
        char level[32], type[32], size[32];
        read_cache_file(i, "level", level);
        read_cache_file(i, "type", type);
        read_cache_file(i, "size", size);
        int64_t bytes = cache_size(size);
        if (bytes <= 0 || type[0] == 'I')
            continue;
        switch (level[0]) {
        case '1': cpu->l1d_bytes = bytes; break;
        case '2': cpu->l2_bytes = bytes; break;
        case '3': cpu->l3_bytes = bytes; break;
        default: break;
        }
    }
}

const CpuProfile *cpu_host(void)
{
    static CpuProfile host;
    static bool known;
    if (!known) {
        const CpuProfile *profile = host_profile();
        if (profile) {
            host = *profile;
            fill_caches(&host);
            long cores = sysconf(_SC_NPROCESSORS_ONLN);
            if (cores > 0)
                host.cores = cores;
        }
        known = true;
    }
    return host.name ? &host : NULL;
}
