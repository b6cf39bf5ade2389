/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Albums: pictures in folders that are named by what they show. */
#ifndef CNXC_REPORT_ALBUM_H
#define CNXC_REPORT_ALBUM_H

#include "ir/base/diag.h"
#include "ir/base/str.h"

typedef struct Picture {
    const char *path;
    int64_t class; /* of its folder */
} Picture;

typedef struct Album {
    Arena *arena;              /* set by the caller, as diag and the labels are */
    Diag *diag;
    const char *const *labels; /* of the model's classes */
    int64_t n_labels;
    VEC(Picture) pictures;     /* sorted by folder, then by name */
    StrMap by_label;           /* → the first of the labels that reads so */
} Album;

bool album_read(Album *album, const char *dir); /* false after a diagnostic */
int64_t album_label(const Album *album, const char *label); /* the first class of this label; -1: none */

#endif
