/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The folder of the program's parts, in a build tree as when installed, and in no place that was known before:
 *
 *   /usr/bin/cnxc → ../../opt/cnxc/bin/cnxc   →   /opt/cnxc/lib/cnxc */
#define _GNU_SOURCE /* program_invocation_name */
#include "ir/base/installed.h"
#include "ir/base/path.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

const char *installed_dir(Arena *arena)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    const char *bin = path_directory(arena, length > 0 ? program : program_invocation_name);
    return arena_printf(arena, "%s/lib/cnxc", path_directory(arena, bin));
}
