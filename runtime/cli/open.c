/* Opening the model: on how many threads, and what keeps it from running. */
#include "runtime/cli/cli.h"
#include "runtime/cpu.h"
#include "runtime/internal.h"

#include <math.h>

/* All processors allowed, but no more than have something to do: below some 0.3 ms of work (at 100 GFLOP/s) a thread
 * costs more in waking and waiting than it gives. */
static int64_t default_threads(void)
{
    const CnxrtVariant *variant = cpu_variant(&compiled_model);
    double useful = 1 + floor((variant ? variant_flops(variant, 1) : 0) / 30e6);
    int64_t most = allowed_cpus() < CNXRT_MAX_THREADS ? allowed_cpus() : CNXRT_MAX_THREADS;
    return useful < (double)most ? (int64_t)useful : most;
}

bool cli_open(Cli *cli, int64_t n_threads)
{
    if (n_threads == 0)
        n_threads = default_threads();
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = n_threads, .weights_path = cli->weights};
    cnxrt_status status = cnxrt_create(&options, &cli->model);
    if (status != CNXRT_OK) {
        bool weights = status >= CNXRT_ERROR_FILE && status <= CNXRT_ERROR_WEIGHTS_DAMAGED;
        const char *file = cli->weights ? cli->weights : compiled_model.weights_file;
        if (status == CNXRT_ERROR_FILE)
            return cli_error(cli, CLI_RESOURCE, file, "the weights cannot be read%s",
                             cli->weights ? "" : "; they belong beside the program, or --weights FILE names their place");
        return cli_fail(cli, status, weights ? file : NULL);
    }
    status = cnxrt_context_create(cli->model, NULL, 0, &cli->context);
    return status == CNXRT_OK || cli_fail(cli, status, NULL);
}

void cli_close(Cli *cli)
{
    cnxrt_context_destroy(cli->context);
    cnxrt_destroy(cli->model);
    cli->context = NULL;
    cli->model = NULL;
}
