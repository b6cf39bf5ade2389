/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Status: in words; and while there is no context yet to keep the reason of a failure, its thread does.
 *
 * In a library that was opened by dlopen, a thread's first look at such a variable allocates it, and the C library ends the process
 * where that fails. So success never looks, nor does who has run out of memory. */
#include "runtime/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *cnxrt_status_text(cnxrt_status status)
{
    switch (status) {
    case CNXRT_OK: return "no error";
    case CNXRT_ERROR_ARGUMENT: return "an argument is NULL or out of range";
    case CNXRT_ERROR_ALIGNMENT: return "a buffer is misaligned";
    case CNXRT_ERROR_OVERLAP: return "an output overlaps another buffer";
    case CNXRT_ERROR_BUSY: return "the context is in use by another thread";
    case CNXRT_ERROR_CPU: return "this processor lacks instructions that the model was compiled for";
    case CNXRT_ERROR_MEMORY: return "out of memory";
    case CNXRT_ERROR_THREADS: return "a thread could not be started";
    case CNXRT_ERROR_FILE: return "a file cannot be read";
    case CNXRT_ERROR_WEIGHTS_FORMAT: return "not a weights file, or cut short";
    case CNXRT_ERROR_WEIGHTS_MODEL: return "the weights belong to another model, precision or packing";
    case CNXRT_ERROR_WEIGHTS_DAMAGED: return "the weights are damaged: their checksum is wrong";
    case CNXRT_ERROR_IMAGE: return "not a picture, or a damaged one";
    case CNXRT_ERROR_UNSUPPORTED: return "valid, but not supported by this model";
    case CNXRT_ERROR_FORK: return "the context has threads that fork left behind; create one in the child";
    }
    return "unknown status";
}

static _Thread_local char reason[512];

cnxrt_status create_fail(cnxrt_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return status;
}

const char *cnxrt_last_error(void) { return reason; }
