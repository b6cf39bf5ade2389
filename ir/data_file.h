/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The file beside a printed model, NAME.data, that takes the constants which are too large for the model's own. */
#ifndef CNXC_IR_DATA_FILE_H
#define CNXC_IR_DATA_FILE_H

#include "ir/tensor.h"

typedef struct DataFile {
    const char *path;      /* NULL: none may be written */
    const char *model_dir; /* directory the model will lie in, which locations are relative to; NULL: the working one */
    Diag *diag;
    FILE *file;            /* NULL until something is written */
    int64_t length;
    bool failed;           /* and it was said */
} DataFile;

/* External data, as a model names it. */
typedef struct DataPlace {
    const char *location;
    int64_t offset, length;
} DataPlace;

/* Where the model finds the constant in a file that is there already; false: in none that it can name without "..". */
bool data_file_find(const DataFile *data, const Tensor *tensor, DataPlace *place, Arena *arena);
/* Appends the constant, aligned. False if there is no path, or after a diagnostic. */
bool data_file_append(DataFile *data, const Tensor *tensor, DataPlace *place);
bool data_file_close(DataFile *data); /* false after a diagnostic, of whenever */

#endif
