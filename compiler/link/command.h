/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Commands: run a tool of the system's toolchain, without a shell. */
#ifndef CNXC_LINK_COMMAND_H
#define CNXC_LINK_COMMAND_H

#include "ir/base/diag.h"
#include "ir/base/vec.h"

typedef struct Command {
    Arena *arena;
    VEC(const char *) words; /* the program first */
} Command;

void command_add(Command *command, const char *word);
void command_add_file(Command *command, const char *path); /* also one that begins as an option or a response file does */

/* The words of environment variable `name` ("clang -fuse-ld=lld"), or `fallback`. */
void command_add_tool(Command *command, const char *name, const char *fallback);

/* Prints the command to standard error if asked; runs it unless dry; waits. False after a diagnostic. */
bool command_run(const Command *command, bool print, bool dry, Diag *diag);

/* What the command writes to standard output, without the last newline; "" if it failed, NULL after a diagnostic if it
 * could not be run. */
const char *command_output(const Command *command, Diag *diag);

#endif
