/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What an artifact says of its model. */
#ifndef CNXC_BUILD_ARTIFACT_H
#define CNXC_BUILD_ARTIFACT_H

#include "compiler/build/build.h"

void artifact_describe(Build *build); /* fills info */

/* The output that labels are answered from: logits, or else probabilities; NULL: none. */
const Value *artifact_scores(const Graph *graph);

/* The input that pictures are put into; NULL: none. */
const Value *artifact_pixels(const Graph *graph);

/* How pictures are prepared; NULL: it takes none, or after a diagnostic. */
const CnxrtPreprocessor *artifact_pictures(const Build *build);

/* A list of strings from a JSON array in metadata; 0 and NULL if it is absent or not such a list. */
int64_t prop_strings(const Model *model, const char *key, const char *const **strings);

#endif
