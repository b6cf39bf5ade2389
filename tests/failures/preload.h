/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Allocations that fail on demand (preload.c), for programs that are linked to it. */
#ifndef CNXC_TESTS_FAILURES_PRELOAD_H
#define CNXC_TESTS_FAILURES_PRELOAD_H

/* From now on allocations are counted, and the at-th fails; 0: none. */
void failures_begin(long long at);
long long failures_end(void);  /* no longer; how many there were */
long long failures_live(void); /* blocks that are allocated and not freed */

#endif
