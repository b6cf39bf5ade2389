/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* CPU: read CPUID and XGETBV, on Arm the kernel's HWCAP, so that an unsuitable machine gets a sentence and not SIGILL.
 *
 * An instruction is usable if CPUID lists it and the operating system saves its registers: XCR0 bits 1 and 2 for
 * YMM, 5 to 7 for the masks and ZMM, 17 and 18 for AMX tiles (Intel SDM volume 1, 13.3). Linux gives tiles to a process
 * that asks, which enlarges its signal frames: only who needs them asks (Documentation/arch/x86/xstate.rst). */
#include "runtime/cpu.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

static const struct {
    int64_t bit;
    const char *name;
} features_by_name[] = {
    {CNXRT_CPU_SSE42, "SSE4.2"},
    {CNXRT_CPU_AVX2, "AVX2"},
    {CNXRT_CPU_FMA, "FMA"},
    {CNXRT_CPU_F16C, "F16C"},
    {CNXRT_CPU_BMI2, "BMI2"},
    {CNXRT_CPU_AVX512, "AVX-512"},
    {CNXRT_CPU_AVX512_BF16, "AVX512_BF16"},
    {CNXRT_CPU_AVX512_VNNI, "AVX512_VNNI"},
    {CNXRT_CPU_AMX_BF16, "AMX_BF16"},
    {CNXRT_CPU_AMX_INT8, "AMX_INT8"},
    {CNXRT_CPU_AVX_VNNI, "AVX_VNNI"},
    {CNXRT_CPU_ARM_DOTPROD, "dotprod"},
    {CNXRT_CPU_ARM_FP16, "fp16"},
    {CNXRT_CPU_ARM_BF16, "bf16"},
    {CNXRT_CPU_ARM_I8MM, "i8mm"},
};

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t saved_states(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static int64_t feature(uint32_t word, int bit, int64_t flag) { return word >> bit & 1 ? flag : 0; }

static int64_t avx512_bits(uint32_t b7, uint32_t c7, uint32_t a71)
{
    const uint32_t base = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* F, DQ, CD, BW, VL */
    if ((b7 & base) != base)
        return 0;
    return CNXRT_CPU_AVX512 | feature(c7, 11, CNXRT_CPU_AVX512_VNNI) | feature(a71, 5, CNXRT_CPU_AVX512_BF16);
}

static int64_t sse42_bits(uint32_t c1)
{
    const uint32_t all = 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23; /* as CNXRT_CPU_SSE42 lists them */
    return (c1 & all) == all ? CNXRT_CPU_SSE42 : 0;
}

int64_t cpu_features(void)
{
    uint32_t a, b1, c1, d1, b7 = 0, c7 = 0, d7 = 0, a71 = 0, b, c, d;
    if (!__get_cpuid(1, &a, &b1, &c1, &d1))
        return 0;
    if (!(c1 >> 27 & 1)) /* no OSXSAVE: no vector state beyond SSE */
        return sse42_bits(c1);
    if (__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) && a >= 1)
        __get_cpuid_count(7, 1, &a71, &b, &c, &d);
    uint64_t saved = saved_states();
    int64_t found = sse42_bits(c1) | feature(b7, 8, CNXRT_CPU_BMI2);
    if ((saved & 0x6) == 0x6 && (c1 >> 28 & 1))
        found |= feature(b7, 5, CNXRT_CPU_AVX2) | feature(c1, 12, CNXRT_CPU_FMA) | feature(c1, 29, CNXRT_CPU_F16C) |
                 feature(a71, 4, CNXRT_CPU_AVX_VNNI);
    if ((saved & 0xe6) == 0xe6)
        found |= avx512_bits(b7, c7, a71);
    if ((saved & 0x60000) == 0x60000)
        found |= feature(d7, 24, feature(d7, 22, CNXRT_CPU_AMX_BF16) | feature(d7, 25, CNXRT_CPU_AMX_INT8));
    return found;
}

int cpu_tiles_refused(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 ? 0 : errno;
}
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

int64_t cpu_features(void)
{
    const unsigned long fp16 = HWCAP_FPHP | HWCAP_ASIMDHP, words = getauxval(AT_HWCAP), words2 = getauxval(AT_HWCAP2);
    return (words & HWCAP_ASIMDDP ? CNXRT_CPU_ARM_DOTPROD : 0) | ((words & fp16) == fp16 ? CNXRT_CPU_ARM_FP16 : 0) |
           (words2 & HWCAP2_BF16 ? CNXRT_CPU_ARM_BF16 : 0) | (words2 & HWCAP2_I8MM ? CNXRT_CPU_ARM_I8MM : 0);
}
#else
int64_t cpu_features(void) { return 0; }
#endif

#ifndef __x86_64__
int cpu_tiles_refused(void) { return ENOSYS; }
#endif

int64_t cpu_missing(int64_t needed)
{
    int64_t missing = needed & ~cpu_features();
    if ((needed & ~missing & CNXRT_CPU_AMX) && cpu_tiles_refused())
        missing |= needed & CNXRT_CPU_AMX;
    return missing;
}

const CnxrtVariant *cpu_variant(const CnxrtModel *compiled)
{
    for (int64_t i = 0; i < compiled->n_variants; i++)
        if (!cpu_missing(compiled->variants[i]->cpu_features))
            return compiled->variants[i];
    return NULL;
}

const char *cpu_feature_names(int64_t features, char *text, size_t size)
{
    size_t length = 0;
    text[0] = 0;
    for (size_t i = 0; i < sizeof features_by_name / sizeof *features_by_name; i++)
        if ((features & features_by_name[i].bit) && length < size) {
            int n = snprintf(text + length, size - length, "%s%s", length ? ", " : "", features_by_name[i].name);
            length += n > 0 ? (size_t)n : 0;
        }
    return text;
}

/* What the least demanding variant lacks is the least that is missing. */
const char *cpu_refusal(const CnxrtModel *compiled, char *text, size_t size)
{
    const CnxrtVariant *least = compiled->variants[compiled->n_variants - 1];
    char names[128];
    cpu_feature_names(cpu_missing(least->cpu_features), names, sizeof names);
    snprintf(text, size, "compiled for %s%s, but this processor lacks %s", least->cpu_name,
             compiled->n_variants > 1 ? " and better" : "", names);
    return text;
}
