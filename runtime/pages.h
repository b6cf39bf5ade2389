/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Memory that runs read and write: see pages.c. */
#ifndef CNXRT_PAGES_H
#define CNXRT_PAGES_H

#include <stddef.h>

/* At least so many bytes, not zeroed, aligned as a workspace has to be; the caller's to free(). NULL: out of memory. */
void *pages_new(size_t bytes);

#endif
