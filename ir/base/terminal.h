/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a terminal takes: its width, colours, and a line that is drawn over itself. The runtime is compiled with this file, too. */
#ifndef CNXC_IR_BASE_TERMINAL_H
#define CNXC_IR_BASE_TERMINAL_H

#include <stdbool.h>

/* Columns of the terminal that the descriptor is: COLUMNS where it is set, at least 40; `otherwise` where it is none. */
int terminal_width(int fd, int otherwise);

bool terminal_takes_color(int fd); /* it is one, and neither NO_COLOR nor TERM=dumb speaks against it */
bool terminal_redraws(int fd); /* it is one that goes back to a line's start */

/* Draws a line on standard error in the place of the one before, as much as fits; terminal_redraws is the caller's to ask. */
void terminal_draw(const char *format, ...) __attribute__((format(printf, 1, 2)));
void terminal_clear(void); /* before anything else is written there; nothing where nothing is drawn */

enum { TIME_LEFT_TEXT = 32 };
/* "0:07 left", "1:02:03 left" */
const char *time_left(char text[TIME_LEFT_TEXT], double seconds);

#endif
