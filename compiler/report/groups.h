/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Groups: the phases of a program by the node that they were made from. */
#ifndef CNXC_REPORT_GROUPS_H
#define CNXC_REPORT_GROUPS_H

#include "compiler/schedule/program.h"

typedef VEC(const Buffer *) BufferList;

typedef struct Group {
    const Node *origin;       /* a region, or a node that stands alone; NULL: a copy to an output */
    const char *output, *kind; /* the node's output, or the phase's name; a region's kind, an operator's name, or "copy" */
    PhaseList phases;
    VEC(int64_t) at;          /* of each phase, which of the program's it is */
} Group;

typedef VEC(Group) Groups;

/* In the order of their first phases; a node whose work goes on after all images is one group still. */
Groups groups_of(const Program *program, Arena *arena);

/* Every buffer that the phases name, once. */
BufferList buffers_named(const PhaseList *phases, Arena *arena);

#endif
