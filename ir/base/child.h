/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Child: one process at a time that this process runs and waits for, and takes with it when it is ended. */
#ifndef CNXC_IR_BASE_CHILD_H
#define CNXC_IR_BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct Child {
    pid_t pid;
    int output; /* where its standard output can be read; -1: it goes where ours goes */
} Child;

/* Starts words[0], found by PATH, with the NULL-terminated arguments `words`. Returns 0 or an errno value. */
int child_start(char *const *words, bool read_output, Child *child);

/* Likewise a copy of this process, with signals as a program of its own has them: it ends with the exit code that body returns,
 * and runs nothing else of ours. Its standard output is ours. */
int child_fork(int (*body)(const void *context), const void *context, Child *child);

/* Waits for the child's end; its status is as from waitpid. False: errno says why. */
bool child_wait(Child *child, int *status);

/* Ends the running child and all that it started, and waits until they are gone. A signal handler may call this. */
void child_end(void);

#endif
