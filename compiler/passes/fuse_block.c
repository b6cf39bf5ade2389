/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Whole ConvNeXt blocks. The regions of a block, one after the other, become the body of one region of kind "block", which
 * a schedule can run tile by tile so that the hidden tensor, four times as wide, never leaves the cache:
 *
 *   d = Region<dwconv>(x, …)                       y = cnxc.Region<kind = "block", body = (x, …) => (y) {
 *   n = Region<layernorm>(d, …)            ->        d = Region<dwconv>(x, …)  n = Region<layernorm>(d, …)
 *   h = Region<gemm>(n, …)                           h = Region<gemm>(n, …)  y = Region<gemm>(h, …, x) }>(x, …)
 *   y = Region<gemm>(h, …, x)
 *
 * Between the products of a V2 block there is global response normalisation, some regions that only reduce and map:
 *
 *   r = Region<reduce>(h)  m = Region<reduce>(r)  q = Region<map>(r, m)  s = Region<map>(h, q, w)
 *
 * Requires pass_fuse; preserves names of outputs. A block is known by its kinds and uses alone (region_is_block). */
#include "compiler/passes/passes.h"

#include "compiler/passes/region.h"
#include "compiler/passes/rewrite.h"

typedef struct Chain {
    Node *regions[MAX_BLOCK_REGIONS];
    int n;
} Chain;

static bool contains(const Chain *chain, const Node *node)
{
    for (int i = 0; i < chain->n; i++)
        if (chain->regions[i] == node)
            return true;
    return false;
}

static bool uses(const Node *node, const Chain *chain)
{
    for (int64_t i = 0; i < node->inputs.len; i++) {
        const Value *value = node->inputs.at[i];
        if (value && value->producer && contains(chain, value->producer))
            return true;
    }
    return false;
}

/* From the root on, each region that uses what came before, until they are a block. */
static bool take_chain(Chain *chain, Node *root)
{
    for (Node *node = root; node && chain->n < MAX_BLOCK_REGIONS; node = node->next) {
        if (node != root && !uses(node, chain))
            continue;
        if (node->op->kind != OP_Region)
            return false;
        chain->regions[chain->n++] = node;
        if (region_is_block(chain->regions, chain->n))
            return true;
    }
    return false;
}

static bool fuse_block(Node *root)
{
    Chain chain = {0};
    if (region_kind(root) != REGION_DWCONV || !take_chain(&chain, root))
        return false;
    region_make(chain.regions, chain.n, REGION_BLOCK);
    return true;
}

static const Rule rules[] = {{OP_Region, "block", fuse_block}};

bool pass_fuse_block(Graph *graph) { return rewrite(graph, rules, countof(rules)); }
