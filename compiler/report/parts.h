/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The parts of a report, of a build that is scheduled: the keys that report.c describes. */
#ifndef CNXC_REPORT_PARTS_H
#define CNXC_REPORT_PARTS_H

#include "compiler/build/build.h"
#include "compiler/report/groups.h"
#include "compiler/report/origins.h"

#include <jansson.h>

/* Groups as a report numbers them: those that run, then regions that have nothing to do. */
Groups parts_groups(const Build *build);

/* What was measured beside what is known of each group. */
typedef struct PartsMeasured {
    const json_t *phases; /* of the program, "ms" each, in the order in which they run */
    const json_t *peaks;
    int64_t cores;        /* that it ran on */
} PartsMeasured;

json_t *parts_regions(const Build *build, const Groups *groups, const Origins *origins, const PartsMeasured *measured);
/* In 10^9 a second: that of products of a precision, or, where the CPU has no instruction for them, that of floats. NULL: of floats. */
double parts_peak(const json_t *peaks, const char *precision);

json_t *parts_graph(const Build *build, const Groups *groups);
json_t *parts_memory(const Build *build, const Groups *groups);

/* One run, from what the program has traced. NULL after a diagnostic. */
json_t *parts_timeline(const char *trace, const Groups *groups, Diag *diag);
/* Of that run, into a report's time: how much of it the phases are, how long threads wait, and what is left; of that, before and behind all phases. */
void parts_account(const json_t *timeline, json_t *time);

#endif
