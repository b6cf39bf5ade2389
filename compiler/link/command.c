/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Commands: tools that the environment may name (CC, LD, …), run as child processes. */
#include "compiler/link/command.h"
#include "ir/base/child.h"
#include "ir/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void command_add(Command *command, const char *word) { vec_push(command->arena, &command->words, word); }

void command_add_file(Command *command, const char *path)
{
    command_add(command, path[0] == '-' || path[0] == '@' ? arena_printf(command->arena, "./%s", path) : path);
}

void command_add_tool(Command *command, const char *name, const char *fallback)
{
    const char *tool = getenv(name);
    int64_t before = command->words.len;
    for (const char *at = tool ? tool : ""; *at;) {
        size_t n = strcspn(at, " \t");
        if (n)
            command_add(command, arena_strndup(command->arena, at, n));
        at += n + strspn(at + n, " \t");
    }
    if (command->words.len == before)
        command_add(command, fallback);
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

static void print_command(const Command *command)
{
    for (int64_t i = 0; i < command->words.len; i++) {
        fputs(i ? " " : "", stderr);
        print_word(command->words.at[i], escaped(command->arena, command->words.at[i]));
    }
    fputc('\n', stderr);
}

static char **argument_vector(const Command *command)
{
    char **words = NEW_ARRAY(command->arena, char *, command->words.len + 1);
    for (int64_t i = 0; i < command->words.len; i++)
        words[i] = (char *)command->words.at[i];
    return words;
}

bool command_run(const Command *command, bool print, bool dry, Diag *diag)
{
    char **words = argument_vector(command);
    if (print || dry)
        print_command(command);
    if (dry)
        return true;
    fflush(NULL);
    Child child;
    int status, error = child_start(words, false, &child);
    if (error)
        diag_resource(diag, NO_SPAN, "cannot run %s: %s", words[0], strerror(error));
    else if (!child_wait(&child, &status))
        diag_resource(diag, NO_SPAN, "cannot wait for %s: %s", words[0], strerror(errno));
    else if (WIFSIGNALED(status))
        diag_resource(diag, NO_SPAN, "%s was killed by signal %d", words[0], WTERMSIG(status));
    else if (WEXITSTATUS(status))
        diag_resource(diag, NO_SPAN, "%s failed with exit code %d", words[0], WEXITSTATUS(status));
    else
        return true;
    return false;
}

const char *command_output(const Command *command, Diag *diag)
{
    char **words = argument_vector(command);
    Child child;
    int status, error = child_start(words, true, &child);
    if (error) {
        diag_resource(diag, NO_SPAN, "cannot run %s: %s", words[0], strerror(error));
        return NULL;
    }
    StrBuf text = {.arena = command->arena};
    sb_put_file(&text, child.output);
    if (!child_wait(&child, &status) || !WIFEXITED(status) || WEXITSTATUS(status) || !text.len)
        return "";
    if (text.text[text.len - 1] == '\n')
        text.text[text.len - 1] = 0;
    return text.text;
}
