/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Child: a process that this process runs and waits for, and takes with it when it is ended. */
#ifndef CNXC_IR_BASE_CHILD_H
#define CNXC_IR_BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

enum { MOST_CHILDREN = 2 }; /* at a time */

enum { CHILD_INPUT = 1, CHILD_OUTPUT = 2 }; /* which of its streams are pipes to us */

typedef struct Child {
    pid_t pid;
    int input;  /* where its standard input can be written; -1: it is ours */
    int output; /* where its standard output can be read; -1: it goes where ours goes */
} Child;

/* Starts words[0], found by PATH, with the NULL-terminated arguments `words`. Returns 0 or an errno value. */
int child_start(char *const *words, int pipes, Child *child);

/* Likewise a copy of this process, with signals as a program of its own has them: it ends with the exit code that body returns,
 * and runs nothing else of ours. Its standard output is ours. */
int child_fork(int (*body)(const void *context), const void *context, Child *child);

/* Closes its pipes and waits for the child's end; its status is as from waitpid. False: errno says why. */
bool child_wait(Child *child, int *status);

/* Ends the running children and all that they started, and waits until they are gone. A signal handler may call this. */
void child_end(void);

#endif
