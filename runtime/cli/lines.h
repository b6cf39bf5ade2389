/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Lines: answers on standard output. */
#ifndef CNXRT_CLI_LINES_H
#define CNXRT_CLI_LINES_H

#include "runtime/cli/cli.h"

typedef struct Lines {
    const Cli *cli;
    int64_t k;   /* labels for each picture; 0: the model has none */
    bool areas;  /* they are of pixels: scores are their share of the picture */
    bool begun;  /* something was printed */
} Lines;

/* A picture's best n; or, with error, why it has none. */
void lines_put(Lines *lines, const char *path, const cnxrt_prediction *best, int64_t n, const char *error);
void lines_end(Lines *lines);

#endif
