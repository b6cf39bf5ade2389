/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The table of features. An artifact checks exactly the bits of its profile when it starts, so a feature that no bit
 * stands for can't be used: it would stay unchecked, and end in SIGILL on some machine.
 *
 *     avx512vnni avx2  →  "+avx2,+avx512vnni", CNXRT_CPU_AVX2 | CNXRT_CPU_AVX512_VNNI                        */
#include "compiler/target/features.h"

#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <string.h>

typedef struct Feature {
    const char *name;
    CpuArch arch;
    int64_t bits;     /* CNXRT_CPU_; a set that comes with another one is checked with it */
} Feature;

static const Feature features[] = {
    {"cx16", ARCH_X86_64, CNXRT_CPU_SSE42},
    {"popcnt", ARCH_X86_64, CNXRT_CPU_SSE42},
    {"sse3", ARCH_X86_64, CNXRT_CPU_SSE42},
    {"ssse3", ARCH_X86_64, CNXRT_CPU_SSE42},
    {"sse4.1", ARCH_X86_64, CNXRT_CPU_SSE42},
    {"sse4.2", ARCH_X86_64, CNXRT_CPU_SSE42},
    {"avx", ARCH_X86_64, CNXRT_CPU_AVX2},
    {"avx2", ARCH_X86_64, CNXRT_CPU_AVX2},
    {"fma", ARCH_X86_64, CNXRT_CPU_AVX2 | CNXRT_CPU_FMA},
    {"f16c", ARCH_X86_64, CNXRT_CPU_AVX2 | CNXRT_CPU_F16C},
    {"bmi2", ARCH_X86_64, CNXRT_CPU_BMI2},
    {"evex512", ARCH_X86_64, CNXRT_CPU_AVX512},
    {"avx512f", ARCH_X86_64, CNXRT_CPU_AVX2 | CNXRT_CPU_FMA | CNXRT_CPU_F16C | CNXRT_CPU_AVX512},
    {"avx512cd", ARCH_X86_64, CNXRT_CPU_AVX512},
    {"avx512bw", ARCH_X86_64, CNXRT_CPU_AVX512},
    {"avx512dq", ARCH_X86_64, CNXRT_CPU_AVX512},
    {"avx512vl", ARCH_X86_64, CNXRT_CPU_AVX512},
    {"avx512vnni", ARCH_X86_64, CNXRT_CPU_AVX512 | CNXRT_CPU_AVX512_VNNI},
    {"avx512bf16", ARCH_X86_64, CNXRT_CPU_AVX512 | CNXRT_CPU_AVX512_BF16},
    {"avxvnni", ARCH_X86_64, CNXRT_CPU_AVX2 | CNXRT_CPU_AVX_VNNI},
    {"amx-tile", ARCH_X86_64, CNXRT_CPU_AMX_BF16},
    {"amx-bf16", ARCH_X86_64, CNXRT_CPU_AMX_BF16},
    {"amx-int8", ARCH_X86_64, CNXRT_CPU_AMX_INT8},
    {"fp-armv8", ARCH_AARCH64, 0}, /* the architecture's baseline */
    {"neon", ARCH_AARCH64, 0},
    {"dotprod", ARCH_AARCH64, CNXRT_CPU_ARM_DOTPROD},
    {"fullfp16", ARCH_AARCH64, CNXRT_CPU_ARM_FP16},
    {"bf16", ARCH_AARCH64, CNXRT_CPU_ARM_BF16},
    {"i8mm", ARCH_AARCH64, CNXRT_CPU_ARM_I8MM},
};

int feature_find(CpuArch arch, const char *name)
{
    for (int i = 0; i < countof(features); i++)
        if (features[i].arch == arch && strcmp(features[i].name, name) == 0)
            return i;
    return -1;
}

const char *feature_nearest(CpuArch arch, const char *name)
{
    const char *names[countof(features)];
    int64_t n = 0;
    for (int i = 0; i < countof(features); i++)
        if (features[i].arch == arch)
            names[n++] = features[i].name;
    return nearest_name(name, names, n);
}

static bool has(FeatureSet set, int index) { return set >> index & 1; }

const char *features_text(FeatureSet set, const char *before, const char *between, Arena *arena)
{
    StrBuf sb = {.arena = arena};
    sb_put(&sb, "");
    for (int i = 0; i < countof(features); i++)
        if (has(set, i))
            sb_printf(&sb, "%s%s%s", sb.len ? between : "", before, features[i].name);
    return sb.text;
}

FeatureSet features_parse(CpuArch arch, const char *llvm_string)
{
    FeatureSet set = 0;
    char name[32];
    for (const char *p = llvm_string; *p;) {
        size_t length = strcspn(p, ",");
        snprintf(name, sizeof name, "%.*s", (int)length - 1, p + 1); /* without its + */
        int index = feature_find(arch, name);
        set |= index < 0 ? 0 : (FeatureSet)1 << index;
        p += length + (p[length] == ',');
    }
    return set;
}

int64_t features_bits(FeatureSet set)
{
    int64_t bits = 0;
    for (int i = 0; i < countof(features); i++)
        bits |= has(set, i) ? features[i].bits : 0;
    return bits;
}

FeatureSet features_allowed(CpuArch arch, int64_t bits)
{
    FeatureSet set = 0;
    for (int i = 0; i < countof(features); i++)
        if (features[i].arch == arch && !(features[i].bits & ~bits))
            set |= (FeatureSet)1 << i;
    return set;
}

const char *features_missing(CpuArch arch, FeatureSet set, int64_t vector_bytes, int64_t n_vectors, Arena *arena)
{
    static const char *const sse[] = {"sse3", "ssse3", "sse4.1", "sse4.2"}, *const avx2[] = {"avx", "avx2"};
    static const char *const avx512[] = {"evex512", "avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"};
    static const char *const neon[] = {"fp-armv8", "neon"};
    bool x86 = arch == ARCH_X86_64;
    const struct {
        bool wanted;
        const char *const *names;
        int64_t count;
    } needs[] = {{x86, sse, countof(sse)},
                 {x86 && vector_bytes >= 32, avx2, countof(avx2)},
                 {x86 && (vector_bytes >= 64 || n_vectors > 16), avx512, countof(avx512)},
                 {!x86, neon, countof(neon)}};
    FeatureSet missing = 0;
    for (int64_t i = 0; i < countof(needs); i++)
        for (int64_t j = 0; needs[i].wanted && j < needs[i].count; j++)
            missing |= (FeatureSet)1 << feature_find(arch, needs[i].names[j]);
    missing &= ~set;
    return missing ? features_text(missing, "", " ", arena) : NULL;
}
