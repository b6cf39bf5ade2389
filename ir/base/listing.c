/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Folders: the names in them, in an order that no file system chooses. */
#include "ir/base/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

bool listing_read(const char *dir, Arena *arena, StrList *names)
{
    DIR *stream = opendir(dir);
    if (!stream)
        return false;
    for (struct dirent *entry; errno = 0, (entry = readdir(stream));) /* which leaves it so at the end */
        if (entry->d_name[0] != '.')
            vec_push(arena, names, arena_strdup(arena, entry->d_name));
    int error = errno;
    closedir(stream);
    errno = error;
    if (error)
        return false;
    if (names->len)
        qsort(names->at, (size_t)names->len, sizeof *names->at, by_name);
    return true;
}

bool path_is_dir(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}
