/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Progress: how far a stream of pictures is, for who watches a terminal. */
#ifndef CNXRT_CLI_PROGRESS_H
#define CNXRT_CLI_PROGRESS_H

#include "runtime/cli/cli.h"

#include <stdatomic.h>

typedef struct Progress {
    const Cli *cli;
    bool watched;               /* standard error is a terminal */
    double start, last;         /* seconds; last: when it was drawn */
    atomic_llong total;         /* -1: not known (yet) */
    atomic_bool ended;
    bool counting;              /* the thread runs */
    pthread_t counter;
} Progress;

void progress_begin(Progress *progress, const Cli *cli, int64_t total); /* total -1: it is counted beside, where it can be */
void progress_show(Progress *progress, int64_t done);
void progress_end(Progress *progress);

#endif
