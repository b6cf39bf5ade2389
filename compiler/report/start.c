/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* An argument may be a model, a program or a saved report: its first bytes tell, not its name. Where the system fails to read them
 * nothing is known, and to take the file for a model would be a guess that ends in false words.
 *
 *   open: no such file    0, and the frontend says that it is not there
 *   open: EMFILE          -1, "'tiny' can't be read: Too many open files" */
#include "compiler/report/start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a file that is not there, or may not be read, others will say so. */
static bool is_about_files(int error)
{
    return error == ENOENT || error == EACCES || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

ssize_t start_read(const char *path, void *start, size_t room, Diag *diag)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool regular = file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode);
    ssize_t n = regular ? read(file, start, room) : file < 0 && !is_about_files(errno) ? -1 : 0;
    if (n < 0)
        diag_resource(diag, NO_SPAN, "'%s' can't be read: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    return n;
}
