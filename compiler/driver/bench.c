/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc bench: time per image, and how much of this machine's peak that is (report/bench.c). */
#include "compiler/build/cache.h"
#include "compiler/driver/driver.h"
#include "compiler/report/bench.h"
#include "compiler/report/json.h"
#include "ir/base/parallel.h"

ExitCode subcommand_bench(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = options_build(driver);
    const char *program = options_choose_cpus(driver, &build) ? cache_artifact(&build, ARTIFACT_EXE) : NULL;
    int64_t threads = o->threads ? o->threads : parallel_cores();
    json_t *answer = program ? bench_measure(&build, program, threads, o->per_op) : NULL;
    if (!answer)
        return driver_exit_code(driver);
    if (o->json) {
        json_print(answer, 9);
    } else {
        bench_print(answer);
        json_decref(answer);
    }
    return EXIT_OK;
}
