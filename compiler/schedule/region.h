/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Regions of one anchor and the elementwise nodes behind it, or of elementwise nodes alone. */
#ifndef CNXC_SCHEDULE_REGION_H
#define CNXC_SCHEDULE_REGION_H

#include "compiler/schedule/expr.h"
#include "compiler/schedule/lower.h"
#include "ir/region.h"

/* Around the lowering of a body: its inputs are the region's, and so are its outputs. */
void scope_open(Lowering *l, Scope *scope, const Node *region);
void scope_close(Lowering *l);

bool region_lower(Lowering *l, const Node *region); /* any kind that promises such a body; false after a diagnostic */

/* For those who lower several at once. */
void region_enter(Lowering *l, const Node *region);   /* the body's inputs get the views that are there */
const Node *region_anchor(const Node *region);        /* NULL: of kind map */
const Value *region_outside(const Node *region, const Value *input); /* what a body's input is outside; NULL: it is none */
bool region_fuse(Lowering *l, const Node *region, Fusion *fusion); /* all behind the anchor; false: it has no such form */

#endif
