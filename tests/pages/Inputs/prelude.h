/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the C in docs/user-guide.md takes as given. */
#include "libtiny.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern tiny_model *model;
extern tiny_context *context;
extern tiny_prediction best[10];
extern void *outputs[];
extern int64_t n, x, y;
extern float *pixel_values;
extern const void *jpeg, *luma, *chroma, *pixels;
extern int64_t jpeg_bytes;
