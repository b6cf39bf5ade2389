/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Signals: how the executable ends when it is told to. */
#ifndef CNXRT_CLI_SIGNALS_H
#define CNXRT_CLI_SIGNALS_H

#include <stdbool.h>

/* From now on Ctrl-C, SIGTERM, SIGHUP and SIGPIPE end the program after clean, which a handler may call. */
void signals_catch(void (*clean)(void));
/* The first of them only asks for an end, which comes when what was begun is whole; the second ends the program at once. */
void signals_ask_first(void);
bool signals_asked(void);
bool signals_wait(int file); /* until it has something to read; false: a signal asks for the end */
void signals_obey(void);     /* ends the program by the signal that asked, if one did */

#endif
