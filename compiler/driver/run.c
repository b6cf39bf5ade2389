/* cnxc run: compile to the cache, then become the compiled program with the remaining arguments.
 *
 *   cnxc run model/ -k 1 cat.jpg   ≡   cnxc compile model/ -o CACHED && CACHED -k 1 cat.jpg */
#include "compiler/driver/cache.h"
#include "compiler/driver/process.h"

ExitCode subcommand_run(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = {.driver = driver, .input = o->arguments.at[0]};
    const char *program = cache_executable(&build);
    if (!program)
        return driver_exit_code(driver);
    const char **arguments = NEW_ARRAY(driver->arena, const char *, o->arguments.len + 1);
    arguments[0] = arena_printf(driver->arena, "cnxc run %s", build.input); /* as which its help and messages speak */
    for (int64_t i = 1; i < o->arguments.len; i++)
        arguments[i] = o->arguments.at[i];
    process_become(driver, program, arguments);
    return driver_exit_code(driver);
}
