/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Children: the linker, which is a copy of this process, and programs, which may start others. Whoever ends us expects all of
 * them to end, and no file of theirs to appear afterwards.
 *
 *   cnxc ── program ── another          those below are one process group; child_end signals the group and, as the
 *                                       reaper of whoever loses its parent, waits for each of them
 *
 * Programs are started by posix_spawn, with an argument vector: no name in a path is ever read by a shell. */
#define _GNU_SOURCE /* pipe2, environ */
#include "ir/base/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLITE_STEPS = 50, STEP_MS = 10 }; /* half a second to end by itself */

static volatile pid_t running[MOST_CHILDREN]; /* the children, which lead their process groups; 0: none */

/* SIGPIPE, which we ignore, is the child's to die of. input, output: its ends of pipes, or -1. */
static int spawn(char *const *words, int input, int output, const sigset_t *mask, pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawn_file_actions_init(&actions);
    int error = input < 0 ? 0 : posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (!error && output >= 0)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (!error)
        error = posix_spawnp(pid, words[0], &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* Between these two no signal ends us: one between a child's start and our note of it would miss the child. */
static void block_signals(sigset_t *before)
{
    sigset_t all;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, before);
}

/* The place of one that runs, or of pid 0 a free one. */
static volatile pid_t *place_of(pid_t pid)
{
    for (int i = 0; i < MOST_CHILDREN; i++)
        if (running[i] == pid)
            return &running[i];
    assert(!"more children than there may be");
    return &running[0];
}

static void note_and_unblock(pid_t pid, const sigset_t *before)
{
    if (pid > 0)
        *place_of(0) = pid;
    sigprocmask(SIG_SETMASK, before, NULL);
}

static void close_both(int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

int child_start(char *const *words, int pipes, Child *child)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, error = 0; /* [0] is read, [1] written */
    sigset_t mask;
    *child = (Child){.input = -1, .output = -1};
    if (((pipes & CHILD_INPUT) && pipe2(in, O_CLOEXEC) != 0) || ((pipes & CHILD_OUTPUT) && pipe2(out, O_CLOEXEC) != 0))
        error = errno;
    block_signals(&mask);
    if (!error)
        error = spawn(words, in[0], out[1], &mask, &child->pid);
    note_and_unblock(error ? 0 : child->pid, &mask);
    if (!error) {
        child->input = in[1], in[1] = -1;
        child->output = out[0], out[0] = -1;
    }
    close_both(in);
    close_both(out);
    return error;
}

/* What the parent catches means nothing here; what was ignored before it began stays so. */
static void reset_signals(void)
{
    struct sigaction action;
    for (int number = 1; number < NSIG; number++)
        if (number == SIGPIPE || (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN))
            signal(number, SIG_DFL);
}

int child_fork(int (*body)(const void *context), const void *context, Child *child)
{
    sigset_t mask;
    *child = (Child){.input = -1, .output = -1};
    block_signals(&mask);
    child->pid = fork();
    if (child->pid == 0) {
        setpgid(0, 0);
        reset_signals();
        sigprocmask(SIG_SETMASK, &mask, NULL);
        _exit(body(context));
    }
    int error = child->pid < 0 ? errno : 0;
    if (!error)
        setpgid(child->pid, child->pid); /* whoever of the two is first */
    note_and_unblock(child->pid, &mask);
    return error;
}

bool child_wait(Child *child, int *status)
{
    close_both((int[]){child->input, child->output});
    pid_t ended;
    while ((ended = waitpid(child->pid, status, 0)) < 0 && errno == EINTR)
        ;
    *place_of(child->pid) = 0;
    return ended == child->pid;
}

/* Is anyone of the group left? */
static bool reap(pid_t group, int options)
{
    pid_t ended;
    while ((ended = waitpid(-group, NULL, options)) > 0 || (ended < 0 && errno == EINTR))
        ;
    return ended == 0;
}

static void end_group(pid_t group)
{
    kill(-group, SIGTERM); /* which compiler drivers use to remove their temporary files */
    for (int step = 0; step < POLITE_STEPS && reap(group, WNOHANG); step++)
        poll(NULL, 0, STEP_MS);
    kill(-group, SIGKILL);
    reap(group, 0);
}

void child_end(void)
{
    for (int i = 0; i < MOST_CHILDREN; i++)
        if (running[i]) {
            end_group(running[i]);
            running[i] = 0;
        }
}
