/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the user asks of a model, whatever it is read from. */
#ifndef CNXC_FRONTEND_INPUT_OPTIONS_H
#define CNXC_FRONTEND_INPUT_OPTIONS_H

#include "ir/infer.h"

#define SEGMENTATION "image-segmentation" /* the task, which --task also calls semantic-segmentation */

/* Of pictures; zero: the model's. */
typedef struct ImageSize {
    int64_t height, width;
} ImageSize;

typedef struct FrontendOptions {
    const char *task;                 /* --task; NULL: from the model */
    const char *problem_type;         /* --problem-type; NULL: the model's */
    const char *processor, *labels;   /* --processor, --labels; NULL: what the model brings */
    int64_t image_height, image_width; /* --image-size; 0: the model's. Fixes the picture input's H and W */
    const DimBinding *dims;           /* --dim */
    int64_t n_dims;
    const char *const *outputs;       /* --outputs, NULL: by task; a ConvNeXt is built with only what they need */
    int64_t n_outputs;
} FrontendOptions;

#endif
