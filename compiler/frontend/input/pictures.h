/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The image processor's settings: their defaults, and the JSON of metadata "cnxc.preprocessor" that carries them. */
#ifndef CNXC_FRONTEND_INPUT_PICTURES_H
#define CNXC_FRONTEND_INPUT_PICTURES_H

#include "ir/graph.h"
#include "runtime/model.h"

enum {
    MAX_EDGE = 1 << 16,
    WARP_EDGE = 384, /* from here on pictures are not cropped */
    MAX_MEANS = 8,
};

/* ImageNet's, by channel: what most trained models mean. */
#define IMAGENET_MEAN 0.485, 0.456, 0.406
#define IMAGENET_STD 0.229, 0.224, 0.225

CnxrtPreprocessor pictures_default(void); /* the documentation's: bilinear, crop_pct 224/256, mean and std 0.5 */

const char *pictures_write(const CnxrtPreprocessor *settings, Arena *arena);
/* The model's; NULL if it has none, or after a diagnostic. */
const CnxrtPreprocessor *pictures_read(const Model *model, Diag *diag);

/* Sets whose arithmetic prepares pictures, by --preproc; NULL leaves it as it is. False after a diagnostic. */
bool pictures_choose(Model *model, const char *kind, Diag *diag);

#endif
