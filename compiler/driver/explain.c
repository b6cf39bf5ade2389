/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc explain: one value's story (report/explain.c). */
#include "compiler/driver/driver.h"
#include "compiler/report/explain.h"

#include <string.h>

ExitCode subcommand_explain(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = options_build(driver);
    if (strcmp(build.options.input, "-") == 0) {
        usage_error(driver, "explain reads MODEL more than once, so it can't be standard input");
        return EXIT_USAGE;
    }
    if (!options_choose_cpus(driver, &build))
        return driver_exit_code(driver);
    Explain explain = {.build = build,
                       .fresh = build,
                       .name = o->arguments.at[1],
                       .measures = o->error,
                       .verify = {.reference = build, .compiled = build, .seed = 1},
                       .json = o->json};
    explain_run(&explain);
    return driver_exit_code(driver);
}
