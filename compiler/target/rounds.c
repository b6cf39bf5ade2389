/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* All threads run at once, as in a real program: clocks fall when all cores are busy, and memory is shared. Many short rounds, of
 * which the best counts: another program's time slice spoils one round, not all. */
#include "compiler/target/rounds.h"

#include "ir/base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

enum { WAIT, GO, GIVE_UP };

typedef struct Runner {
    pthread_t thread;
    atomic_int *signal; /* WAIT until all threads are there, so that they work at the same time */
    RoundWork *work;
    const void *argument;
    double rate; /* a second */
} Runner;

static void *run_work(void *argument)
{
    Runner *runner = argument;
    int signal;
    while ((signal = atomic_load(runner->signal)) == WAIT)
        sched_yield();
    double start = clock_seconds(), done = signal == GO ? runner->work(runner->argument) : 0;
    runner->rate = done / (clock_seconds() - start);
    return NULL;
}

/* One round on all threads; the rate of the whole, 0 if the threads can't be started. */
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

double rounds_best(RoundWork *work, const void *const *arguments, int64_t n_threads, int rounds)
{
    static Runner runners[ROUNDS_MOST_THREADS];
    double best = 0;
    if (!work || n_threads > ROUNDS_MOST_THREADS)
        return 0;
    for (int64_t i = 0; i < n_threads; i++)
        runners[i] = (Runner){.work = work, .argument = arguments ? arguments[i] : NULL};
    for (int i = 0; i < rounds; i++) {
        double rate = run_round(runners, n_threads);
        best = rate > best ? rate : best;
    }
    return best;
}
