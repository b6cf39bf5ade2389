/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The folder with the runtime library: lib/cnxc beside the compiler's own bin, in a build tree as when installed; for
 * another system the folder in it that is named after the system.
 *
 *   PREFIX/bin/cnxc, PREFIX/lib/cnxc/libcnxrt.a, PREFIX/lib/cnxc/api.h, PREFIX/lib/cnxc/aarch64-linux-gnu/libcnxrt.a … */
#include "compiler/build/resource.h"
#include "ir/base/installed.h"

#include <unistd.h>

static void report_missing(const System *system, const char *dir, Arena *arena, Diag *diag)
{
    const char *install = system_install(system, arena);
    if (install)
        diag_resource(diag, NO_SPAN, "cnxc was built without its runtime library for %s: %s, then build cnxc again", system->name,
                      install);
    else
        diag_resource(diag, NO_SPAN,
                      "the runtime library '%s/libcnxrt.a' is missing: the installation is "
                      "incomplete",
                      dir);
}

const char *resource_dir(const System *system, Arena *arena, Diag *diag)
{
    const char *dir = installed_dir(arena);
    if (system != system_host())
        dir = arena_printf(arena, "%s/%s", dir, system->name);
    if (access(arena_printf(arena, "%s/libcnxrt.a", dir), R_OK) == 0)
        return dir;
    report_missing(system, dir, arena, diag);
    return NULL;
}
