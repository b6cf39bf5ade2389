/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Running the compiled model, by path: names of pictures may hold anything. */
#include "compiler/build/process.h"
#include "ir/base/child.h"
#include "ir/base/terminal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_OUTPUT = 64 << 20 }; /* of a program that is read */

int process_run(const char *const *arguments, StrBuf *output, Diag *diag)
{
    terminal_clear();
    fflush(NULL);
    Child child;
    int status, error = child_start((char *const *)(uintptr_t)arguments, output ? CHILD_OUTPUT : 0, &child);
    if (error) {
        diag_resource(diag, NO_SPAN, "'%s' can't be run: %s", arguments[0], strerror(error));
        return -1;
    }
    error = output ? sb_put_file(output, child.output, MOST_OUTPUT) : 0;
    bool waited = child_wait(&child, &status); /* which closes the pipe: it does not go on for ever */
    if (error == EFBIG)
        diag_resource(diag, NO_SPAN, "'%s' says more than %d MB", arguments[0], MOST_OUTPUT >> 20);
    else if (error)
        diag_resource(diag, NO_SPAN, "what '%s' says can't be read: %s", arguments[0], strerror(error));
    else if (!waited)
        diag_resource(diag, NO_SPAN, "can't wait for '%s': %s", arguments[0], strerror(errno));
    else if (WIFSIGNALED(status))
        diag_resource(diag, NO_SPAN, "'%s' was ended by signal %d (%s)", arguments[0], WTERMSIG(status),
                      strsignal(WTERMSIG(status)));
    else
        return WEXITSTATUS(status);
    return -1;
}

void process_become(const char *path, const char *const *arguments, Diag *diag)
{
    fflush(NULL);
    signal(SIGPIPE, SIG_DFL);
    execv(path, (char *const *)(uintptr_t)arguments);
    diag_resource(diag, NO_SPAN, "'%s' can't be run: %s", path, strerror(errno));
}
