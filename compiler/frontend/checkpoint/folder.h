/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What lies in a folder that is given as a model. */
#ifndef CNXC_FRONTEND_CHECKPOINT_FOLDER_H
#define CNXC_FRONTEND_CHECKPOINT_FOLDER_H

#include "ir/base/diag.h"
#include "ir/base/str.h"

/* Names that end as checkpoints do, sorted. */
StrList folder_weights(const char *dir, Arena *arena);

bool folder_lacks(const char *dir, const char *name, Arena *arena); /* it can be read, and has no such entry */

/* Says what a folder without config.json is, and what to give instead. */
void folder_refuse(const char *dir, Arena *arena, Diag *diag);

#endif
