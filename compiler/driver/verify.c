/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc verify: compiled code against the reference interpreter, on random inputs (report/verify.c). */
#include "compiler/driver/driver.h"
#include "compiler/report/verify.h"
#include "ir/base/progress.h"

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
    if (o->per_node && o->per_op) {
        usage_error(driver, "--per-node compares the graph as it was read, --per-op the optimised one; choose one of them");
        return EXIT_USAGE;
    }
    Verify v = {.reference = o->per_op ? options_build_in(driver, "f32") : build,
                .compiled = build,
                .per_node = o->per_node,
                .per_op = o->per_op,
                .runner = o->runner,
                .seed = o->seed ? o->seed : 1};
    progress_begin("verify");
    bool ran = verify_run(&v);
    progress_end();
    if (!ran)
        return driver_exit_code(driver);
    (o->json ? verify_print_json : verify_print)(&v);
    return verify_ok(&v) ? EXIT_OK : EXIT_BUG;
}
