/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What `cnxc explain` says of one value. */
#ifndef CNXC_REPORT_EXPLAIN_H
#define CNXC_REPORT_EXPLAIN_H

#include "compiler/report/verify.h"

typedef struct Explain {
    Build build, fresh; /* of one model, not loaded yet */
    const char *name;   /* of a value or a node, or how its name ends */
    bool measures;      /* its error, however long that takes */
    Verify verify;      /* of that model and no outputs yet */
    bool json;
} Explain;

bool explain_run(Explain *explain); /* to standard output; false after a diagnostic */

#endif
