/* The folder with the runtime library: lib/cnxc beside the compiler's own bin, in a build tree as when installed.
 *
 *   PREFIX/bin/cnxc, PREFIX/lib/cnxc/libcnxrt.a, PREFIX/lib/cnxc/api.h */
#include "compiler/driver/build.h"
#include "compiler/driver/output.h"

#include <limits.h>
#include <unistd.h>

const char *resource_dir(Driver *driver)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    const char *bin = path_directory(driver->arena, length > 0 ? program : driver->program);
    const char *dir = arena_printf(driver->arena, "%s/lib/cnxc", path_directory(driver->arena, bin));
    if (access(arena_printf(driver->arena, "%s/libcnxrt.a", dir), R_OK) == 0)
        return dir;
    diag_resource(&driver->diag, NO_SPAN, "the runtime library '%s/libcnxrt.a' is missing: the installation is "
                  "incomplete", dir);
    return NULL;
}
