/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Source: pictures named on the command line, in folders and in a list.
 *
 *   ./tiny cat.jpg photos/ --files-from=-      cat.jpg, then what is in photos, then the lines of standard input
 *
 * Nothing is read ahead: a path from a pipe is answered before the next one is there. Empty lines are skipped. A folder or a
 * list that can't be read takes the place of its pictures, with the reason. */
#include "runtime/cli/source.h"
#include "runtime/cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_standard(const char *path) { return strcmp(path, "-") == 0; }

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int64_t source_count(const Cli *cli)
{
    if (cli->files_from)
        return -1;
    for (int64_t i = 0; i < cli->n_pictures; i++)
        if (is_folder(cli->pictures[i]))
            return -1;
    return cli->n_pictures;
}

int source_open(Source *source, const Cli *cli)
{
    *source = (Source){.cli = cli, .list = -1};
    if (!cli->files_from)
        return 0;
    source->list = is_standard(cli->files_from) ? STDIN_FILENO : open(cli->files_from, O_RDONLY | O_CLOEXEC);
    return source->list < 0 ? errno : 0;
}

static void source_close_list(Source *source)
{
    if (source->list > STDIN_FILENO)
        close(source->list);
    source->list = -1;
}

void source_close(Source *source)
{
    walk_free(source->walk);
    source_close_list(source);
}

/* ── The list ────────────────────────────────────────────────────────────────────────────────────────── */

/* More of the list behind what is left; false at its end. */
static bool read_more(Source *source)
{
    size_t left = source->end - source->begin;
    memmove(source->bytes, source->bytes + source->begin, left);
    source->begin = 0;
    source->end = left;
    ssize_t n;
    do
        n = signals_wait(source->list) ? read(source->list, source->bytes + left, sizeof source->bytes - 1 - left) : 0;
    while (n < 0 && errno == EINTR);
    source->list_error = n < 0 ? errno : 0;
    source->end += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Lines end with a newline, or with NUL as find -print0 ends them. */
static char *find_end(char *line, size_t left)
{
    char *newline = memchr(line, '\n', left), *nul = memchr(line, 0, newline ? (size_t)(newline - line) : left);
    return nul ? nul : newline;
}

/* The next line, without its end; NULL at the list's end. What fills the buffer without an end is taken as a line. */
static const char *next_line(Source *source)
{
    for (;;) {
        char *line = source->bytes + source->begin;
        size_t left = source->end - source->begin;
        char *end = find_end(line, left);
        if (!end && left < sizeof source->bytes - 1 && !source->list_error && read_more(source))
            continue;
        if (!end && (signals_asked() || source->begin == source->end))
            return NULL;
        line = source->bytes + source->begin; /* read_more moves it */
        source->begin = end ? (size_t)(end + 1 - source->bytes) : source->end;
        source->bytes[end ? source->begin - 1 : source->end] = 0;
        return line;
    }
}

static bool next_listed(Source *source, Found *found)
{
    const char *line;
    while ((line = next_line(source)) && !*line)
        ;
    if (line) {
        *found = (Found){line, strlen(line) < PATH_MAX ? 0 : ENAMETOOLONG, false};
        return true;
    }
    *found = (Found){source->cli->files_from, source->list_error, false};
    source_close_list(source);
    return found->error != 0;
}

/* ── All ─────────────────────────────────────────────────────────────────────────────────────────────── */

static bool next_named(Source *source, Found *found)
{
    if (source->argument == source->cli->n_pictures)
        return source->list >= 0 && next_listed(source, found);
    const char *path = source->cli->pictures[source->argument++];
    *found = (Found){path, 0, is_standard(path)};
    return true;
}

static bool next_walked(Source *source, Found *found)
{
    int error = 0;
    const char *path = source->walk ? walk_next(source->walk, &error) : NULL;
    *found = (Found){path, error, false};
    if (path)
        return true;
    walk_free(source->walk);
    source->walk = NULL;
    return false;
}

bool source_next(Source *source, Found *found)
{
    while (!signals_asked()) {
        if (next_walked(source, found))
            return true;
        if (!next_named(source, found))
            return false;
        if (found->error || found->standard || !is_folder(found->path))
            return true;
        source->walk = walk_new(found->path);
        if (!source->walk) {
            found->error = ENOMEM;
            return true;
        }
    }
    return false;
}
