/* cnxc verify: compiled code against the reference interpreter, on random inputs (report/verify.c). */
#include "compiler/driver/driver.h"
#include "compiler/report/verify.h"

#include <string.h>

ExitCode subcommand_verify(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = options_build(driver);
    if (strcmp(build.options.input, "-") == 0) {
        usage_error(driver, "verify reads MODEL twice, so it can't be standard input");
        return EXIT_USAGE;
    }
    if (!options_choose_cpus(driver, &build))
        return driver_exit_code(driver);
    Verify v = {
        .reference = build, .compiled = build, .per_node = o->per_node, .runner = o->runner, .seed = o->seed ? o->seed : 1};
    if (!verify_run(&v))
        return driver_exit_code(driver);
    (o->json ? verify_print_json : verify_print)(&v);
    return verify_ok(&v) ? EXIT_OK : EXIT_BUG;
}
