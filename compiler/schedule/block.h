/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the two forms of a ConvNeXt block share: with the hidden tensor in scratch (block_plain.c), and with global response
 * normalisation between the products, which needs all of it at once (block_grn.c). */
#ifndef CNXC_SCHEDULE_BLOCK_H
#define CNXC_SCHEDULE_BLOCK_H

#include "compiler/schedule/dwconv.h"
#include "compiler/schedule/gemm.h"
#include "compiler/schedule/quantized.h"
#include "compiler/schedule/region.h"

enum { BLOCK_DEPTHWISE, BLOCK_NORM, BLOCK_UP, BLOCK_PLAIN = 4 }; /* its first regions; how many a plain one has */

typedef struct Block {
    const Node *regions[MAX_BLOCK_REGIONS];
    int n;
    const char *name;
    const Value *result;
    View x, out;               /* [N, H, W, C] */
    Window window;
    Depthwise depthwise;
    Fusion norm, up, down;     /* what happens to the results of LayerNorm, W1, W2 */
    const Fusion *up_rest, *down_rest; /* without the biases */
    const Node *normal_node;   /* LayerNormalization or its kin */
    const Tensor *w1, *w2;     /* [C, hidden], [hidden, C] */
    const ScheduleChoice *choice; /* of the profile; NULL: the model decides */
    int64_t rows, hidden, range, n_ranges; /* range: columns */
    Panels p1, p2;             /* p2: of the first range */
    bool whole;                /* W2's panels hold all ranges; else p2 has a group for each */
    Ref bias1, bias2;          /* buffer NULL: none */
    View a, h;                 /* scratch: [rows, W, C], [rows·W, range] */
    Product product;           /* of both; where it does not multiply floats h is converted, and the pixels are apart from a: */
    View normal, strip;        /* scratch: [rows·W, C]; a panel's sums */
    QuantizedWeights q1, q2;   /* of 8-bit integers: what W1 and W2 are; b NULL: floats or bf16 */
    QuantizedRows r1, r2;      /* scratch: their left rows; those of h are made range by range */
} Block;

typedef struct Rows { /* one block of rows */
    Pos pixel;     /* its first pixel, among all */
    int64_t pixels;
    View a, h;     /* [pixels, C] in groups; [pixels, range] */
    QuantizedRows q; /* instead of a */
} Rows;

/* What the regions of a block compute; NULL: not what the two forms are for. */
Block *block_of(Lowering *l, const Node *region);

/* As one phase; or in three, around global response normalisation. False: better done region by region. */
bool block_plain(Lowering *l, Block *b);
bool block_grn(Lowering *l, Block *b);

/* Rows of the picture to a block, when each pixel takes so many elements of L2. False: better done otherwise. */
bool block_rows_of(const CpuProfile *cpu, Block *b, int64_t elements);
void block_pack(Lowering *l, Block *b);
Panels block_panels(const Block *b, Pos range); /* W2's */
Rows block_rows_at(const Block *b, Pos image, int64_t y, int64_t rows, Pos step); /* pixel and pixels */
void block_normalised(Lowering *l, const Block *b, Pos image, const RowGroup *group, Pos step, Rows *r); /* sets r->a */
int64_t block_flops(const Block *b, int64_t products); /* of the depthwise convolution and so many products */
/* What becomes 8-bit integers, 255 steps to a pixel's range, or bf16, whose values are as far apart from 1 on: a Gelu before
 * them need not be as precise as a float. */
const Fusion *block_coarse(Lowering *l, const Fusion *fusion);
/* The left rows, the start and what follows the sums: of W1, whose C is the caller's; of W2 or a range of it, with C. */
void block_finish_up(Lowering *l, const Block *b, const Rows *r, Gemm *gemm);
void block_finish_down(Lowering *l, const Block *b, const Rows *r, Pos range, bool first, bool last, Gemm *gemm);
/* Of a quantized one: no row ends within a group, and nothing but factors comes after LayerNorm. */
bool block_fits_bytes(const Block *b);
static inline bool block_is_quantized(const Block *b) { return b->q1.b != NULL; }
const ScheduleChoice *block_choice(const Lowering *l, const Block *b);
void block_shape(Lowering *l, const Block *b); /* of the open phase */

#endif
