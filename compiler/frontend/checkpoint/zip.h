/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* ZIP archives whose entries are stored, not compressed: what torch.save writes. Entries stay in the mapped file. */
#ifndef CNXC_FRONTEND_CHECKPOINT_ZIP_H
#define CNXC_FRONTEND_CHECKPOINT_ZIP_H

#include "compiler/frontend/input/external.h"

typedef struct ZipEntry {
    const char *name;
    int64_t offset, length; /* its bytes in the file, checked */
} ZipEntry;

typedef struct Zip {
    VEC(ZipEntry *) entries; /* in the directory's order */
    StrMap by_name;          /* → ZipEntry */
} Zip;

/* NULL after a diagnostic. */
Zip *zip_open(const ExternalFile *file, const Source *source, Arena *arena, Diag *diag);

#endif
