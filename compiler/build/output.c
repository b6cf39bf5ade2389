/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Outputs: see output.h. A signal may arrive anywhere, so what its handler needs is plain static memory and
 * system calls. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "compiler/build/output.h"
#include "compiler/build/folder.h"
#include "compiler/frontend/beside.h"
#include "compiler/frontend/input/external.h"
#include "compiler/frontend/input/file.h"
#include "ir/base/child.h"
#include "ir/base/path.h"
#include "ir/base/reads.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

static Folder temp;

void output_cleanup(void)
{
    child_end();
    folder_remove(&temp);
}

static void on_signal(int number)
{
    output_cleanup();
    signal(number, SIG_DFL);
    raise(number); /* so that the parent sees how we ended */
}

/* ── Without memory ──────────────────────────────────────────────────────────────────────────────────── */

/* Comes from the middle of an allocation: the streams' locks may be held. */
static void end_without_memory(void)
{
    static const char text[] = "cnxc: error: out of memory\n";
    output_cleanup();
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* nobody is left to tell */
    _exit(EXIT_RESOURCE);
}

static void on_bad_alloc(void *unused, const char *reason, bool wants_diagnostics)
{
    (void)unused, (void)reason, (void)wants_diagnostics;
    end_without_memory();
}

/* LLVM is C++: without memory it would throw what nobody catches, or abort. Neither std::set_new_handler nor
 * llvm::install_bad_alloc_error_handler has a C name, so they are looked up, and done without where they are absent. */
static void guard_memory(void)
{
    void *(*set_new_handler)(void (*)(void)) = (void *(*)(void (*)(void)))dlsym(RTLD_DEFAULT, "_ZSt15set_new_handlerPFvvE");
    void (*install)(void (*)(void *, const char *, bool), void *) = (void (*)(void (*)(void *, const char *, bool), void *))dlsym(
        RTLD_DEFAULT, "_ZN4llvm31install_bad_alloc_error_handlerEPFvPvPKcbES0_");
    if (set_new_handler)
        set_new_handler(end_without_memory);
    if (install)
        install(on_bad_alloc, NULL);
    json_set_alloc_funcs(memory_new, free);
}

void output_guard(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGABRT};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction old, action = {.sa_handler = on_signal};
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            continue; /* nohup, or a shell's background job */
        sigaction(ends[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is a failed write */
    file_on_loss(output_cleanup);
    guard_memory();
    atexit(output_cleanup);
}

/* ── Making ──────────────────────────────────────────────────────────────────────────────────────────── */

/* A place that a rename would replace instead of write to: a device, a pipe, or standard output. */
bool output_is_stream(const char *path)
{
    struct stat s;
    return strcmp(path, "-") == 0 || (stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode));
}

/* No signal comes between the folder and our note of it. */
static bool make_temp_dir(const char *parent)
{
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    bool made = folder_make(&temp, parent);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    errno = error;
    return made;
}

const char *output_temp_dir(const char *path, Arena *arena, Diag *diag)
{
    const char *tmp = getenv("TMPDIR"), *parent = tmp && *tmp ? tmp : "/tmp";
    if (path && !output_is_stream(path))
        parent = path_directory(arena, path);
    folder_sweep(parent);
    if (make_temp_dir(parent))
        return arena_strdup(arena, temp.path);
    diag_resource(diag, NO_SPAN, "can't write in '%s': %s", parent, strerror(errno));
    return NULL;
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

bool output_commit(const char *from, const char *to, Diag *diag)
{
    if (output_is_stream(to) ? copy_to(from, to) : rename(from, to) == 0)
        return true;
    if (errno != EPIPE || strcmp(to, "-") != 0) { /* a reader that has seen enough, as head, needs no message */
        diag_resource(diag, NO_SPAN, "can't write '%s': %s", to, strerror(errno));
        return false;
    }
    diag->n_errors++;
    diag->exit_code = EXIT_RESOURCE;
    return false;
}

/* ── What may not be written ─────────────────────────────────────────────────────────────────────────── */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool output_check(const char *path, const char *input, Diag *diag)
{
    struct stat s;
    if (strcmp(path, "-") == 0)
        return true;
    if (input && same_file(path, input)) {
        diag_resource(diag, NO_SPAN, "the output '%s' is the input", path);
        return false;
    }
    size_t length = strlen(path);
    if ((stat(path, &s) == 0 && S_ISDIR(s.st_mode)) || (length > 0 && path[length - 1] == '/')) {
        diag_resource(diag, NO_SPAN, "the output '%s' is a directory, expected a file", path);
        return false;
    }
    return true;
}

/* At or in what an option names. */
static bool spares(const char *path, const char *input, Arena *arena, Diag *diag)
{
    static const char *const names[] = {"config.json", "preprocessor_config.json"};
    const char *graph = beside_graph(input, arena);
    for (int64_t i = 0; i < countof(names); i++)
        if (!output_check(path, arena_printf(arena, "%s/%s", input, names[i]), diag))
            return false;
    return output_check(path, input, diag) &&
           (!graph || output_check(path, graph, diag)); /* a header or data beside the output */
}

bool output_check_parts(const char *path, const BuildOptions *options, Arena *arena, Diag *diag)
{
    const char *const inputs[] = {options->input, options->frontend.processor, options->frontend.labels};
    for (int64_t i = 0; i < countof(inputs); i++)
        if (inputs[i] && !spares(path, inputs[i], arena, diag))
            return false;
    if (strcmp(path, "-") == 0 || output_is_stream(path) || !reads_hold(path))
        return true;
    diag_resource(diag, NO_SPAN, "the output '%s' %s", path,
                  external_is_open(path, arena) ? "holds weights of the input" : "is an input, too");
    return false;
}

bool output_same_place(const char *a, const char *b, Arena *arena)
{
    return strcmp(path_base(a), path_base(b)) == 0 && same_file(path_directory(arena, a), path_directory(arena, b));
}
