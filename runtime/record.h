/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Records: when each thread of a run began a phase, was done, and met the others. */
#ifndef CNXRT_RECORD_H
#define CNXRT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Stretch {
    int64_t phase, image;
    int64_t start, worked, end; /* ns of a clock; from worked to end it waited */
} Stretch;

typedef struct RecordedThread {
    _Alignas(64) int64_t n; /* stretches; written by that thread alone while the run goes on */
    Stretch *at;
} RecordedThread;

typedef struct Record {
    int64_t start, end;     /* of the run */
    int64_t n_threads, room; /* room: stretches that a thread can have */
    RecordedThread *threads;
} Record;

bool record_make(Record *record, int64_t n_threads, int64_t room); /* false: out of memory */
void record_free(Record *record);                                  /* zeroed is allowed */
void record_clear(Record *record);
void record_add(const Record *record, int64_t *phase_ns); /* what thread 0 spent in each phase, with waiting for the others */

#endif
