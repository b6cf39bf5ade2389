/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc info: what a model is, what it costs, and what the compiler makes of it (report/info.c). */
#include "compiler/driver/driver.h"
#include "compiler/report/info.h"

ExitCode subcommand_info(Driver *driver)
{
    Build build = options_build(driver);
    if (!options_choose_cpus(driver, &build) || !build_load(&build))
        return driver_exit_code(driver);
    Layers layers = layers_of(build.model->graph);
    if (!build_program(&build))
        return driver_exit_code(driver);
    (driver->options.json ? info_print_json : info_print)(&build, &layers);
    return EXIT_OK;
}
