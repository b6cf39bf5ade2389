/* Temporary folders: made, locked, removed; and those that a killed process left. */
#ifndef CNXC_BUILD_FOLDER_H
#define CNXC_BUILD_FOLDER_H

#include <stdbool.h>

/* Makes "PARENT/.cnxc-XXXXXX", path, and a locked file in it that *lock holds open. False: errno says why. */
bool folder_make(char *path, int *lock);

/* Removes the folder and all files in it. A signal handler may call this. */
void folder_remove(const char *path);

/* Removes those in `parent` that this user's processes have left behind. */
void folder_sweep(const char *parent);

#endif
