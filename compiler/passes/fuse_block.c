/* Whole ConvNeXt blocks. The regions of a block, one after the other, become one region of kind "block", which a schedule
 * can run tile by tile so that the hidden tensor, four times as wide, never leaves the cache:
 *
 *   d = Region<dwconv>(x, …)
 *   n = Region<layernorm>(d, …)            ->      y = cnxc.Region<kind = "block", body = …>(x, …)
 *   h = Region<gemm>(n, …)
 *   y = Region<gemm>(h, …, x)                      the last one adds the residual x
 *
 * Requires pass_fuse; preserves names of outputs. A block is known by its kinds and uses alone: each value but the last
 * has one use, the residual is what the depthwise convolution reads. */
#include "compiler/passes/passes.h"

#include "compiler/passes/region.h"
#include "compiler/passes/rewrite.h"

enum { BLOCK_REGIONS = 4 };

static const char *const block_kinds[BLOCK_REGIONS] = {"dwconv", "layernorm", "gemm", "gemm"};

static bool is_region(const Node *node, const char *kind)
{
    return node && node->op->kind == OP_Region && str_equal(node_attr_string(node, "kind"), kind);
}

/* Whether the last thing a region does is to add an input of its own, which is value outside. */
static bool ends_in_add_of(const Node *region, const Value *value)
{
    const Graph *body = node_attr_graph(region, "body");
    const Node *add = body->outputs.at[0]->producer;
    for (int64_t i = 0; add->op->kind == OP_Add && i < region->inputs.len; i++)
        if (region->inputs.at[i] == value &&
            (add->inputs.at[0] == body->inputs.at[i] || add->inputs.at[1] == body->inputs.at[i]))
            return true;
    return false;
}

/* root: the depthwise convolution. Each region's first input is what its anchor works on. */
static bool fuse_block(Node *root)
{
    Node *regions[BLOCK_REGIONS] = {root};
    for (int i = 0; i < BLOCK_REGIONS; i++) {
        if (!is_region(regions[i], block_kinds[i]))
            return false;
        if (i > 0 && regions[i]->inputs.at[0] != regions[i - 1]->outputs.at[0])
            return false;
        if (i < BLOCK_REGIONS - 1)
            regions[i + 1] = only_user(regions[i]->outputs.at[0]);
    }
    if (!ends_in_add_of(regions[BLOCK_REGIONS - 1], root->inputs.at[0]))
        return false;
    region_merge(regions, BLOCK_REGIONS, "block");
    return true;
}

static const Rule rules[] = {{OP_Region, "block", fuse_block}};

bool pass_fuse_block(Graph *graph)
{
    return rewrite(graph, rules, countof(rules));
}
