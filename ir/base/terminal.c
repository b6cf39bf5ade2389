/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Terminal: a line that shows how far something is goes back to its start and is written anew,
 *
 *   \r12 of 40 pictures, 0:07 left      and then spaces over what the line before had more
 *
 * without an escape sequence, so that NO_COLOR and plain terminals need no other line. It never fills the last column: what
 * wraps can't be taken back. TERM=dumb gets none. */
#include "ir/base/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 40, LONGEST = 400 };

int terminal_width(int fd, int otherwise)
{
    struct winsize size = {0};
    const char *said = getenv("COLUMNS");
    int columns = said ? atoi(said) : 0;
    if (columns <= 0 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0)
        columns = size.ws_col;
    if (columns <= 0)
        return otherwise;
    return columns < NARROWEST ? NARROWEST : columns;
}

bool terminal_redraws(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_takes_color(int fd)
{
    const char *no = getenv("NO_COLOR");
    return terminal_redraws(fd) && !(no && *no);
}

static int drawn; /* columns of the line that is there */

/* Cuts text to so many characters of UTF-8, and counts them. */
static int cut(char *text, int most)
{
    int columns = 0;
    char *at = text;
    for (; *at && (columns < most || (*at & 0xc0) == 0x80); at++)
        columns += (*at & 0xc0) != 0x80;
    *at = 0;
    return columns;
}

void terminal_draw(const char *format, ...)
{
    char text[LONGEST];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int columns = cut(text, terminal_width(STDERR_FILENO, 80) - 1);
    fprintf(stderr, "\r%s%*s", text, columns < drawn ? drawn - columns : 0, "");
    fflush(stderr);
    drawn = columns > drawn ? columns : drawn;
}

void terminal_clear(void)
{
    if (drawn)
        fprintf(stderr, "\r%*s\r", drawn, "");
    drawn = 0;
}

const char *time_left(char text[TIME_LEFT_TEXT], double seconds)
{
    long long left = seconds > 0 ? (long long)(seconds + 0.5) : 0;
    if (left < 3600)
        snprintf(text, TIME_LEFT_TEXT, "%lld:%02lld left", left / 60, left % 60);
    else
        snprintf(text, TIME_LEFT_TEXT, "%lld:%02lld:%02lld left", left / 3600, left / 60 % 60, left % 60);
    return text;
}
