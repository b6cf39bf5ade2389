/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What `cnxc bench` measures and says. */
#ifndef CNXC_REPORT_BENCH_H
#define CNXC_REPORT_BENCH_H

#include "compiler/build/build.h"

#include <jansson.h>

/* What program, made from build's model, says of its times, with per_op of each phase's; "cores": of its threads, those that have
 * a processor. NULL after a diagnostic; else the caller's. */
json_t *bench_ask(const Build *build, const char *program, int64_t threads, bool per_op);

/* The run's rate, beside a peak in FLOP/s. */
void bench_add_rates(const Build *build, json_t *answer, double peak);

/* Of program, which was made from build's model, now or earlier: times, rates, and the share of the measured peak; with
 * per_op those of each region. NULL after a diagnostic; else the caller's. */
json_t *bench_measure(Build *build, const char *program, int64_t threads, bool per_op);
void bench_print(const json_t *answer); /* to standard output */

#endif
