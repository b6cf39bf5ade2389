/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Progress: one line on a terminal, once work has taken a second.
 *
 *   cnxc: eval: 640 of 1000 pictures, 0:07 left
 *
 * Commands are made of one another: a search compiles, which calibrates, which runs pictures. The outermost gives the line its
 * name, and whoever knows best how far it is holds the others back. The time left goes by the part that was done since parts began
 * to grow: where one is less than the one before, other work has begun. */
#include "ir/base/progress.h"
#include "ir/base/clock.h"
#include "ir/base/terminal.h"

#include <stdarg.h>
#include <stdio.h>

static const double FIRST_SECONDS = 1, BETWEEN_SECONDS = 0.2;

static bool is_watched;
static int depth, held;              /* of work within work; of holds */
static const char *name;             /* of the outermost */
static double start, drawn;          /* seconds: of the work; when the line was drawn */
static double since, first, reached; /* of parts that grow: seconds, the first part and the last */

void progress_watch(bool watched) { is_watched = watched; }

void progress_begin(const char *what)
{
    if (depth++)
        return;
    name = what;
    start = clock_seconds();
    drawn = 0;
    reached = -1;
}

void progress_end(void)
{
    if (--depth == 0)
        terminal_clear();
}

void progress_hold(void) { held++; }

void progress_release(void) { held--; }

static void note_part(double part, double now)
{
    if (part < reached || reached < 0) {
        since = now;
        first = part;
    }
    reached = part;
}

void progress_show(double part, const char *format, ...)
{
    if (!is_watched || !depth || held)
        return;
    double now = clock_seconds();
    note_part(part, now);
    if (now - start < FIRST_SECONDS || now - drawn < BETWEEN_SECONDS)
        return;
    char text[200], left[TIME_LEFT_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    drawn = now;
    if (first >= 0 && part > first)
        terminal_draw("cnxc: %s: %s, %s", name, text, time_left(left, (now - since) * (1 - part) / (part - first)));
    else
        terminal_draw("cnxc: %s: %s", name, text);
}
