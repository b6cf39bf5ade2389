/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A rule of constant folding for Gather, see strided.c. */
#ifndef CNXC_PASSES_STRIDED_H
#define CNXC_PASSES_STRIDED_H

#include "ir/graph.h"

bool strided_to_reshape(Node *node);

#endif
