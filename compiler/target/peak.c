/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The multiply-add peak: independent accumulators in registers, no memory, so that nothing but the FMA units
 * limits the loop (rounds.c).
 *
 *   24 chains hide a latency of 4 at 2 a cycle three times over, and NEON's of 4 at 4; AVX2 has registers for 12. Tiles of AMX have a
 *   latency of 52 at one in 16 cycles (Intel's optimization manual, table of the TMUL): 6 chains. */
#include "compiler/target/peak.h"

#include "compiler/target/rounds.h"
#include "runtime/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { LOOPS = 300000, ROUNDS = 40 };

typedef RoundWork Work; /* FLOP that it has done */

#define REPEAT12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define REPEAT24(X) REPEAT12(X) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)

/* A loop of all chains: START makes each, STEP adds to it, and HOLD, an empty asm, keeps it in a register and the loop as
 * it is written. */
#define LOOP(REPEAT, START, STEP, HOLD)   \
    REPEAT(START)                         \
    for (int64_t n = 0; n < LOOPS; n++) { \
        REPEAT(STEP)                      \
        REPEAT(HOLD)                      \
    }

#if defined(__x86_64__)
#define HOLD(i) __asm__ volatile("" : "+v"(s##i));

#define START512(i) __m512 s##i = _mm512_set1_ps(i);
#define STEP512(i) s##i = _mm512_fmadd_ps(a, b, s##i);
__attribute__((target("avx512f"))) static double work_avx512(const void *unused)
{
    (void)unused;
    __m512 a = _mm512_set1_ps(1e-3f), b = _mm512_set1_ps(1e-3f);
    LOOP(REPEAT24, START512, STEP512, HOLD)
    return 24.0 * 16 * 2 * LOOPS;
}

#define START256(i) __m256 s##i = _mm256_set1_ps(i);
#define STEP256(i) s##i = _mm256_fmadd_ps(a, b, s##i);
__attribute__((target("avx2,fma"))) static double work_avx2(const void *unused)
{
    (void)unused;
    __m256 a = _mm256_set1_ps(1e-3f), b = _mm256_set1_ps(1e-3f);
    LOOP(REPEAT12, START256, STEP256, HOLD)
    return 12.0 * 8 * 2 * LOOPS;
}

#define STEP_PAIRS(i) s##i = _mm512_dpbf16_ps(s##i, (__m512bh)a, (__m512bh)b);
__attribute__((target("avx512f,avx512bf16"))) static double work_bf16(const void *unused)
{
    (void)unused;
    __m512i a = _mm512_set1_epi16(0x3a83), b = _mm512_set1_epi16(0x3a83); /* 1e-3 */
    LOOP(REPEAT24, START512, STEP_PAIRS, HOLD)
    return 24.0 * 16 * 4 * LOOPS;
}

#define START_INTS(i) __m512i s##i = _mm512_set1_epi32(i);
#define STEP_QUADS(i) s##i = _mm512_dpbusd_epi32(s##i, a, b);
__attribute__((target("avx512f,avx512vnni"))) static double work_int8(const void *unused)
{
    (void)unused;
    __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(1);
    LOOP(REPEAT24, START_INTS, STEP_QUADS, HOLD)
    return 24.0 * 16 * 8 * LOOPS;
}

#define START_INTS256(i) __m256i s##i = _mm256_set1_epi32(i);
#define STEP_QUADS256(i) s##i = _mm256_dpbusd_avx_epi32(s##i, a, b);
__attribute__((target("avx2,avxvnni"))) static double work_int8_avx(const void *unused)
{
    (void)unused;
    __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(1);
    LOOP(REPEAT12, START_INTS256, STEP_QUADS256, HOLD)
    return 12.0 * 8 * 8 * LOOPS;
}

/* Eight tiles of 16 rows of 64 bytes, all zero (Intel SDM vol. 2, LDTILECFG). */
typedef struct TileConfig {
    uint8_t palette, start_row, unused[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileConfig;

enum { TILE_LOOPS = LOOPS / 16 };

__attribute__((target("amx-tile"))) static void tiles_begin(void)
{
    static const TileConfig config = {
        .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

#define TILE_STEPS(STEP) \
    STEP(0, 6, 7);       \
    STEP(1, 6, 7);       \
    STEP(2, 6, 7);       \
    STEP(3, 6, 7);       \
    STEP(4, 6, 7);       \
    STEP(5, 6, 7);

__attribute__((target("amx-tile,amx-bf16"))) static double work_tiles_bf16(const void *unused)
{
    (void)unused;
    tiles_begin();
    for (int64_t n = 0; n < TILE_LOOPS; n++) {
        TILE_STEPS(_tile_dpbf16ps)
    }
    _tile_release();
    return 6.0 * 16 * 16 * 32 * 2 * TILE_LOOPS;
}

__attribute__((target("amx-tile,amx-int8"))) static double work_tiles_int8(const void *unused)
{
    (void)unused;
    tiles_begin();
    for (int64_t n = 0; n < TILE_LOOPS; n++) {
        TILE_STEPS(_tile_dpbusd)
    }
    _tile_release();
    return 6.0 * 16 * 16 * 64 * 2 * TILE_LOOPS;
}

static Work *widest_work(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return work_avx512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? work_avx2 : NULL;
}

static Work *widest_work_bf16(void)
{
    if (!cpu_missing(CNXRT_CPU_AMX_BF16))
        return work_tiles_bf16;
    return __builtin_cpu_supports("avx512bf16") ? work_bf16 : widest_work();
}

static Work *widest_work_int8(void)
{
    if (!cpu_missing(CNXRT_CPU_AMX_INT8))
        return work_tiles_int8;
    if (__builtin_cpu_supports("avx512vnni"))
        return work_int8;
    return cpu_features() & CNXRT_CPU_AVX_VNNI ? work_int8_avx : widest_work();
}
#elif defined(__aarch64__)
#define START128(i) float32x4_t s##i = vdupq_n_f32(i);
#define STEP128(i) s##i = vfmaq_f32(s##i, a, b);
#define HOLD128(i) __asm__ volatile("" : "+w"(s##i));
static double work_neon(const void *unused)
{
    (void)unused;
    float32x4_t a = vdupq_n_f32(1e-3f), b = a;
    LOOP(REPEAT24, START128, STEP128, HOLD128)
    return 24.0 * 4 * 2 * LOOPS;
}

#define STEP_PAIRS(i) s##i = vbfmmlaq_f32(s##i, a, b);
__attribute__((target("arch=armv8.2-a+bf16"))) static double work_bf16(const void *unused)
{
    (void)unused;
    bfloat16x8_t a = vreinterpretq_bf16_u16(vdupq_n_u16(0x3a83)), b = a; /* 1e-3 */
    LOOP(REPEAT24, START128, STEP_PAIRS, HOLD128)
    return 24.0 * 16 * 2 * LOOPS;
}

#define START_INTS(i) int32x4_t s##i = vdupq_n_s32(i);
#define STEP_EIGHTS(i) s##i = vmmlaq_s32(s##i, a, b);
__attribute__((target("arch=armv8.2-a+i8mm"))) static double work_int8(const void *unused)
{
    (void)unused;
    int8x16_t a = vdupq_n_s8(1), b = a;
    LOOP(REPEAT24, START_INTS, STEP_EIGHTS, HOLD128)
    return 24.0 * 32 * 2 * LOOPS;
}

#define STEP_QUADS(i) s##i = vdotq_s32(s##i, a, b);
__attribute__((target("arch=armv8.2-a+dotprod"))) static double work_int8_dot(const void *unused)
{
    (void)unused;
    int8x16_t a = vdupq_n_s8(1), b = a;
    LOOP(REPEAT24, START_INTS, STEP_QUADS, HOLD128)
    return 24.0 * 16 * 2 * LOOPS;
}

static Work *widest_work(void) { return work_neon; }
static Work *widest_work_bf16(void) { return cpu_features() & CNXRT_CPU_ARM_BF16 ? work_bf16 : work_neon; }

static Work *widest_work_int8(void)
{
    if (cpu_features() & CNXRT_CPU_ARM_I8MM)
        return work_int8;
    return cpu_features() & CNXRT_CPU_ARM_DOTPROD ? work_int8_dot : work_neon;
}
#else
static Work *widest_work(void) { return NULL; }
static Work *widest_work_bf16(void) { return NULL; }
static Work *widest_work_int8(void) { return NULL; }
#endif

double peak_flops(DType precision, int64_t n_threads)
{
    return rounds_best(precision == DT_INT8       ? widest_work_int8()
                       : precision == DT_BFLOAT16 ? widest_work_bf16()
                                                  : widest_work(),
                       NULL, n_threads, ROUNDS);
}

bool peak_is_own(DType precision)
{
    return precision == DT_INT8 ? widest_work_int8() != widest_work()
                                : precision != DT_BFLOAT16 || widest_work_bf16() != widest_work();
}
