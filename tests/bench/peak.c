/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Peak: what this machine does at best: multiply-adds with loops that touch registers only, and reading memory in a row.
 *
 *   peak [SECONDS [THREADS]]  →  {"f32_avx2": 117.1, "f32_avx512": 117.0, "bf16": 233.9, "int8": 466.1,
 *                                 "memory_gb_per_s": 21.4, "f32": 117.1}     G(FL)OP/s of all threads together
 *
 * Each loop keeps enough independent accumulators to cover the latency: 24 of 512 bits, 12 of 256. All threads work at
 * the same time, as in a real program: clocks and memory are shared. A thread's best of many short runs counts, for
 * another program's time slice spoils a run. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITERATIONS = 200000, MOST_THREADS = 256 };
static const size_t memory_bytes = (size_t)256 << 20; /* of all threads: well past any cache of a core's share */

typedef struct Unit {
    const char *name;
    void (*loop)(long n);     /* NULL: the streaming read */
    double work_per_run;      /* operations (a multiply-add counts as 2) or bytes */
    bool available;
} Unit;

#define TIMES12(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define TIMES24(f) TIMES12(f) f(12) f(13) f(14) f(15) f(16) f(17) f(18) f(19) f(20) f(21) f(22) f(23)
#define FMA256(r) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #r "\n"
#define FMA512(r) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #r "\n"
#define DOT_BF16(r) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #r "\n"
#define DOT_INT8(r) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #r "\n"

#define DEFINE_LOOP(name, clear, body)                                                                                    \
    static void name(long n)                                                                                              \
    {                                                                                                                     \
        __asm__ volatile(clear "1:\n" body "dec %0\njnz 1b\nvzeroupper\n"                                                 \
                         : "+r"(n)::"cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
                           "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                                         \
    }
#define CLEAR512 "vzeroall\nvpxorq %%zmm30, %%zmm30, %%zmm30\nvpxorq %%zmm31, %%zmm31, %%zmm31\n"

DEFINE_LOOP(loop_fma256, "vzeroall\n", TIMES12(FMA256))
DEFINE_LOOP(loop_fma512, CLEAR512, TIMES24(FMA512))
DEFINE_LOOP(loop_bf16, CLEAR512, TIMES24(DOT_BF16))
DEFINE_LOOP(loop_int8, CLEAR512, TIMES24(DOT_INT8))

/* Whole cache lines, added up so that no load can be left out. */
__attribute__((target("avx2"))) static uint64_t read_all(const uint8_t *data, size_t bytes)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i + 128 <= bytes; i += 128) {
        a = _mm256_add_epi64(a, _mm256_load_si256((const __m256i *)(data + i)));
        b = _mm256_add_epi64(b, _mm256_load_si256((const __m256i *)(data + i + 32)));
        c = _mm256_add_epi64(c, _mm256_load_si256((const __m256i *)(data + i + 64)));
        d = _mm256_add_epi64(d, _mm256_load_si256((const __m256i *)(data + i + 96)));
    }
    uint64_t sums[4];
    _mm256_storeu_si256((__m256i *)sums, _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d)));
    return sums[0] + sums[1] + sums[2] + sums[3];
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct Runner {
    pthread_t thread;
    pthread_barrier_t *start;
    const Unit *unit;
    uint8_t *data;            /* for the streaming read: its own part */
    size_t bytes;
    double seconds, rate;     /* how long to try; work a second, the best run's */
    volatile uint64_t sum;
} Runner;

static void *run(void *argument)
{
    Runner *r = argument;
    double best = 1e9;
    if (!r->unit->loop)
        memset(r->data, 1, r->bytes); /* a page that nobody wrote is a page of zeros in the cache */
    pthread_barrier_wait(r->start);
    for (double start = now(); now() - start < r->seconds;) {
        double t = now();
        if (r->unit->loop)
            r->unit->loop(ITERATIONS);
        else
            r->sum = read_all(r->data, r->bytes);
        t = now() - t;
        best = t < best ? t : best;
    }
    r->rate = (r->unit->loop ? r->unit->work_per_run : (double)r->bytes) / best;
    return NULL;
}

/* Of all threads together, in 1e9 a second. */
static double measure(const Unit *unit, int n_threads, double seconds)
{
    static Runner runners[MOST_THREADS];
    pthread_barrier_t start;
    double rate = 0;
    size_t bytes = memory_bytes / (size_t)n_threads / 4096 * 4096;
    pthread_barrier_init(&start, NULL, (unsigned)n_threads);
    for (int i = 0; i < n_threads; i++) {
        uint8_t *data = unit->loop ? NULL : aligned_alloc(4096, bytes);
        if (!unit->loop && !data)
            exit(4);
        runners[i] = (Runner){.start = &start, .unit = unit, .data = data, .bytes = bytes, .seconds = seconds};
        if (pthread_create(&runners[i].thread, NULL, run, &runners[i]) != 0)
            exit(4);
    }
    for (int i = 0; i < n_threads; i++) {
        pthread_join(runners[i].thread, NULL);
        rate += runners[i].rate;
        free(runners[i].data);
    }
    pthread_barrier_destroy(&start);
    return rate * 1e-9;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.3;
    int n_threads = argc > 2 ? atoi(argv[2]) : 1;
    unsigned a, b = 0, c = 0, d, a1 = 0;
    if (n_threads < 1 || n_threads > MOST_THREADS)
        return 2;
    __get_cpuid_count(7, 1, &a1, &b, &c, &d);
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    bool avx2 = b >> 5 & 1, avx512 = b >> 16 & 1;
    Unit units[] = {
        {"f32_avx2", loop_fma256, 12 * 16.0 * ITERATIONS, avx2},
        {"f32_avx512", loop_fma512, 24 * 32.0 * ITERATIONS, avx512},
        {"bf16", loop_bf16, 24 * 64.0 * ITERATIONS, avx512 && (a1 >> 5 & 1)},
        {"int8", loop_int8, 24 * 128.0 * ITERATIONS, avx512 && (c >> 11 & 1)},
        {"memory_gb_per_s", NULL, 0, avx2},
    };
    double f32 = 0;
    printf("{");
    for (int i = 0; i < 5; i++) {
        if (!units[i].available)
            continue;
        double rate = measure(&units[i], n_threads, seconds);
        f32 = i < 2 && rate > f32 ? rate : f32;
        printf("\"%s\": %.1f, ", units[i].name, rate);
    }
    printf("\"f32\": %.1f}\n", f32);
    return 0;
}
