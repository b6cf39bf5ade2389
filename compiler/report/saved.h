/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reports that were written to a file, as JSON or as a page. */
#ifndef CNXC_REPORT_SAVED_H
#define CNXC_REPORT_SAVED_H

#include "ir/base/diag.h"

#include <jansson.h>

bool saved_is_report(const char *path, Diag *diag); /* it begins as no model does; false, too, after a diagnostic */
json_t *saved_read(const char *path, Diag *diag);  /* NULL after a diagnostic; the caller's */

#endif
