/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Matrix products: their panels, and the phases that multiply. */
#ifndef CNXC_SCHEDULE_GEMM_H
#define CNXC_SCHEDULE_GEMM_H

#include "compiler/schedule/expr.h"

/* The right operand in panels of nr columns, [N/nr][K][nr], K in the product's groups; what is left over is a narrower last
 * panel. */
typedef struct Panels {
    Product product;
    int64_t k, n, nr, n_full, tail_n, tail_nr;
    Ref full, tail;
    int64_t panel_bytes;
    const ScheduleChoice *choice; /* of the profile, for this product; NULL: the model decides */
    bool constant;
} Panels;
/* How W's elements lie: element (t, c, n) of K = T × C and N at base + t*t_stride + c*c_stride + n*n_stride. */
typedef struct WeightLayout {
    int64_t base, t, c, n, t_stride, c_stride, n_stride, groups, group_stride;
} WeightLayout;

typedef struct Gemm {
    View a;                 /* [m, k], any strides; k as in the panels */
    View c;                 /* [m, n], columns contiguous; [lines * m, n] */
    int64_t lines, line;    /* of so many such matrices one after the other, bytes apart; 0: it is one */
    const Panels *panels;
    int64_t first, count;   /* of the full panels; tail: the last, narrower one too */
    Pos panel;              /* the first panel's number, when it depends on a loop; added to first */
    bool tail;
    int init;               /* GEMM_INIT_ */
    Ref bias;               /* of column 0; buffer NULL: none */
    const Fusion *epilogue; /* NULL: none */
    View operands[MAX_OPERANDS]; /* of the epilogue, as [m, n], from 1 on */
    View strip;             /* [m, nr] floats for one panel's sums, when the epilogue makes another type of them in c;
                               buffer NULL: the sums go to c */
    Ref next;               /* what is read after the last panel; buffer NULL: what lies behind it */
    Ref ahead;              /* fetched instead, panel by panel, where the panels stay in L2 anyway; buffer NULL: nothing */
    Ref squares;            /* of column 0: where each column's sum of squares goes; buffer NULL: nowhere */
} Gemm;

/* What the profile has to say about a product; NULL: nothing. Goes into its Panels. */
const ScheduleChoice *gemm_choice(const Lowering *l, Product product, int64_t m, int64_t k, int64_t n);
int64_t gemm_columns(const Lowering *l, Product product, const ScheduleChoice *choice, int64_t m, int64_t n); /* nr for it */
bool layout_fits(const WeightLayout *layout, Product product); /* no group crosses from one t to the next */
Panels panels_constant(Lowering *l, const char *name, const Tensor *weights, WeightLayout layout, Product product, int64_t nr);
Panels panels_group(Panels panels, Pos group);        /* one group of a grouped layout */
/* k rows of all panels, which stay where they are, from start * step on; rows in the product's groups. */
Panels panels_slice(Panels panels, Pos start, int64_t step, int64_t k);
Panels panels_runtime(Lowering *l, const char *name, View b, int64_t nr); /* [groups, K…, N], floats: phases that pack */
int64_t columns_padded(int64_t n); /* any panel may read so many more than there are */
Ref bias_vector(Lowering *l, const char *name, const View *bias, int64_t n); /* padded with zeros; NULL: all zero */
Ref bias_padded(Lowering *l, const char *name, const View *bias, int64_t n, int64_t padded); /* to so many elements */
void gemm_emit(Lowering *l, const Gemm *gemm);
/* A part of K: from `start` on in the panels, `bytes` on in the left operand. */
typedef struct GemmPart {
    int64_t start, k, bytes;
} GemmPart;
/* A product in parts, each of which adds to what the columns hold. */
void gemm_parts(Lowering *l, const Gemm *gemm, const GemmPart *parts, int64_t n);
int64_t gemm_part_k(const CpuProfile *cpu, int64_t m, const Panels *panels, int64_t k); /* how much of k rows goes at a time */
/* The whole product as the open phase's sections: row blocks and column ranges by what the caches hold. */
void gemm_sections(Lowering *l, const Gemm *gemm);
bool linear_rows(const View *view, View *rows); /* [a, b, …, n] → [a*b*…, n] */

#endif
