/* Outputs: see output.h. A signal may arrive anywhere, so what its handler needs is plain static memory, and the
 * folder is removed by rm in a child: fork and exec are safe there, opendir is not. */
#include "compiler/driver/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char temp_dir[PATH_MAX]; /* "" : none */

const char *path_directory(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ── Removing ────────────────────────────────────────────────────────────────────────────────────────── */

void output_cleanup(void)
{
    if (!temp_dir[0])
        return;
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", "--", temp_dir, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
            ;
    temp_dir[0] = '\0';
}

static void on_signal(int number)
{
    output_cleanup();
    signal(number, SIG_DFL);
    raise(number); /* so that the parent sees how we ended */
}

void output_guard(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGXFSZ};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction old, action = {.sa_handler = on_signal};
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            continue; /* nohup, or a shell's background job */
        sigaction(ends[i], &action, NULL);
    }
    atexit(output_cleanup);
}

/* ── Making ──────────────────────────────────────────────────────────────────────────────────────────── */

/* A place that a rename would replace instead of write to: a device, a pipe, or standard output. */
static bool is_stream(const char *path)
{
    struct stat s;
    return strcmp(path, "-") == 0 || (stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode));
}

const char *output_temp_dir(Driver *driver, const char *path)
{
    const char *tmp = getenv("TMPDIR"), *parent = tmp && *tmp ? tmp : "/tmp";
    if (path && !is_stream(path))
        parent = path_directory(driver->arena, path);
    char template[PATH_MAX];
    int length = snprintf(template, sizeof template, "%s/.cnxc-XXXXXX", parent);
    bool fits = length > 0 && (size_t)length < sizeof template;
    if (!fits || !mkdtemp(template)) {
        diag_resource(&driver->diag, NO_SPAN, "can't write in '%s': %s", parent,
                      fits ? strerror(errno) : "the path is too long");
        return NULL;
    }
    memcpy(temp_dir, template, sizeof template);
    return arena_strdup(driver->arena, template);
}

static bool copy_stream(int from, int to)
{
    static char buffer[1 << 16];
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(to, buffer + done, (size_t)(got - done));
            if (put < 0)
                return false;
            done += put;
        }
    return got == 0;
}

static bool copy_to(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = strcmp(to, "-") == 0 ? dup(STDOUT_FILENO) : open(to, O_WRONLY | O_CLOEXEC);
    bool ok = in >= 0 && out >= 0 && copy_stream(in, out);
    int error = errno;
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0 && ok) {
        ok = false;
        error = errno;
    }
    errno = error;
    return ok;
}

bool output_commit(Driver *driver, const char *from, const char *to)
{
    if (is_stream(to) ? copy_to(from, to) : rename(from, to) == 0)
        return true;
    if (errno != EPIPE || strcmp(to, "-") != 0) { /* a reader that has seen enough, as head, needs no message */
        diag_resource(&driver->diag, NO_SPAN, "can't write '%s': %s", to, strerror(errno));
        return false;
    }
    driver->diag.n_errors++;
    driver->diag.exit_code = EXIT_RESOURCE;
    return false;
}

/* ── What may not be written ─────────────────────────────────────────────────────────────────────────── */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool output_check(Driver *driver, const char *path, const char *input)
{
    struct stat s;
    if (strcmp(path, "-") == 0)
        return true;
    if (input && same_file(path, input)) {
        diag_resource(&driver->diag, NO_SPAN, "the output '%s' is the input", path);
        return false;
    }
    size_t length = strlen(path);
    if ((stat(path, &s) == 0 && S_ISDIR(s.st_mode)) || (length > 0 && path[length - 1] == '/')) {
        diag_resource(&driver->diag, NO_SPAN, "the output '%s' is a directory, expected a file", path);
        return false;
    }
    return true;
}
