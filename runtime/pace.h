/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pace: how many of its threads a run uses. */
#ifndef CNXRT_PACE_H
#define CNXRT_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_LEVELS = 11 };   /* all threads, half of them, a quarter … one of 1024 */

typedef struct Pace {
    double ns[PACE_LEVELS];  /* an image's time with so many, on a sliding average; 0: not tried */
    int64_t tried[PACE_LEVELS]; /* the run that tried it last */
    int64_t run;             /* number of runs so far */
    int level, usual;        /* of this run; of all that try nothing */
    int trouble;             /* how busy the machine has been with others lately */
} Pace;

/* Threads for the next run, of n_threads at most. */
int64_t pace_choose(Pace *pace, int64_t n_threads);

/* What that run took; disturbed: others took processors from its threads, more often than a system does for itself. */
void pace_note(Pace *pace, double ns_an_image, bool disturbed);

/* Others want the processors: who waits should sleep. */
bool pace_is_busy(const Pace *pace);

#endif
