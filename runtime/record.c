/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Records are made before a run, so that nothing is allocated in it; a thread writes its own, on cache lines of its own. */
#include "runtime/record.h"

#include <stdlib.h>
#include <string.h>

bool record_make(Record *record, int64_t n_threads, int64_t room)
{
    size_t bytes = (size_t)n_threads * sizeof *record->threads;
    *record = (Record){.n_threads = n_threads, .room = room, .threads = aligned_alloc(_Alignof(RecordedThread), bytes)};
    if (!record->threads)
        return false;
    memset(record->threads, 0, bytes);
    for (int64_t t = 0; t < n_threads; t++)
        if (!(record->threads[t].at = calloc((size_t)room + 1, sizeof(Stretch))))
            return false;
    return true;
}

void record_free(Record *record)
{
    for (int64_t t = 0; record->threads && t < record->n_threads; t++)
        free(record->threads[t].at);
    free(record->threads);
    *record = (Record){0};
}

void record_clear(Record *record)
{
    for (int64_t t = 0; t < record->n_threads; t++)
        record->threads[t].n = 0;
}

void record_add(const Record *record, int64_t *phase_ns)
{
    const RecordedThread *first = &record->threads[0];
    for (int64_t i = 0; i < first->n; i++)
        phase_ns[first->at[i].phase] += first->at[i].end - first->at[i].start;
}
