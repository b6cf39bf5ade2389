/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Temporary folders: made, locked, removed; and those that a killed process left. */
#ifndef CNXC_BUILD_FOLDER_H
#define CNXC_BUILD_FOLDER_H

#include <limits.h>
#include <stdbool.h>

typedef struct Folder {
    char path[PATH_MAX]; /* "": none */
    int dir, lock;       /* the folder and the locked file in it, both open, so that removing needs to open nothing */
} Folder;

/* Makes "PARENT/.cnxc-XXXXXX". False: errno says why. */
bool folder_make(Folder *folder, const char *parent);

/* Removes the folder and all that is in it, if there is one. A signal handler may call this. */
void folder_remove(Folder *folder);

/* Removes those in `parent` that this user's processes have left behind. */
void folder_sweep(const char *parent);

#endif
