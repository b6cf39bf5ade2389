/* Running other programs, by path and without a shell: names of pictures may hold anything. */
#define _GNU_SOURCE /* pipe2 */
#include "compiler/driver/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void collect(int from, StrBuf *output)
{
    char buffer[4096];
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            sb_put_n(output, buffer, got);
}

static int wait_for(Driver *driver, pid_t child, const char *path)
{
    int status;
    while (waitpid(child, &status, 0) == -1 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 127)
        return WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        diag_resource(&driver->diag, NO_SPAN, "'%s' was ended by signal %d (%s)", path, WTERMSIG(status),
                      strsignal(WTERMSIG(status)));
    else
        diag_resource(&driver->diag, NO_SPAN, "'%s' can't be run", path);
    return -1;
}

int process_run(Driver *driver, const char *const *arguments, StrBuf *output)
{
    int ends[2] = {-1, -1};
    fflush(NULL);
    if (output && pipe2(ends, O_CLOEXEC) != 0) {
        diag_resource(&driver->diag, NO_SPAN, "can't make a pipe: %s", strerror(errno));
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        if (output)
            dup2(ends[1], STDOUT_FILENO);
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    if (output)
        close(ends[1]);
    if (child > 0 && output)
        collect(ends[0], output);
    if (output)
        close(ends[0]);
    if (child > 0)
        return wait_for(driver, child, arguments[0]);
    diag_resource(&driver->diag, NO_SPAN, "can't start a process: %s", strerror(errno));
    return -1;
}

void process_become(Driver *driver, const char *path, const char *const *arguments)
{
    fflush(NULL);
    signal(SIGPIPE, SIG_DFL);
    execv(path, (char *const *)(uintptr_t)arguments);
    diag_resource(&driver->diag, NO_SPAN, "'%s' can't be run: %s", path, strerror(errno));
}
