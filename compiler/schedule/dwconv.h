/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Depthwise convolution of one image, channels last. */
#ifndef CNXC_SCHEDULE_DWCONV_H
#define CNXC_SCHEDULE_DWCONV_H

#include "compiler/schedule/expr.h"
#include "ir/params.h"

typedef struct Depthwise {
    View x, out;            /* [H, W, C], channels contiguous */
    Ref weights, bias;      /* [C/lanes][kh][kw][lanes]; padded to lanes */
    const Window *window;   /* of two dimensions */
    const Fusion *epilogue; /* NULL: none; operands as [H', W', C] */
    View operands[MAX_OPERANDS];
} Depthwise;
/* Of pictures [N, H, W, C]: 2 for each tap that is computed, which those beside the picture are not. */
int64_t depthwise_flops(const Window *window, const int64_t *in, const int64_t *out);
Ref depthwise_weights(Lowering *l, const char *name, const Tensor *weights, const Window *window);
/* Output rows [y, y + rows), and those a loop's steps further on: all of them clip the kernel alike. They are
 * written to out from its row `to` on. */
void depthwise_rows(Lowering *l, const Depthwise *d, int64_t y, int64_t rows, Pos step, int64_t to, Pos to_step);
/* Consecutive blocks of output rows that clip the kernel alike: count blocks of `rows` rows, from row y on. */
typedef struct RowGroup {
    int64_t y, rows, count;
} RowGroup;
int64_t row_groups(Lowering *l, const Window *window, int64_t height, int64_t out_height, int64_t block, RowGroup **groups);

#endif
