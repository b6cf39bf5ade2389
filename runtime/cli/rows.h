/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Rows: a .npy file that grows by a row with each picture. */
#ifndef CNXRT_CLI_ROWS_H
#define CNXRT_CLI_ROWS_H

#include "runtime/cli/cli.h"

#include <limits.h>

typedef struct Rows {
    const char *path;
    const CnxrtTensor *tensor;  /* of which a row is one item */
    int64_t tensor_index, bytes; /* bytes: of a row */
    int64_t n;                  /* rows written */
    bool names;                 /* the pictures' paths go to a file beside it */
    bool grows;                 /* a file, not a pipe or a device */
    FILE *out, *paths;          /* paths: NULL without names */
    char paths_path[PATH_MAX];
} Rows;

/* Whether the tensor has a row for each picture. */
bool rows_fit(const CnxrtModel *compiled, int64_t tensor);

/* Requires path, tensor_index and names. count: rows that there will be, -1: nobody knows, which a pipe can't take. */
bool rows_open(Cli *cli, Rows *rows, int64_t count);                          /* false after an error, as below */
bool rows_put(Cli *cli, Rows *rows, const char *picture, const uint8_t *row); /* row NULL: NaN */
bool rows_close(Cli *cli, Rows *rows);                                        /* whole; for outputs_commit to put in place */
void rows_abandon(Rows *rows);

#endif
