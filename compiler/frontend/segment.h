/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Models that label pixels: which outputs say so. */
#ifndef CNXC_FRONTEND_SEGMENT_H
#define CNXC_FRONTEND_SEGMENT_H

#include "compiler/frontend/input/options.h"
#include "ir/graph.h"

/* Floats of (images, classes, height, width); whole numbers of (images, height, width), with a 1 after images or not. */
bool segment_is_logits(const Value *value);
bool segment_is_mask(const Value *value);

/* What labels are of, where the task is segmentation: logits, or else the mask. NULL: neither is there. Requires
 * segment_outputs. */
const Value *segment_answer(const Model *model);

/* Lets a graph whose task it is have the output "labels", the class of each pixel, or notes which of its own it is. Requires
 * types. False after a diagnostic. */
bool segment_outputs(Model *model, Diag *diag);

#endif
