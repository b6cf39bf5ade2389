/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc run: compile to the cache, then become the compiled program with its words.
 *
 *   cnxc run model/ -k 1 cat.jpg -O2   ≡   cnxc compile model/ -O2 -o CACHED && CACHED -k 1 cat.jpg */
#include "compiler/build/cache.h"
#include "compiler/build/process.h"
#include "compiler/driver/driver.h"

ExitCode subcommand_run(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = options_build(driver);
    const char *program = options_choose_cpus(driver, &build) ? cache_artifact(&build, ARTIFACT_EXE) : NULL;
    if (!program)
        return driver_exit_code(driver);
    const char **arguments = NEW_ARRAY(driver->arena, const char *, o->forwarded.len + 2);
    arguments[0] = arena_printf(driver->arena, "cnxc run %s", build.options.input); /* as which its help and messages speak */
    for (int64_t i = 0; i < o->forwarded.len; i++)
        arguments[i + 1] = o->forwarded.at[i];
    process_become(program, arguments, &driver->diag);
    return driver_exit_code(driver);
}
