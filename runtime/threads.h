/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Threads: a pool that runs one function on all of its threads, and a barrier for use inside. */
#ifndef CNXRT_THREADS_H
#define CNXRT_THREADS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ThreadPool ThreadPool;

/* n_threads - 1 sleeping workers; the caller of pool_run is the last thread. NULL: errno says why. */
ThreadPool *pool_new(int64_t n_threads);
void pool_free(ThreadPool *pool); /* joins the workers, unless fork left them behind; NULL is allowed */
bool pool_is_here(const ThreadPool *pool); /* false in a child of fork, which has none of the workers */

/* job(argument, i) for each i in [0, n), i = 0 in the caller's thread; n: at most all. Returns when all have returned, and
 * how often the system took a processor from one of them meanwhile. busy: who waits sleeps at once. */
long pool_run(ThreadPool *pool, int64_t n, bool busy, void (*job)(void *argument, int64_t thread), void *argument);

/* Inside a job: waits until n of its threads are here, the first n; the others must have left the job. */
void pool_barrier(ThreadPool *pool, int64_t n);

/* Processors that this process may use: by affinity, and by its cgroups' quota. */
int64_t allowed_cpus(void);

#endif
