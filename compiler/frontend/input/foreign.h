/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files that are no models, but are often given for one. */
#ifndef CNXC_FRONTEND_INPUT_FOREIGN_H
#define CNXC_FRONTEND_INPUT_FOREIGN_H

#include "ir/base/diag.h"

typedef struct Foreign {
    const char *what;   /* "an HTML page" */
    const char *advice; /* what to do; NULL: nothing that is not plain */
} Foreign;

/* What it is, by its first bytes; NULL: nothing that is known. A ZIP archive is for those to tell who look into it. */
const Foreign *foreign_kind(const Source *source);

/* "this is an HTML page, expected EXPECTED; …", with whatever it is. Always false. */
bool foreign_refuse(const Source *source, const char *expected, Diag *diag);

/* Says how a model of a hub is fetched, if path, which is not there, may be the name of one: "facebook/convnext-tiny-224". */
void foreign_note_hub(const char *path, Diag *diag);

#endif
