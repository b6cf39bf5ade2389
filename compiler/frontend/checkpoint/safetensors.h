/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files of safetensors. Their reader is declared in index.h. */
#ifndef CNXC_FRONTEND_CHECKPOINT_SAFETENSORS_H
#define CNXC_FRONTEND_CHECKPOINT_SAFETENSORS_H

#include "ir/graph.h"

/* Eight bytes of length, little-endian and far below 2^56, then a JSON object? */
bool safetensors_probe(const Source *source);

/* places.c: constants that a graph text addresses inside a .safetensors file are where its header says. False after a
 * diagnostic. */
bool safetensors_check_places(const Model *model, Diag *diag);

#endif
