/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc check: does this model compile? Parses, infers, optimises and schedules it, and writes nothing.
 *
 *   $ cnxc check model.onnx
 *   model.onnx: ok, 214 nodes in 40 regions */
#include "compiler/driver/driver.h"
#include "compiler/frontend/input/pictures.h"
#include "ir/op.h"

static int64_t count_regions(const Graph *graph)
{
    int64_t count = 0;
    FOR_NODES (node, graph)
        count += node->op->kind == OP_Region;
    return count;
}

ExitCode subcommand_check(Driver *driver)
{
    Build build = options_build(driver);
    if (!options_choose_cpus(driver, &build) || !build_load(&build))
        return driver_exit_code(driver);
    int64_t nodes = build.model->graph->n_nodes;
    pictures_read(build.model, &driver->diag);
    if (diag_failed(&driver->diag) || !build_program(&build))
        return driver_exit_code(driver);
    int64_t regions = count_regions(build.model->graph);
    printf("%s: ok, %lld %s in %lld %s%s\n", escaped(build.arena, build.options.input), (long long)nodes, COUNTED(nodes, "node"),
           (long long)regions, COUNTED(regions, "region"),
           build.models.len > 1 ? arena_printf(build.arena, ", at %lld sizes", (long long)build.models.len) : "");
    return driver_exit_code(driver);
}
