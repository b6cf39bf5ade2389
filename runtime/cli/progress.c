/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Progress: a line that is drawn over itself, once an answer is a second away from the start.
 *
 *   1234 of 20000 pictures, 45.2 a second, 6:55 left
 *
 * How many there are in folders is found out by a thread that walks them, too, while the first are answered: without a
 * terminal nobody asks, and nothing is counted. What a pipe will bring is not known. */
#include "runtime/cli/progress.h"
#include "runtime/cli/source.h"
#include "ir/base/terminal.h"
#include "ir/base/words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double first_seconds = 1, between_seconds = 0.2;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A list can be read a second time where it is a file. */
static bool is_countable(const Cli *cli)
{
    struct stat info;
    return !cli->files_from || (strcmp(cli->files_from, "-") != 0 && stat(cli->files_from, &info) == 0 && S_ISREG(info.st_mode));
}

static void *count(void *argument)
{
    Progress *progress = argument;
    Source *source = malloc(sizeof *source);
    Found found;
    long long n = 0;
    if (source && source_open(source, progress->cli) == 0) {
        while (!atomic_load(&progress->ended) && source_next(source, &found))
            n++;
        source_close(source);
        atomic_store(&progress->total, n);
    }
    free(source);
    return NULL;
}

void progress_begin(Progress *progress, const Cli *cli, int64_t total)
{
    progress->cli = cli;
    progress->watched = terminal_redraws(STDERR_FILENO);
    progress->start = now();
    atomic_store(&progress->total, total);
    if (progress->watched && total < 0 && is_countable(cli))
        progress->counting = pthread_create(&progress->counter, NULL, count, progress) == 0;
}

static void draw(int64_t done, int64_t total, double rate)
{
    char left[TIME_LEFT_TEXT];
    if (total < 0)
        terminal_draw("%lld %s, %.1f a second", (long long)done, COUNTED(done, "picture"), rate);
    else
        terminal_draw("%lld of %lld %s, %.1f a second, %s", (long long)done, (long long)total, COUNTED(total, "picture"), rate,
                      time_left(left, (double)(total - done) / rate));
}

void progress_show(Progress *progress, int64_t done)
{
    double time = progress->watched ? now() : 0;
    if (!progress->watched || time - progress->start < first_seconds || done == 0)
        return;
    if (time - progress->last < between_seconds)
        return;
    draw(done, atomic_load(&progress->total), (double)done / (time - progress->start));
    progress->last = time;
}

void progress_end(Progress *progress)
{
    atomic_store(&progress->ended, true);
    if (progress->counting)
        pthread_join(progress->counter, NULL);
    terminal_clear();
}
