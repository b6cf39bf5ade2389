/* The multiply-add peak: independent accumulators in registers, no memory, so that nothing but the FMA units
 * limits the loop. All threads run at once, as in a real program: clocks fall when all cores are busy. Many short
 * rounds, of which the best counts: another program's time slice spoils one round, not all.
 *
 *   24 chains hide a latency of 4 at 2 a cycle three times over; AVX2 has registers for 12. */
#include "compiler/report/peak.h"

#include "compiler/build/build.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { LOOPS = 300000, ROUNDS = 40, MOST_THREADS = 1024 };

#define REPEAT12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define REPEAT24(X) REPEAT12(X) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)

/* The empty asm keeps each accumulator in a register and the loop as it is written. */
#define START512(i) __m512 s##i = _mm512_set1_ps(i);
#define STEP512(i) s##i = _mm512_fmadd_ps(a, b, s##i);
#define HOLD512(i) __asm__ volatile("" : "+v"(s##i));
__attribute__((target("avx512f"))) static double work_avx512(void)
{
    __m512 a = _mm512_set1_ps(1e-3f), b = _mm512_set1_ps(1e-3f);
    REPEAT24(START512)
    for (int64_t n = 0; n < LOOPS; n++) {
        REPEAT24(STEP512)
        REPEAT24(HOLD512)
    }
    return 24.0 * 16 * 2 * LOOPS;
}

#define START256(i) __m256 s##i = _mm256_set1_ps(i);
#define STEP256(i) s##i = _mm256_fmadd_ps(a, b, s##i);
#define HOLD256(i) __asm__ volatile("" : "+x"(s##i));
__attribute__((target("avx2,fma"))) static double work_avx2(void)
{
    __m256 a = _mm256_set1_ps(1e-3f), b = _mm256_set1_ps(1e-3f);
    REPEAT12(START256)
    for (int64_t n = 0; n < LOOPS; n++) {
        REPEAT12(STEP256)
        REPEAT12(HOLD256)
    }
    return 12.0 * 8 * 2 * LOOPS;
}

#define STEP_PAIRS(i) s##i = _mm512_dpbf16_ps(s##i, (__m512bh)a, (__m512bh)b);
__attribute__((target("avx512f,avx512bf16"))) static double work_bf16(void)
{
    __m512i a = _mm512_set1_epi16(0x3a83), b = _mm512_set1_epi16(0x3a83); /* 1e-3 */
    REPEAT24(START512)
    for (int64_t n = 0; n < LOOPS; n++) {
        REPEAT24(STEP_PAIRS)
        REPEAT24(HOLD512)
    }
    return 24.0 * 16 * 4 * LOOPS;
}

enum { WAIT, GO, GIVE_UP };

typedef struct Runner {
    pthread_t thread;
    atomic_int *signal;   /* WAIT until all threads are there, so that they work at the same time */
    double (*work)(void);
    double rate;          /* FLOP/s */
} Runner;

static void *run_work(void *argument)
{
    Runner *runner = argument;
    int signal;
    while ((signal = atomic_load(runner->signal)) == WAIT)
        sched_yield();
    double start = clock_seconds(), flops = signal == GO ? runner->work() : 0;
    runner->rate = flops / (clock_seconds() - start);
    return NULL;
}

/* One round on all threads; FLOP/s of the whole, 0 if the threads can't be started. */
static double run_round(Runner *runners, int64_t count)
{
    atomic_int signal = WAIT;
    int64_t started = 0;
    double rate = 0;
    for (; started < count; started++) {
        runners[started].signal = &signal;
        if (pthread_create(&runners[started].thread, NULL, run_work, &runners[started]) != 0)
            break;
    }
    atomic_store(&signal, started == count ? GO : GIVE_UP);
    for (int64_t i = 0; i < started; i++) {
        pthread_join(runners[i].thread, NULL);
        rate += runners[i].rate;
    }
    return rate;
}

static double best_rate(double (*work)(void), int64_t n_threads)
{
    static Runner runners[MOST_THREADS];
    double best = 0;
    if (n_threads > MOST_THREADS)
        return 0;
    for (int64_t i = 0; i < n_threads; i++)
        runners[i].work = work;
    for (int i = 0; i < ROUNDS; i++) {
        double rate = run_round(runners, n_threads);
        best = rate > best ? rate : best;
    }
    return best;
}

double peak_flops(int64_t n_threads)
{
    if (__builtin_cpu_supports("avx512f"))
        return best_rate(work_avx512, n_threads);
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? best_rate(work_avx2, n_threads) : 0;
}

double peak_flops_bf16(int64_t n_threads)
{
    return __builtin_cpu_supports("avx512bf16") ? best_rate(work_bf16, n_threads) : peak_flops(n_threads);
}
