/* Commands: posix_spawn with an argument vector, so that no name in a path is ever read by a shell. */
#define _GNU_SOURCE
#include "compiler/link/command.h"
#include "ir/base/str.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void command_add(Command *command, const char *word)
{
    vec_push(command->arena, &command->words, word);
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

static void print_command(const Command *command)
{
    for (int64_t i = 0; i < command->words.len; i++) {
        fputs(i ? " \"" : "\"", stderr);
        for (const char *c = command->words.at[i]; *c; c++) {
            if (strchr("\"\\$`", *c))
                fputc('\\', stderr);
            fputc(*c, stderr);
        }
        fputc('"', stderr);
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

static bool await(pid_t child, int *status)
{
    while (waitpid(child, status, 0) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

bool command_run(const Command *command, bool print, bool dry, Diag *diag)
{
    char **words = argument_vector(command);
    if (print || dry)
        print_command(command);
    if (dry)
        return true;
    fflush(NULL);
    pid_t child;
    int status, error = posix_spawnp(&child, words[0], NULL, NULL, words, environ);
    if (error)
        diag_resource(diag, NO_SPAN, "cannot run %s: %s", words[0], strerror(error));
    else if (!await(child, &status))
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
    int ends[2];
    if (pipe(ends) != 0) {
        diag_resource(diag, NO_SPAN, "cannot make a pipe: %s", strerror(errno));
        return NULL;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    char **words = argument_vector(command);
    pid_t child;
    int status, error = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    StrBuf text = {.arena = command->arena};
    char chunk[512];
    for (ssize_t n; !error && (n = read(ends[0], chunk, sizeof chunk)) > 0;)
        sb_put_n(&text, chunk, n);
    close(ends[0]);
    if (error) {
        diag_resource(diag, NO_SPAN, "cannot run %s: %s", words[0], strerror(error));
        return NULL;
    }
    if (!await(child, &status) || !WIFEXITED(status) || WEXITSTATUS(status) || !text.len)
        return "";
    if (text.text[text.len - 1] == '\n')
        text.text[text.len - 1] = 0;
    return text.text;
}
