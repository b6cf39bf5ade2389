/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Between the compiler (h5.c) and its child process that reads an HDF5 file (h5_child.c, a module): records through a pipe. */
#ifndef CNXC_FRONTEND_CHECKPOINT_H5_H
#define CNXC_FRONTEND_CHECKPOINT_H5_H

#include "compiler/frontend/checkpoint/index.h"

enum { H5_LONGEST_PATH = 1024 };

/* What the child tells of a dataset. */
typedef struct H5Record {
    int64_t dtype;                /* DT_UNDEFINED: none of ours */
    int64_t contiguous;           /* 0: its data is not in one piece, and the rest is not told */
    int64_t rank, dims[MAX_RANK]; /* rank above MAX_RANK: too high */
    int64_t offset, bytes;        /* in the file */
    char path[H5_LONGEST_PATH];
} H5Record;

const char *h5_module(Arena *arena); /* where the module lies; NULL: cnxc was built without libhdf5 */

/* In the child, of the module: writes a record for each dataset of a file's bytes. False: libhdf5 cannot read all of it, or nobody listens. */
__attribute__((visibility("default"))) bool h5_tell(const uint8_t *bytes, int64_t length, int pipe_end);
typedef bool H5Tell(const uint8_t *bytes, int64_t length, int pipe_end);
/* In the compiler: adds what is told to the index, until the end or the first mistake. False after a diagnostic. */
bool h5_collect(const ExternalFile *file, int pipe_end, TensorIndex *index, Diag *diag);

#endif
