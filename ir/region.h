/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Regions: what a cnxc.Region of each kind promises of its body, so that a schedule need not look again.
 *
 *   map                            elementwise nodes
 *   reduce, conv, dwconv, gemm,    the node that does the work (the anchor) comes first, elementwise nodes of its type follow
 *   layernorm, softmax
 *   block                          the regions of a ConvNeXt block, one after the other (region_is_block)
 *   (no kind)                      nothing: the body runs node by node
 *
 * Of a map's or an anchor's body the last value, and no other, is given out, and the elementwise part is an expression that one
 * kernel has room for. All are floats, but in a map and behind MatMulInteger also integers. */
#ifndef CNXC_IR_REGION_H
#define CNXC_IR_REGION_H

#include "ir/graph.h"

typedef enum RegionKind {
    REGION_ANY,
    REGION_MAP,
    REGION_REDUCE,
    REGION_CONV,
    REGION_DWCONV,
    REGION_GEMM,
    REGION_LAYERNORM,
    REGION_SOFTMAX,
    REGION_BLOCK,
    REGION_COUNT
} RegionKind;

enum {
    MAX_STEPS = 24,        /* of a kernel's expression */
    MAX_OPERANDS = 8,      /* of it; the first is what the anchor computes */
    MAX_BLOCK_REGIONS = 12
};

/* What its products are computed in where the region says so itself, precision = "bf16"; DT_UNDEFINED: as the program's. */
DType region_precision(const Node *region);
void region_set_bf16(Node *region);

RegionKind region_kind(const Node *region);         /* REGION_ANY also where the kind is not known */
const char *region_kind_name(RegionKind kind);
RegionKind region_kind_of(const Node *anchor);      /* of a region that begins with it; REGION_ANY: none */

bool region_may_begin(const Node *node);            /* as an anchor, or as the first node of a map */
bool region_may_follow(const Node *first, const Node *node); /* in a region that begins with first */
bool region_fits(Node *const *nodes, int n);        /* in one kernel: each node is a step and each scalar another */

/* Region nodes that are a block: dwconv, layernorm, gemm, regions that reduce and map what that gave, gemm. Each works on
 * the one before, the last adds what the first read, and nothing else uses what lies between. */
bool region_is_block(Node *const *regions, int n);

/* Into how many equal ranges of whole panels of `unit` columns a block's hidden tensor is cut: each is some 384 columns, which stay in
 * L2 (measured). 1: there are none such. */
int64_t region_hidden_ranges(int64_t columns, int64_t unit);

/* Whether the body keeps the promise of the kind; false after an error. Requires the body's types. */
bool region_check(const Node *region, Diag *diag);

#endif
