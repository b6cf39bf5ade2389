/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Threads: who waits for whom between the phases of a run.
 *
 * A model is some fifty phases of 10 to 1000 microseconds with a barrier after each. A futex costs 40 us, a spin
 * 0.1 us, so waiting spins first and sleeps later:
 *
 *   run:      wake workers ─ phase ─ barrier ─ phase ─ barrier … ─ all done
 *   barrier:  spin SPINS times, then sleep on the generation until the last to arrive changes it
 *   idle:     asleep at once; nothing spins between runs
 *   busy:     asleep at once, too, where others want the processor that spinning would keep (pace.c)
 *
 * The generation is the one word everybody waits for; who sleeps says so in `sleepers` first, so that the last to
 * arrive makes no system call where all are spinning. (Store generation, load sleepers | store sleepers, load
 * generation: sequentially consistent, so one of the two sees the other.)
 *
 * A run may be on fewer threads than there are. Nobody waits for the others, so one may wake when that run, or many more, are
 * over: the generation that starts a run says itself how many take part. */
#define _GNU_SOURCE
#include "runtime/threads.h"
#include "runtime/quota.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPINS = 4000, STACK_BYTES = 1 << 20, CACHE_LINE = 64, ACTIVE_BITS = 10 };

/* A number that threads wait to see changed. */
typedef struct Event {
    _Alignas(CACHE_LINE) atomic_uint generation;
    atomic_uint sleepers;
} Event;

typedef struct Worker {
    ThreadPool *pool;
    int64_t thread; /* from 1 */
    pthread_t handle;
} Worker;

/* Where threads wait for the last of them. */
typedef struct Gate {
    Event opened;
    _Alignas(CACHE_LINE) atomic_int arrived;
} Gate;

struct ThreadPool {
    Event start;      /* a new job, or the end; its generation's low bits: threads that take part, less one */
    Gate phase, job_end;
    int64_t n_started;
    int n_active;     /* threads of this run */
    int spins;        /* of this run */
    bool may_spin;    /* threads don't outnumber processors */
    atomic_long preempted; /* times that a thread of this run lost its processor to others */
    pid_t owner;      /* the process that has the workers */
    atomic_bool stop; /* written before start changes */
    void (*job)(void *argument, int64_t thread);
    void *argument;
    Worker *workers;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex(atomic_uint *word, int operation, unsigned value)
{
    int saved = errno; /* a library's caller may be looking at it */
    syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
    errno = saved;
}

static void event_wait(Event *event, unsigned seen, int spins)
{
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(&event->generation, memory_order_acquire) != seen)
            return;
        relax();
    }
    atomic_fetch_add(&event->sleepers, 1);
    while (atomic_load(&event->generation) == seen)
        futex(&event->generation, FUTEX_WAIT, seen);
    atomic_fetch_sub(&event->sleepers, 1);
}

static void event_change(Event *event, unsigned by)
{
    atomic_fetch_add(&event->generation, by);
    if (atomic_load(&event->sleepers))
        futex(&event->generation, FUTEX_WAKE, (unsigned)-1 >> 1);
}

static void gate_pass(Gate *gate, int n, int spins)
{
    unsigned seen = atomic_load_explicit(&gate->opened.generation, memory_order_relaxed);
    if (atomic_fetch_add(&gate->arrived, 1) == n - 1) {
        atomic_store_explicit(&gate->arrived, 0, memory_order_relaxed);
        event_change(&gate->opened, 1);
    } else {
        event_wait(&gate->opened, seen, spins);
    }
}

void pool_barrier(ThreadPool *pool, int64_t n) { gate_pass(&pool->phase, (int)n, pool->spins); }

/* Involuntary switches of this thread so far: a time slice was over, or somebody more urgent came. */
static long preemptions(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

static void do_job(ThreadPool *pool, int64_t thread)
{
    long before = preemptions();
    pool->job(pool->argument, thread);
    atomic_fetch_add_explicit(&pool->preempted, preemptions() - before, memory_order_relaxed);
    if (pool->n_active > 1)
        gate_pass(&pool->job_end, pool->n_active, pool->spins);
}

static void *work(void *argument)
{
    Worker *worker = argument;
    ThreadPool *pool = worker->pool;
    for (unsigned seen = 0;;) {
        event_wait(&pool->start, seen, 0);
        seen = atomic_load(&pool->start.generation);
        if (atomic_load(&pool->stop))
            return NULL;
        if (worker->thread <= (seen & ((1u << ACTIVE_BITS) - 1)))
            do_job(pool, worker->thread);
    }
}

/* Adds one to the generation above its low bits, which become those of n. */
static void start_job(ThreadPool *pool, int n)
{
    unsigned active = atomic_load_explicit(&pool->start.generation, memory_order_relaxed) & ((1u << ACTIVE_BITS) - 1);
    event_change(&pool->start, (1u << ACTIVE_BITS) + (unsigned)(n - 1) - active);
}

long pool_run(ThreadPool *pool, int64_t n, bool busy, void (*job)(void *argument, int64_t thread), void *argument)
{
    pool->job = job;
    pool->argument = argument;
    pool->n_active = (int)n;
    pool->spins = busy || !pool->may_spin ? 0 : SPINS;
    atomic_store_explicit(&pool->preempted, 0, memory_order_relaxed);
    if (n > 1)
        start_job(pool, (int)n);
    do_job(pool, 0);
    return atomic_load_explicit(&pool->preempted, memory_order_relaxed);
}

/* Signals are the embedder's business: none is delivered to a worker. */
static bool start_worker(ThreadPool *pool, int64_t thread)
{
    Worker *worker = &pool->workers[thread - 1];
    *worker = (Worker){pool, thread, 0};
    pthread_attr_t attributes;
    if ((errno = pthread_attr_init(&attributes)))
        return false;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&worker->handle, &attributes, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    errno = error;
    return error == 0;
}

ThreadPool *pool_new(int64_t n_threads)
{
    ThreadPool *pool = aligned_alloc(CACHE_LINE, sizeof *pool);
    Worker *workers = calloc((size_t)n_threads, sizeof *workers);
    if (!pool || !workers) {
        free(pool);
        free(workers);
        errno = ENOMEM;
        return NULL;
    }
    *pool = (ThreadPool){.n_started = 1, .workers = workers, .owner = getpid(), .may_spin = n_threads <= allowed_cpus()};
    while (pool->n_started < n_threads) {
        if (!start_worker(pool, pool->n_started)) {
            int saved = errno;
            pool_free(pool);
            errno = saved;
            return NULL;
        }
        pool->n_started++;
    }
    return pool;
}

void pool_free(ThreadPool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    event_change(&pool->start, 1u << ACTIVE_BITS);
    for (int64_t i = 1; pool_is_here(pool) && i < pool->n_started; i++)
        pthread_join(pool->workers[i - 1].handle, NULL);
    free(pool->workers);
    free(pool);
}

bool pool_is_here(const ThreadPool *pool) { return pool->owner == getpid(); }

static int64_t affine_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than cpu_set_t holds */
    return online > 0 ? online : 1;
}

int64_t allowed_cpus(void)
{
    int64_t affine = affine_cpus(), quota = quota_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    return affine < quota ? affine : quota;
}
