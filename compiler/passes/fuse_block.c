/* Whole ConvNeXt blocks. The regions of a block, one after the other, become one region of kind "block", which a schedule
 * can run tile by tile so that the hidden tensor, four times as wide, never leaves the cache:
 *
 *   d = Region<dwconv>(x, …)
 *   n = Region<layernorm>(d, …)            ->      y = cnxc.Region<kind = "block", body = …>(x, …)
 *   h = Region<gemm>(n, …)
 *   y = Region<gemm>(h, …, x)                      the last one adds the residual x
 *
 * Between the products of a V2 block there is global response normalisation, some regions that only reduce and map:
 *
 *   r = Region<reduce>(h)  m = Region<reduce>(r)  q = Region<map>(r, m)  s = Region<map>(h, q, w)
 *
 * Requires pass_fuse; preserves names of outputs. A block is known by its kinds and uses alone: what lies between is used
 * nowhere else, the residual is what the depthwise convolution reads. */
#include "compiler/passes/passes.h"

#include "compiler/passes/region.h"
#include "compiler/passes/rewrite.h"

enum { FIRST_REGIONS = 3, MAX_REGIONS = 12 };

static const char *const first_kinds[FIRST_REGIONS] = {"dwconv", "layernorm", "gemm"};

typedef struct Chain {
    Node *regions[MAX_REGIONS];
    int n;
} Chain;

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
        if (region->inputs.at[i] == value && (add->inputs.at[0] == body->inputs.at[i] || add->inputs.at[1] == body->inputs.at[i]))
            return true;
    return false;
}

static bool contains(const Chain *chain, const Node *node)
{
    for (int i = 0; i < chain->n; i++)
        if (chain->regions[i] == node)
            return true;
    return false;
}

/* From the depthwise convolution to the hidden tensor, each region's first input is what its anchor works on. */
static bool take_first(Chain *chain, Node *node)
{
    while (is_region(node, first_kinds[chain->n])) {
        if (chain->n && node->inputs.at[0] != chain->regions[chain->n - 1]->outputs.at[0])
            return false;
        chain->regions[chain->n++] = node;
        if (chain->n == FIRST_REGIONS)
            return true;
        node = only_user(node->outputs.at[0]);
    }
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

/* What reduces and maps the hidden tensor, up to the product of it. */
static bool take_rest(Chain *chain)
{
    for (Node *node = chain->regions[FIRST_REGIONS - 1]->next; node && chain->n < MAX_REGIONS; node = node->next) {
        if (!uses(node, chain))
            continue;
        bool last = is_region(node, "gemm");
        if (last && node->inputs.at[0] != chain->regions[chain->n - 1]->outputs.at[0])
            return false;
        if (!last && !is_region(node, "reduce") && !is_region(node, "map"))
            return false;
        chain->regions[chain->n++] = node;
        if (last)
            return true;
    }
    return false;
}

/* Whether only the last region's value is used outside. */
static bool is_closed(const Chain *chain)
{
    for (int i = 0; i < chain->n - 1; i++) {
        const Value *value = chain->regions[i]->outputs.at[0];
        if (value->is_output)
            return false;
        for (int64_t j = 0; j < value->users.len; j++)
            if (!contains(chain, value->users.at[j]))
                return false;
    }
    return true;
}

static bool fuse_block(Node *root)
{
    Chain chain = {0};
    if (!take_first(&chain, root) || !take_rest(&chain) || !is_closed(&chain) ||
        !ends_in_add_of(chain.regions[chain.n - 1], root->inputs.at[0]))
        return false;
    region_merge(chain.regions, chain.n, "block");
    return true;
}

static const Rule rules[] = {{OP_Region, "block", fuse_block}};

bool pass_fuse_block(Graph *graph) { return rewrite(graph, rules, countof(rules)); }
