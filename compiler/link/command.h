/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Commands: words for the linker, which is part of this program, and how they are shown. */
#ifndef CNXC_LINK_COMMAND_H
#define CNXC_LINK_COMMAND_H

#include "ir/base/diag.h"
#include "ir/base/vec.h"

typedef struct Command {
    Arena *arena;
    VEC(const char *) words; /* the program first */
} Command;

void command_add(Command *command, const char *word);
void command_add_all(Command *command, const char *const *words); /* until NULL */
void command_add_file(Command *command, const char *path); /* also one that begins as an option or a response file does */

void command_print(const Command *command); /* to standard error, as a shell reads it */

/* Has LLD link, in a child process. False after a diagnostic. */
bool command_link(const Command *command, Diag *diag);

#endif
