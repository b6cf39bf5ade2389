/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elementwise nodes: one phase of loops for each. */
#include "compiler/schedule/elementwise.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

/* The operand whose layout the output follows: the first that is not broadcast. */
static View output_of(Lowering *l, const Value *value, const Fusion *fusion)
{
    for (int i = 0; i < fusion->expr.n_operands; i++) {
        const View *operand = &fusion->operands[i];
        bool whole = operand->rank == value->type.shape.rank;
        for (int j = 0; j < operand->rank; j++)
            whole &= operand->strides[j] != 0 || operand->dims[j] == 1;
        if (whole)
            return output_like(l, value, operand);
    }
    return view_output(l, value, NULL, false);
}

void fusion_phase(Lowering *l, const Fusion *fusion)
{
    View out = output_of(l, fusion->result, fusion);
    map_phase(l, fusion->result->name, &fusion->expr, out, fusion->operands);
    view_set(l, fusion->result, out);
}

static bool has_other_outputs(const Node *node)
{
    for (int64_t i = 1; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            return true;
    return false;
}

bool lower_elementwise(Lowering *l, const Node *node)
{
    Fusion *fusion = NEW(l->arena, Fusion);
    int64_t dims[MAX_RANK];
    int rank = value_dims(node->outputs.at[0], dims);
    if (has_other_outputs(node))
        return lower_unsupported(l, "an output that only training needs");
    fusion_begin(l, fusion, NULL);
    if (!fusion_node(l, fusion, node, rank, dims))
        return mixes_images(l, "broadcasting across the images of a free batch");
    fusion_end(fusion);
    fusion_phase(l, fusion);
    return true;
}
