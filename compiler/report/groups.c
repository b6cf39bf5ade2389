/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Groups: what people ask about is a region; what runs, and is measured, are phases.
 *
 *   phases  conv | dwconv norm act out | pool | pool's end
 *   groups  conv | block               | pool, two phases */
#include "compiler/report/groups.h"

static Group group_begin(const Phase *phase)
{
    const Node *origin = phase->origin;
    const Value *output = origin ? node_output(origin, 0) : NULL;
    bool region = origin && origin->op->kind == OP_Region;
    return (Group){.origin = origin,
                   .output = output ? output->name : phase->name,
                   .kind = region   ? node_attr_string(origin, "kind")
                           : origin ? origin->op->name
                                    : "copy"};
}

static Group *group_with(Groups *groups, const Phase *phase, Arena *arena)
{
    for (int64_t i = groups->len - 1; phase->origin && i >= 0; i--)
        if (groups->at[i].origin == phase->origin)
            return &groups->at[i];
    vec_push(arena, groups, group_begin(phase));
    return &groups->at[groups->len - 1];
}

Groups groups_of(const Program *program, Arena *arena)
{
    Groups groups = {0};
    PhaseList phases = program_phases(program, arena);
    for (int64_t i = 0; i < phases.len; i++) {
        Group *group = group_with(&groups, phases.at[i], arena);
        vec_push(arena, &group->phases, phases.at[i]);
        vec_push(arena, &group->at, i);
    }
    return groups;
}

/* ── Buffers ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool holds(const BufferList *list, const Buffer *buffer)
{
    for (int64_t i = 0; i < list->len; i++)
        if (list->at[i] == buffer)
            return true;
    return false;
}

static void add_named(BufferList *list, const Stmt *stmt, Arena *arena)
{
    for (int64_t i = 0; stmt->kind == STMT_LOOP && i < stmt->body.len; i++)
        add_named(list, stmt->body.at[i], arena);
    for (int i = 0; stmt->kind == STMT_CALL && i < stmt->n_args; i++)
        if (stmt->args[i].buffer && !holds(list, stmt->args[i].buffer))
            vec_push(arena, list, stmt->args[i].buffer);
}

BufferList buffers_named(const PhaseList *phases, Arena *arena)
{
    BufferList list = {0};
    for (int64_t i = 0; i < phases->len; i++)
        for (int64_t j = 0; j < phases->at[i]->sections.len; j++)
            add_named(&list, phases->at[i]->sections.at[j], arena);
    return list;
}
