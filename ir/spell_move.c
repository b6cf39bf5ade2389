/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Moves and masks that others make: blocks of pixels by a Transpose, and what depends on an element's place by comparing places.
 *
 *   y = DepthToSpace<blocksize = 2>(x)  of [N,12,4,5]   ->   Reshape to [N,2,2,3,4,5], Transpose, Reshape to [N,3,8,10]
 *   y = Trilu(x, k)  of [3,3]                           ->   Where(GreaterOrEqual({0, 1, 2}, {{0}, {1}, {2}} + k), x, 0) */
#include "ir/spell_util.h"

#include <string.h>

/* ── Blocks of pixels and channels ───────────────────────────────────────────────────────────────────── */

/* x in six dimensions, turned, in four: the node's output. The batch stays what it is. */
static void turn_blocks(Node *node, const int64_t *six, const int64_t *perm, const int64_t *four)
{
    Value *parts = spell_reshape(node, node->inputs.at[0], 6, six);
    Node *turn = spell_node(node, OP_Transpose, &parts, 1);
    node_set_ints(turn, "perm", perm, 6);
    spell_output(node, 0, spell_reshape(node, spelled(turn), 4, four));
}

static bool blocks_are_outer(const Node *node) { return strcmp(node_attr_string(node, "mode"), "DCR") == 0; }

static int64_t dim(const Value *value, int i) { return value->type.shape.dims[i].size; }

void spell_DepthToSpace(Node *node)
{
    const Value *x = node->inputs.at[0], *y = node->outputs.at[0];
    int64_t b = node_attr_int(node, "blocksize"), c = dim(y, 1), h = dim(x, 2), w = dim(x, 3), four[] = {0, c, h * b, w * b};
    if (blocks_are_outer(node))
        turn_blocks(node, (int64_t[]){0, b, b, c, h, w}, (int64_t[]){0, 3, 4, 1, 5, 2}, four);
    else
        turn_blocks(node, (int64_t[]){0, c, b, b, h, w}, (int64_t[]){0, 1, 4, 2, 5, 3}, four);
}

void spell_SpaceToDepth(Node *node)
{
    const Value *x = node->inputs.at[0];
    int64_t b = node_attr_int(node, "blocksize"), c = dim(x, 1), h = dim(x, 2) / b, w = dim(x, 3) / b;
    static const int64_t outer[] = {0, 3, 5, 1, 2, 4}, inner[] = {0, 1, 3, 5, 2, 4};
    turn_blocks(node, (int64_t[]){0, c, h, b, w, b}, blocks_are_outer(node) ? outer : inner, (int64_t[]){0, c * b * b, h, w});
}

/* ── By place ────────────────────────────────────────────────────────────────────────────────────────── */

/* Whether each place of a plane lies so far above the main diagonal. Beyond the plane k says no more than at its edge. */
static Value *is_above_diagonal(Node *node, OpKind compare, Value *k, const Value *plane)
{
    int rank = plane->type.shape.rank;
    int64_t rows = dim(plane, rank - 2), columns = dim(plane, rank - 1);
    k = SPELL(node, OP_Max, k, spell_number(node, DT_INT64, (double)-rows));
    k = SPELL(node, OP_Min, k, spell_number(node, DT_INT64, (double)columns));
    return SPELL(node, compare, spell_counted(node, columns, 0, 0), SPELL(node, OP_Add, spell_counted(node, rows, 0, 1), k));
}

void spell_EyeLike(Node *node)
{
    int64_t k = node_attr_int(node, "k");
    Value *ones = is_above_diagonal(node, OP_Equal, spell_ints(node, &k, 1), node->inputs.at[0]);
    spell_output(node, 0, spell_cast(node, ones, node->outputs.at[0]->type.dtype));
}

void spell_Trilu(Node *node)
{
    Value *x = node->inputs.at[0], *k = node_input(node, 1);
    OpKind compare = node_attr_int(node, "upper") ? OP_GreaterOrEqual : OP_LessOrEqual;
    Value *kept = is_above_diagonal(node, compare, k ? k : spell_number(node, DT_INT64, 0), x);
    spell_output(node, 0, SPELL(node, OP_Where, kept, x, spell_number(node, x->type.dtype, 0)));
}

void spell_OneHot(Node *node)
{
    const Value *y = node->outputs.at[0];
    int rank = y->type.shape.rank, axis = (int)node_attr_int(node, "axis");
    axis += axis < 0 ? rank : 0;
    Value *index = spell_cast(node, node->inputs.at[0], DT_INT64);
    Value *from_end = SPELL(node, OP_Add, index, spell_number(node, DT_INT64, (double)dim(y, axis)));
    Value *negative = SPELL(node, OP_Less, index, spell_number(node, DT_INT64, 0));
    index = SPELL(node, OP_Unsqueeze, SPELL(node, OP_Where, negative, from_end, index), spell_ints(node, (int64_t[]){axis}, 1));
    Value *here = SPELL(node, OP_Equal, index, spell_counted(node, dim(y, axis), 0, rank - 1 - axis));
    Value *values[2];
    for (int i = 0; i < 2; i++)
        values[i] = SPELL(node, OP_Gather, node->inputs.at[2], spell_number(node, DT_INT64, i));
    spell_output(node, 0, SPELL(node, OP_Where, here, values[1], values[0]));
}

/* ── Another name ────────────────────────────────────────────────────────────────────────────────────── */

void spell_Scatter(Node *node)
{
    Node *scatter = spell_node(node, OP_ScatterElements, node->inputs.at, 3);
    node_set_int(scatter, "axis", node_attr_int(node, "axis"));
    spell_output(node, 0, spelled(scatter));
}
