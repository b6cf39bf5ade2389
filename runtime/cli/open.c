/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Opening the model: on how many threads, and what keeps it from running.
 *
 * A file of weights is checked when it is opened. Embedded weights are as large, and a program is started for a single picture:
 * they are checked while that is decoded, and nothing is printed before it is known that they are whole. */
#define _GNU_SOURCE /* MADV_POPULATE_READ */
#include "runtime/cli/cli.h"
#include "runtime/cpu.h"
#include "runtime/internal.h"

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

int64_t cli_most_threads(void)
{
    int64_t allowed = allowed_cpus();
    return allowed < CNXRT_MAX_THREADS ? allowed : CNXRT_MAX_THREADS;
}

/* Below some 0.3 ms of work (at 100 GFLOP/s) a thread costs more in waking and waiting than it gives. */
int64_t cli_useful_threads(int64_t most)
{
    const CnxrtVariant *variant = cpu_variant(&compiled_model);
    double useful = 1 + floor((variant ? variant_flops(variant, 1) : 0) / 30e6);
    return useful < (double)most ? (int64_t)useful : most;
}

/* Files that were written in other pieces lie in other pages, from which the same weights take up to a fifth longer to read: two
 * programs that are compared have them in like memory. */
static cnxrt_status even_out(cnxrt_model *model)
{
    cnxrt_status status = weights_move(&compiled_model, &model->weights);
    for (int64_t i = 1; i < compiled_model.n_sizes; i++)
        model[i].weights = model->weights;
    return status;
}

bool cli_open(Cli *cli, int64_t n_threads)
{
    if (n_threads == 0)
        n_threads = cli_useful_threads(cli_most_threads());
    cnxrt_options options = {
        .struct_size = sizeof options, .n_threads = n_threads, .weights_path = cli->weights, .copy_weights = cli->turns};
    cnxrt_model *model;
    cnxrt_status status = cnxrt_create(&options, &model);
    cli->model = model;
    if (status != CNXRT_OK) {
        bool weights = status >= CNXRT_ERROR_FILE && status <= CNXRT_ERROR_WEIGHTS_DAMAGED;
        const char *file = cli->weights ? cli->weights : compiled_model.weights_file;
        if (status == CNXRT_ERROR_FILE)
            return cli_error(cli, CLI_RESOURCE, file, "the weights cannot be read%s",
                             cli->weights ? "" : "; they belong beside the program, or --weights FILE names their place");
        if (status == CNXRT_ERROR_WEIGHTS_MODEL)
            return cli_error(cli, CLI_INPUT, file, "%s; 'cnxc weights MODEL --for=%s -o FILE' packs some for this program",
                             cnxrt_status_text(status), cli->program);
        return cli_fail(cli, status, weights ? file : NULL);
    }
    if (cli->turns && (status = even_out(model)) != CNXRT_OK)
        return cli_fail(cli, status, NULL);
    status = cnxrt_context_create(model, NULL, 0, &cli->context);
    return status == CNXRT_OK ? cli_choose_size(cli) : cli_fail(cli, status, NULL);
}

/* ── The weights ─────────────────────────────────────────────────────────────────────────────────────── */

enum { WORTH_A_THREAD = 1 << 20 }; /* bytes, hashed in 0.1 ms */

static void *check(void *argument)
{
    const Cli *cli = argument;
#ifdef MADV_POPULATE_READ /* one call instead of a fault for every few pages, which the run then does not meet either */
    uintptr_t start = (uintptr_t)compiled_model.weights & -(uintptr_t)sysconf(_SC_PAGESIZE);
    madvise((void *)start, (uintptr_t)compiled_model.weights - start + (size_t)compiled_model.weights_bytes, MADV_POPULATE_READ);
#endif
    return (void *)(intptr_t)weights_verify(&compiled_model, &cli->model->weights);
}

void cli_check_weights(Cli *cli)
{
    cli->weights_checked = cli->model->weights.mapped_bytes > 0;
    if (!cli->weights_checked && compiled_model.weights_bytes >= WORTH_A_THREAD)
        cli->weights_in_check = pthread_create(&cli->weights_checker, NULL, check, cli) == 0;
}

bool cli_weights_are_good(Cli *cli)
{
    if (cli->weights_checked)
        return true;
    void *status = NULL;
    if (!cli->weights_in_check)
        status = check(cli);
    else
        pthread_join(cli->weights_checker, &status);
    cli->weights_in_check = false;
    cli->weights_checked = true;
    cnxrt_status found = (cnxrt_status)(intptr_t)status; /* the context may be in use */
    return found == CNXRT_OK || cli_error(cli, cli_exit_code(found), NULL, "%s", cnxrt_status_text(found));
}

void cli_close(Cli *cli)
{
    if (cli->weights_in_check)
        pthread_join(cli->weights_checker, NULL);
    cli->weights_in_check = false;
    cnxrt_context_destroy(cli->context);
    cnxrt_destroy(cli->model ? cli->model->first : NULL);
    cli->context = NULL;
    cli->model = NULL;
}
