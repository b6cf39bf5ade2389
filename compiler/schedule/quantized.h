/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of 8-bit integers whose left rows find their scales while running. */
#ifndef CNXC_SCHEDULE_QUANTIZED_H
#define CNXC_SCHEDULE_QUANTIZED_H

#include "compiler/schedule/gemm.h"

/* What RowQuantizedMatMul multiplies by. Of each range of its rows there are panels, totals and a start. */
typedef struct QuantizedWeights {
    const Tensor *b, *scale;
    int64_t range, n_ranges; /* rows of b */
    Panels panels;           /* a group for each range */
    Ref start;               /* of the sums: int32 [n_ranges, padded]; buffer NULL: 0 */
    Ref scales, totals;      /* float [padded], [n_ranges, padded] */
    int64_t padded;          /* columns */
} QuantizedWeights;

/* Left rows, and the scales that they have found. */
typedef struct QuantizedRows {
    View bytes;              /* [m, range] */
    View step, low;          /* float [m] */
} QuantizedRows;

/* Of each column of a matrix of int8, the sum over `rows` rows from `first` on. */
void quantized_sums(const Tensor *b, int64_t first, int64_t rows, int32_t *sums);

/* False: another operator, or not constant. */
bool quantized_weights(Lowering *l, const Node *node, QuantizedWeights *w);
/* Packs what stands in the weights, in panels of nr columns. */
void quantized_pack(Lowering *l, const char *name, QuantizedWeights *w, int64_t nr, const ScheduleChoice *choice);

QuantizedRows quantized_rows(Lowering *l, Space space, int64_t m, const QuantizedWeights *w);
QuantizedRows quantized_part(QuantizedRows rows, Pos first, int64_t m);
/* Where control is; the second: what LayerNormalization makes of them. */
void quantize_rows(Lowering *l, View floats, const QuantizedRows *rows);
void norm_quantize_rows(Lowering *l, const Node *norm, View in, const QuantizedRows *out, Ref factors); /* buffer NULL: 1 */

/* What the product of a range starts from, multiplies and does to its sums: they become floats, to which `add`, [m, n] or a
 * row of it, is added (NULL: nothing), then the rest of the expression (NULL: none). Its first operands are the product's own;
 * the caller gives the others their place. */
bool quantized_fits(const Fusion *rest);
/* fusion: what gemm->epilogue will be; the number of own operands */
int quantized_product(Gemm *gemm, const QuantizedWeights *w, const QuantizedRows *rows, Pos range, const View *add,
                      const Fusion *rest, Fusion *fusion);

bool quantized_lower(Lowering *l, const Node *node, Epilogue *epilogue);

#endif
