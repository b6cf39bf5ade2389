/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What `cnxc report` shows of a model: see report.c. */
#ifndef CNXC_REPORT_REPORT_H
#define CNXC_REPORT_REPORT_H

#include "compiler/report/verify.h"

#include <jansson.h>

typedef struct ReportOptions {
    const char *cpu;     /* as -mcpu says it; NULL: nothing was said */
    int64_t threads;     /* of the compiled program */
    StrList snr;         /* as --snr says it */
    const char *dir;     /* a folder of its own, in which the program is left as dir/model */
} ReportOptions;

/* Compiles and measures the model of a build that is not loaded yet. NULL after a diagnostic; else the caller's. */
json_t *report_make(Build *build, const ReportOptions *options);

/* The signal to noise of each region in the precision of verify's compiled build, per_op, beside its reference in float. False after
 * a diagnostic. */
bool report_add_precision(json_t *report, Verify *verify);

/* What a program can tell without its model: its times, whose phases stand for regions. Likewise. */
json_t *report_of_program(const char *program, const ReportOptions *options, Arena *arena, Diag *diag);

#endif
