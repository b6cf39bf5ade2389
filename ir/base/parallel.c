/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Parallel loops: one thread for each range, started and joined in place.
 *
 *   parallel_ranges(1000, 100, body, c)   on 2 processors →   body(c, 0, 500) beside body(c, 500, 1000)
 *
 * For work of milliseconds and more, so that starting a thread does not matter. A thread that can't be started is no
 * error: its range is done here. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "ir/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST_THREADS = 64, MOST_BY_ITSELF = 8 };

static _Atomic int64_t jobs_wanted;

void parallel_set_jobs(int64_t jobs) { atomic_store(&jobs_wanted, jobs); }

int64_t parallel_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    return sysconf(_SC_NPROCESSORS_ONLN); /* more than cpu_set_t holds */
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t parallel_jobs(void)
{
    int64_t wanted = atomic_load(&jobs_wanted);
    return smaller(wanted ? wanted : smaller(parallel_cores(), MOST_BY_ITSELF), MOST_THREADS);
}

typedef struct Part {
    RangeBody *body;
    void *context;
    int64_t begin, end;
    pthread_t thread;
    int error; /* of pthread_create */
} Part;

static void *run_part(void *argument)
{
    const Part *part = argument;
    part->body(part->context, part->begin, part->end);
    return NULL;
}

static int64_t thread_count(int64_t count, int64_t grain)
{
    int64_t most = smaller(parallel_jobs(), count / (grain > 0 ? grain : 1));
    return most > 1 ? most : 1;
}

void parallel_ranges(int64_t count, int64_t grain, RangeBody *body, void *context)
{
    Part parts[MOST_THREADS];
    int64_t n = thread_count(count, grain), share = count / n, rest = count % n, begin = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t end = begin + share + (i < rest);
        parts[i] = (Part){.body = body, .context = context, .begin = begin, .end = end};
        begin = end;
    }
    for (int64_t i = 1; i < n; i++)
        parts[i].error = pthread_create(&parts[i].thread, NULL, run_part, &parts[i]);
    run_part(&parts[0]);
    for (int64_t i = 1; i < n; i++) {
        if (parts[i].error)
            run_part(&parts[i]);
        else
            pthread_join(parts[i].thread, NULL);
    }
}
