/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Progress: a line that is drawn over itself, once an answer is a second away from the start.
 *
 *   1234 of 20000 pictures, 45.2 a second, 6:55 left
 *
 * How many there are in folders is found out by a thread that walks them, too, while the first are answered: without a
 * terminal nobody asks, and nothing is counted. What a pipe will bring is not known. */
#include "runtime/cli/progress.h"
#include "runtime/cli/source.h"

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

static bool is_watched(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
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
    progress->watched = is_watched();
    progress->start = now();
    atomic_store(&progress->total, total);
    if (progress->watched && total < 0 && is_countable(cli))
        progress->counting = pthread_create(&progress->counter, NULL, count, progress) == 0;
}

void progress_clear(Progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}

static void draw(int64_t done, int64_t total, double rate)
{
    int64_t left = (int64_t)((double)(total - done) / rate + 0.5);
    if (total < 0)
        fprintf(stderr, "\r%lld pictures, %.1f a second\033[K", (long long)done, rate);
    else if (left < 3600)
        fprintf(stderr, "\r%lld of %lld pictures, %.1f a second, %lld:%02lld left\033[K", (long long)done, (long long)total, rate,
                (long long)(left / 60), (long long)(left % 60));
    else
        fprintf(stderr, "\r%lld of %lld pictures, %.1f a second, %lld:%02lld:%02lld left\033[K", (long long)done,
                (long long)total, rate, (long long)(left / 3600), (long long)(left / 60 % 60), (long long)(left % 60));
}

void progress_show(Progress *progress, int64_t done)
{
    double time = progress->watched ? now() : 0;
    if (!progress->watched || time - progress->start < first_seconds || done == 0)
        return;
    if (progress->drawn && time - progress->last < between_seconds)
        return;
    draw(done, atomic_load(&progress->total), (double)done / (time - progress->start));
    progress->drawn = true;
    progress->last = time;
}

void progress_end(Progress *progress)
{
    atomic_store(&progress->ended, true);
    if (progress->counting)
        pthread_join(progress->counter, NULL);
    progress_clear(progress);
}
