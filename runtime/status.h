/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Status: why create or context_create failed, for the thread that called it. */
#ifndef CNXRT_STATUS_H
#define CNXRT_STATUS_H

#include "runtime/api.h"

/* Keeps the sentence and gives the status back: return create_fail(CNXRT_ERROR_…, "…", …). Not for CNXRT_ERROR_MEMORY. */
cnxrt_status create_fail(cnxrt_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
