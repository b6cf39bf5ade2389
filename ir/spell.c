/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The table of spellings. */
#include "ir/spell.h"

#include "ir/spell_util.h"

static void (*const spellings[OP_COUNT])(Node *node) = {
#define OP(...)
#define SPELLED(name, ...) [OP_##name] = spell_##name,
#include "ir/ops.def"
#undef OP
};

bool op_is_spelled(OpKind kind) { return spellings[kind] != NULL; }

void node_spell(Node *node)
{
    spellings[node->op->kind](node);
    node_remove(node);
}
