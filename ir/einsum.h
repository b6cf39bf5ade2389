/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Einsum's equation. */
#ifndef CNXC_IR_EINSUM_H
#define CNXC_IR_EINSUM_H

#include "ir/graph.h"

/* The dimensions of a tensor by their labels: a letter, or below MAX_RANK one that "..." stands for, counted from its end. */
typedef struct Labels {
    int n;
    char at[MAX_RANK];
} Labels;

int labels_find(const Labels *labels, char label); /* its first place; -1: none */

/* The labels of each input, and those of the output. False after an error: the equation does not fit the inputs. */
bool einsum_labels(const Node *node, Labels *inputs, Labels *output, Diag *diag);

#endif
