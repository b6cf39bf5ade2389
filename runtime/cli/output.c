/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Output files: written beside their place, then renamed all together; Ctrl-C leaves nothing behind.
 *
 * Devices and pipes (/dev/stdout, a FIFO) cannot be renamed to and are written in place. */
#include "runtime/cli/cli.h"
#include "ir/base/npy.h"
#include "runtime/cli/signals.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_PENDING = 256 };

typedef struct Pending {
    char temporary[PATH_MAX], path[PATH_MAX];
} Pending;

/* The executable's own state, read by a signal handler. */
static Pending *pending[MAX_PENDING];
static volatile sig_atomic_t n_pending;

static void remove_all(void)
{
    for (int i = 0; i < n_pending; i++)
        unlink(pending[i]->temporary);
}

static bool is_standard(const char *path) { return strcmp(path, "-") == 0; }

/* A device or a pipe. */
static bool in_place(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

bool output_is_standard(const char *path)
{
    struct stat a, b;
    return is_standard(path) || (stat(path, &a) == 0 && !S_ISREG(a.st_mode) && fstat(STDOUT_FILENO, &b) == 0 &&
                                 a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

bool output_is_file(const char *path) { return !is_standard(path) && !in_place(path); }

void outputs_discard(void)
{
    remove_all();
    for (int i = 0; i < n_pending; i++)
        free(pending[i]);
    n_pending = 0;
}

/* ── What must not be written over ───────────────────────────────────────────────────────────────────── */

static bool same_file(const struct stat *a, const char *path)
{
    struct stat b;
    return path && stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

static bool is_input(const Cli *cli, const struct stat *output)
{
    struct stat standard; /* a file that is piped in as a picture, a tensor or a list */
    bool is_standard_input =
        fstat(STDIN_FILENO, &standard) == 0 && standard.st_dev == output->st_dev && standard.st_ino == output->st_ino;
    bool found = is_standard_input || same_file(output, cli->weights) || same_file(output, cli->files_from) ||
                 same_file(output, "/proc/self/exe");
    for (int64_t i = 0; i < cli->n_pictures; i++)
        found |= same_file(output, cli->pictures[i]);
    for (int64_t i = 0; i < cli->n_inputs; i++)
        found |= same_file(output, cli->inputs[i].file);
    return found;
}

/* The folder that a path is in, and what it is called there. */
static const char *split(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return slash ? slash + 1 : path;
}

/* Whether both would be the same file, be it there or not. */
static bool same_place(const char *a, const char *b)
{
    char a_folder[PATH_MAX], b_folder[PATH_MAX];
    struct stat info;
    bool same_name = strcmp(split(a, a_folder), split(b, b_folder)) == 0;
    return strcmp(a, b) == 0 || (same_name && stat(a_folder, &info) == 0 && same_file(&info, b_folder));
}

/* What a kind of file begins with. */
typedef struct Kind {
    const char *name, *start;
} Kind;

static const Kind npy = {"a .npy file", "\x93NUMPY"}, png = {"a PNG file", "\x89PNG"}, trace = {"a trace", "{\"traceE"};

/* Empty, or of the kind already. */
static bool is_replaceable(const char *path, Kind kind)
{
    char start[8];
    FILE *file = fopen(path, "rbe");
    size_t n = file ? fread(start, 1, sizeof start, file) : 0, length = strlen(kind.start);
    if (file)
        fclose(file);
    return file && (n == 0 || (n >= length && memcmp(start, kind.start, length) == 0));
}

/* It belongs to the .npy file; without one it is a stranger's. */
bool output_paths_file(Cli *cli, const char *path, char *text, size_t size)
{
    struct stat info;
    snprintf(text, size, "%s.paths.txt", path);
    if (stat(text, &info) != 0 || (access(path, F_OK) == 0 && !is_input(cli, &info)))
        return true;
    return cli_error(cli, CLI_RESOURCE, text, "cannot write: it is there already");
}

static bool check(Cli *cli, const char *path, Kind kind)
{
    struct stat info;
    if (!path || is_standard(path) || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return true;
    if (is_input(cli, &info))
        return cli_error(cli, CLI_RESOURCE, path, "cannot write: it is an input, too");
    return is_replaceable(path, kind) || cli_error(cli, CLI_RESOURCE, path, "cannot write: it is there and not %s", kind.name);
}

enum { DUMPED, MASK, OVERLAY, TRACE, N_SINGLE };

/* All files that are written, one after the other; NULL among them: not asked for. */
static const char *file_at(const Cli *cli, int64_t i)
{
    const char *const single[] = {
        [DUMPED] = cli->dump_pixels, [MASK] = cli->mask, [OVERLAY] = cli->overlay, [TRACE] = cli->trace};
    return i < N_SINGLE ? single[i] : cli->outputs[i - N_SINGLE].file;
}

static bool named_once(Cli *cli, int64_t i)
{
    const char *path = file_at(cli, i);
    for (int64_t j = 0; path && output_is_file(path) && j < i; j++)
        if (file_at(cli, j) && same_place(file_at(cli, j), path))
            return cli_error(cli, CLI_USAGE, path, "named for two outputs");
    return true;
}

static Kind kind_at(int64_t i) { return i == MASK || i == OVERLAY ? png : i == TRACE ? trace : npy; }

bool outputs_check(Cli *cli)
{
    for (int64_t i = 0; i < N_SINGLE + cli->n_outputs; i++)
        if (!named_once(cli, i) || !check(cli, file_at(cli, i), kind_at(i)))
            return false;
    return true;
}

/* ── Writing ─────────────────────────────────────────────────────────────────────────────────────────── */

/* A new file beside path, remembered until commit or discard; NULL: errno says why. */
static FILE *open_temporary(const char *path)
{
    if (n_pending == 0)
        signals_catch(remove_all);
    Pending *entry = n_pending < MAX_PENDING ? malloc(sizeof *entry) : NULL;
    if (!entry) {
        errno = ENOMEM;
        return NULL;
    }
    snprintf(entry->path, sizeof entry->path, "%s", path);
    int n = snprintf(entry->temporary, sizeof entry->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (n >= (int)sizeof entry->temporary)
        errno = ENAMETOOLONG;
    int fd = n < (int)sizeof entry->temporary ? open(entry->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    if (fd < 0) {
        free(entry);
        return NULL;
    }
    pending[n_pending] = entry;
    n_pending = n_pending + 1;
    FILE *file = fdopen(fd, "wb");
    if (!file)
        close(fd);
    return file;
}

FILE *output_open(const char *path)
{
    if (is_standard(path))
        return stdout;
    FILE *file = in_place(path) ? fopen(path, "wbe") : open_temporary(path);
    assert(file != stdout); /* which output_close leaves open */
    return file;
}

bool output_close(Cli *cli, const char *path, FILE *out, bool ok)
{
    int error = errno;
    if (out && (out == stdout ? fflush(out) : fclose(out)) != 0 && ok) {
        error = errno;
        ok = false;
    }
    return (out && ok) || cli_error(cli, CLI_RESOURCE, path, "cannot write: %s", strerror(error));
}

bool output_write(Cli *cli, const char *path, int64_t dtype, int64_t rank, const int64_t *dims, const void *data, size_t bytes)
{
    errno = 0;
    FILE *out = output_open(path);
    bool ok = out && npy_write(out, dtype, rank, dims, data, bytes);
    return output_close(cli, path, out, ok);
}

bool output_write_bytes(Cli *cli, const char *path, const void *data, size_t bytes)
{
    errno = 0;
    FILE *out = output_open(path);
    return output_close(cli, path, out, out && fwrite(data, 1, bytes, out) == bytes);
}

bool outputs_commit(Cli *cli)
{
    bool ok = true;
    for (int i = 0; ok && i < n_pending; i++) {
        ok = rename(pending[i]->temporary, pending[i]->path) == 0;
        if (!ok)
            cli_error(cli, CLI_RESOURCE, pending[i]->path, "cannot write: %s", strerror(errno));
        for (int before = 0; !ok && before < i; before++)
            unlink(pending[before]->path);
    }
    outputs_discard(); /* what was renamed is no longer there to remove */
    return ok;
}
