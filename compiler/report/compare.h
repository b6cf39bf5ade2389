/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What became of one report in another: regressions first. */
#ifndef CNXC_REPORT_COMPARE_H
#define CNXC_REPORT_COMPARE_H

#include "ir/base/arena.h"

#include <jansson.h>

/* pair: both programs measured in turn, before's as A (bench_pair.h); NULL: only their reports are there. with: how the other is
 * called. The caller's. */
json_t *compare_reports(const json_t *after, const json_t *before, const json_t *pair, const char *with, Arena *arena);

#endif
