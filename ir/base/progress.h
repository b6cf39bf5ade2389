/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* How far long work is, for who watches a terminal. */
#ifndef CNXC_IR_BASE_PROGRESS_H
#define CNXC_IR_BASE_PROGRESS_H

#include <stdbool.h>

void progress_watch(bool watched); /* is there anyone? Nobody by default */

/* Work that may be part of other work, whose name stays. what: a word, for the life of the work. */
void progress_begin(const char *what);
void progress_end(void);

/* The part of it that is done, 0 … 1; less than 0: not known. The rest says what is done now. */
void progress_show(double part, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Between them, what others show is dropped: of work of which the caller shows all. */
void progress_hold(void);
void progress_release(void);

#endif
