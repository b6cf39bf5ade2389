/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Commands: the linker's words, run in a child process, because LLD ends its process when it likes and keeps its memory. Shown
 * they are a line for a shell, to be run by hand where LLVM's own programs are. */
#include "compiler/link/command.h"
#include "compiler/link/lld.h"
#include "ir/base/child.h"
#include "ir/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void command_add(Command *command, const char *word) { vec_push(command->arena, &command->words, word); }

void command_add_all(Command *command, const char *const *words)
{
    for (; *words; words++)
        command_add(command, *words);
}

void command_add_file(Command *command, const char *path)
{
    command_add(command, path[0] == '-' || path[0] == '@' ? arena_printf(command->arena, "./%s", path) : path);
}

/* "a \$b" as a shell reads it, and what a terminal would obey as $'\x1b'. */
static void print_word(const char *word, const char *safe)
{
    bool plain = strcmp(word, safe) == 0;
    fputs(plain ? "\"" : "$'", stderr);
    for (const char *c = safe; *c; c++)
        fprintf(stderr, strchr(plain ? "\"$`" : "'", *c) ? "\\%c" : "%c", *c);
    fputc(plain ? '"' : '\'', stderr);
}

void command_print(const Command *command)
{
    for (int64_t i = 0; i < command->words.len; i++) {
        fputs(i ? " " : "", stderr);
        print_word(command->words.at[i], escaped(command->arena, command->words.at[i]));
    }
    fputc('\n', stderr);
}

static int link_here(const void *context)
{
    const Command *command = context;
    return lld_link(command->words.at, (size_t)command->words.len) ? 0 : 1;
}

bool command_link(const Command *command, Diag *diag)
{
    fflush(NULL);
    Child child;
    int status, error = child_fork(link_here, command, &child);
    if (error)
        diag_resource(diag, NO_SPAN, "cannot start the linker: %s", strerror(error));
    else if (!child_wait(&child, &status))
        diag_resource(diag, NO_SPAN, "cannot wait for the linker: %s", strerror(errno));
    else if (WIFSIGNALED(status))
        diag_resource(diag, NO_SPAN, "the linker was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
        diag_resource(diag, NO_SPAN, "the linker failed");
    else
        return true;
    return false;
}
