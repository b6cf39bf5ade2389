/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The first bytes of a file, which tell what an argument is. */
#ifndef CNXC_REPORT_START_H
#define CNXC_REPORT_START_H

#include "ir/base/diag.h"

#include <sys/types.h>

/* Reads up to `room` bytes of a regular file. 0: there are none, and whoever reads all of it will say why; -1 after a diagnostic. */
ssize_t start_read(const char *path, void *start, size_t room, Diag *diag);

#endif
