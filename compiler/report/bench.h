/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What `cnxc bench` measures and says. */
#ifndef CNXC_REPORT_BENCH_H
#define CNXC_REPORT_BENCH_H

#include "compiler/build/build.h"

#include <jansson.h>

typedef struct BenchOptions {
    int64_t threads, batch; /* batch 0: 1 */
    bool per_op;            /* each region's time; of a program without its model each phase's */
    const char *trace;      /* the file that the program writes a run to; NULL: none */
} BenchOptions;

/* What program says of its times, with per_op of each phase's; "cores": of its threads, those that have a processor. NULL after a
 * diagnostic; else the caller's. */
json_t *bench_ask(const Build *build, const char *program, const BenchOptions *options);

/* The rate of a run of program, made from build's model, beside a peak in FLOP/s. */
void bench_add_rates(const Build *build, json_t *answer, double peak);

/* Of program, which was made from build's model, now or earlier: times, rates, and the share of the measured peak. Without an
 * input in build's options nothing but the program is known, and nothing is predicted. NULL after a diagnostic; else the
 * caller's. */
json_t *bench_measure(Build *build, const char *program, const BenchOptions *options);
void bench_print(const json_t *answer); /* to standard output */

#endif
