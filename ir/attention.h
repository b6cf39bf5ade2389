/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Attention's sizes. */
#ifndef CNXC_IR_ATTENTION_H
#define CNXC_IR_ATTENTION_H

#include "ir/graph.h"

typedef struct Attention {
    int64_t q_heads, kv_heads;
    int64_t q_length, past, kv_length; /* rows of a head: queries; keys of before, and with these */
    int64_t size, v_size;              /* columns of a head: queries' and keys'; values' */
    double scale;                      /* of scores */
} Attention;

Attention attention_of(const Node *node);

#endif
