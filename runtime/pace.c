/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pace: threads that wait for each other after each phase are as fast as the slowest. On a machine that others use, each
 * time slice that one of them loses is lost by all, and one thread alone, which moves to the processor that is free, may be
 * faster than two.
 *
 *   quiet      all threads, always
 *   disturbed  again and again: half as many are tried, and what was faster is kept; one run in PROBE tries twice as many
 *
 * What a phase's chunks compute does not depend on it. A single disturbed run changes nothing. */
#include "runtime/pace.h"

enum { DISTURBANCE = 3, BUSY = 6, MOST_TROUBLE = 24, PROBE = 32 };

bool pace_is_busy(const Pace *pace) { return pace->trouble >= BUSY; }

static bool is_stale(const Pace *pace, int level) { return pace->ns[level] == 0 || pace->run - pace->tried[level] >= PROBE; }

int64_t pace_choose(Pace *pace, int64_t n_threads)
{
    int level = pace->usual;
    bool can_halve = level + 1 < PACE_LEVELS && n_threads >> (level + 1) > 0;
    pace->level = level;
    if (level > 0 && is_stale(pace, level - 1))
        pace->level = level - 1;
    else if (pace_is_busy(pace) && can_halve && is_stale(pace, level + 1))
        pace->level = level + 1;
    return n_threads >> pace->level;
}

/* The fastest of those that were tried lately. */
static void settle(Pace *pace)
{
    int usual = pace->usual;
    for (int level = usual > 0 ? usual - 1 : 0; level <= usual + 1 && level < PACE_LEVELS; level++)
        if (!is_stale(pace, level) && pace->ns[level] < pace->ns[pace->usual])
            pace->usual = level;
}

void pace_note(Pace *pace, double ns_an_image, bool disturbed)
{
    double *ns = &pace->ns[pace->level];
    *ns = is_stale(pace, pace->level) ? ns_an_image : *ns + (ns_an_image - *ns) / 4;
    pace->tried[pace->level] = pace->run++;
    pace->trouble += disturbed ? DISTURBANCE : -1;
    pace->trouble = pace->trouble < 0 ? 0 : pace->trouble > MOST_TROUBLE ? MOST_TROUBLE : pace->trouble;
    if (pace_is_busy(pace))
        settle(pace);
    else if (pace->level < pace->usual)
        pace->usual = pace->level;
}
