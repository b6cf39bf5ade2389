/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The steps of classify, for the executable's other ways of running. */
#ifndef CNXRT_CLASSIFY_H
#define CNXRT_CLASSIFY_H

#include "runtime/images.h"

/* In place: softmax or sigmoid, by CnxrtModel.scores. */
void scores_from_logits(int64_t scores, float *values, int64_t n);

/* The best k of the model's classes, best first; returns how many. */
int64_t best_predictions(const cnxrt_model *model, const float *scores, int64_t k, cnxrt_prediction *best);

#endif
