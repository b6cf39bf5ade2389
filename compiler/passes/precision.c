/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Precisions of regions: what a plan has kept from becoming integers and leaves to bf16 is said by its region.
 *
 *   y = cnxc.Region<kind = "gemm", body>(x, w)   →   y = cnxc.Region<kind = "gemm", precision = "bf16", body>(x, w)
 *     body: p = MatMul(x, w) …
 *
 * Requires pass_fuse; a product is known by the name of its output, which it keeps in a body. */
#include "compiler/passes/passes.h"

#include "ir/op.h"
#include "ir/region.h"

static bool set_precision(Node *region, const QuantizePlan *plan)
{
    RegionKind kind = region->op->kind == OP_Region ? region_kind(region) : REGION_ANY;
    if (kind != REGION_GEMM && kind != REGION_CONV)
        return false;
    const Node *anchor = node_attr_graph(region, "body")->first;
    const ProductPlan *of = strmap_get(&plan->products, anchor->outputs.at[0]->name);
    if (!of || of->precision != DT_BFLOAT16)
        return false;
    region_set_bf16(region);
    return true;
}

bool pass_precision(Graph *graph, const QuantizePlan *plan)
{
    bool changed = false;
    FOR_NODES (node, graph)
        changed |= plan && set_precision(node, plan);
    return changed;
}
