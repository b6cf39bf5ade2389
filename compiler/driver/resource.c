/* The folder with the runtime library: lib/cnxc beside the compiler's own bin, in a build tree as when installed; for
 * another system the folder in it that is named after the system.
 *
 *   PREFIX/bin/cnxc, PREFIX/lib/cnxc/libcnxrt.a, PREFIX/lib/cnxc/api.h, PREFIX/lib/cnxc/aarch64-linux-gnu/libcnxrt.a … */
#include "compiler/driver/build.h"
#include "compiler/driver/output.h"

#include <limits.h>
#include <unistd.h>

static void report_missing(Driver *driver, const char *dir)
{
    const char *install = system_install(driver->options.system, driver->arena);
    if (install)
        diag_resource(&driver->diag, NO_SPAN, "cnxc was built without its runtime library for %s: %s, then build cnxc again",
                      driver->options.system->name, install);
    else
        diag_resource(&driver->diag, NO_SPAN,
                      "the runtime library '%s/libcnxrt.a' is missing: the installation is "
                      "incomplete",
                      dir);
}

const char *resource_dir(Driver *driver)
{
    const System *system = driver->options.system;
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    const char *bin = path_directory(driver->arena, length > 0 ? program : driver->program);
    const char *dir = arena_printf(driver->arena, "%s/lib/cnxc", path_directory(driver->arena, bin));
    if (system != system_host())
        dir = arena_printf(driver->arena, "%s/%s", dir, system->name);
    if (access(arena_printf(driver->arena, "%s/libcnxrt.a", dir), R_OK) == 0)
        return dir;
    report_missing(driver, dir);
    return NULL;
}
