/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pipeline: any number of pictures, as many at a time as there are threads, answered in their order. */
#ifndef CNXRT_CLI_PIPELINE_H
#define CNXRT_CLI_PIPELINE_H

#include "runtime/cli/cli.h"

/* Whether all that is asked for of the pictures comes picture by picture; a loss, for one, does not. */
bool pipeline_fits(const Cli *cli);

/* Opens the model, too. with_outputs: also what --output names, and answers; else --dump-pixels alone. */
bool pipeline_run(Cli *cli, bool with_outputs);

#endif
