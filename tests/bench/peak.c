/* Peak: what this machine's multiply-add units do at best, measured with loops that touch registers only.
 *
 *   peak [SECONDS]  →  {"f32": 117.0, "f32_avx2": 117.1, "bf16": 233.9, "int8": 466.1}   G(FL)OP/s of one core
 *
 * Each loop keeps enough independent accumulators to cover the latency: 24 of 512 bits, 12 of 256. The best of
 * several short runs counts. */
#include <cpuid.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct Unit {
    const char *name;
    void (*loop)(long n);
    int ops_per_iteration; /* a multiply-add counts as 2 */
    bool available;
} Unit;

#define TIMES12(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define TIMES24(f) TIMES12(f) f(12) f(13) f(14) f(15) f(16) f(17) f(18) f(19) f(20) f(21) f(22) f(23)
#define FMA256(r) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #r "\n"
#define FMA512(r) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #r "\n"
#define DOT_BF16(r) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #r "\n"
#define DOT_INT8(r) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #r "\n"

#define DEFINE_LOOP(name, clear, body)                                                                     \
    static void name(long n)                                                                                \
    {                                                                                                       \
        __asm__ volatile(clear "1:\n" body "dec %0\njnz 1b\nvzeroupper\n"                                   \
                         : "+r"(n)::"cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
                           "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");           \
    }
#define CLEAR512 "vzeroall\nvpxorq %%zmm30, %%zmm30, %%zmm30\nvpxorq %%zmm31, %%zmm31, %%zmm31\n"

DEFINE_LOOP(loop_fma256, "vzeroall\n", TIMES12(FMA256))
DEFINE_LOOP(loop_fma512, CLEAR512, TIMES24(FMA512))
DEFINE_LOOP(loop_bf16, CLEAR512, TIMES24(DOT_BF16))
DEFINE_LOOP(loop_int8, CLEAR512, TIMES24(DOT_INT8))

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double measure(const Unit *unit, double seconds)
{
    enum { ITERATIONS = 400000 };
    double best = 1e9, start = now();
    while (now() - start < seconds) {
        double t = now();
        unit->loop(ITERATIONS);
        t = now() - t;
        best = t < best ? t : best;
    }
    return ITERATIONS * (double)unit->ops_per_iteration / best * 1e-9;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.3;
    unsigned a, b = 0, c = 0, d, a1 = 0;
    __get_cpuid_count(7, 1, &a1, &b, &c, &d);
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    bool avx512 = b >> 16 & 1;
    Unit units[] = {
        {"f32_avx2", loop_fma256, 12 * 16, b >> 5 & 1},
        {"f32_avx512", loop_fma512, 24 * 32, avx512},
        {"bf16", loop_bf16, 24 * 64, avx512 && (a1 >> 5 & 1)},
        {"int8", loop_int8, 24 * 128, avx512 && (c >> 11 & 1)},
    };
    double f32 = 0;
    printf("{");
    for (int i = 0; i < 4; i++) {
        if (!units[i].available)
            continue;
        double rate = measure(&units[i], seconds);
        f32 = i < 2 && rate > f32 ? rate : f32;
        printf("\"%s\": %.1f, ", units[i].name, rate);
    }
    printf("\"f32\": %.1f}\n", f32);
    return 0;
}
