/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The sizes of pictures that there is code for. */
#ifndef CNXRT_SIZE_H
#define CNXRT_SIZE_H

#include "runtime/internal.h"

enum { SIZE_NAMES = 256 }; /* room for the names of as many as the compiler takes */

int64_t model_size_count(const CnxrtModel *compiled); /* 0: no input has a height and a width */
const CnxrtModel *model_size(const CnxrtModel *compiled, int64_t index);

/* Bytes of a tensor with `batch` items in the size where it is largest, or -1 if that overflows. */
int64_t size_bytes(const cnxrt_model *model, int64_t tensor, int64_t batch);
bool size_changes(const CnxrtModel *compiled, int64_t tensor); /* its shape is not that of all sizes */

/* The model of this size; NULL: there is none. */
const cnxrt_model *size_find(const cnxrt_model *model, int64_t height, int64_t width);

/* "224x224, 384x384 and 512x768", into text; returns text. */
const char *size_names(const CnxrtModel *compiled, char *text, size_t size);

/* Names those that there are; the status is CNXRT_ERROR_UNSUPPORTED. */
cnxrt_status size_refuse(cnxrt_context *context, int64_t height, int64_t width);

#endif
