/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Selftest: can this artifact be trusted on this machine? Processor, weights to the last bit, and the same answer
 * from one thread and from many. */
#include "runtime/cli/cli.h"
#include "runtime/cpu.h"
#include "runtime/internal.h"

#include <string.h>

static bool report(Cli *cli, const char *what, bool ok, int exit_code, const char *details)
{
    printf("%s: %s (%s)\n", what, ok ? "ok" : "FAILED", details);
    return ok || cli_error(cli, exit_code, NULL, "self-test: %s failed: %s", what, details);
}

static bool test_cpu(Cli *cli)
{
    char names[128];
    cpu_feature_names(cli->model->variant->cpu_features, names, sizeof names);
    return report(cli, "cpu", !cpu_missing(cli->model->variant->cpu_features), CLI_RESOURCE, names[0] ? names : "baseline");
}

static bool test_weights(Cli *cli)
{
    cnxrt_status status = weights_verify(&compiled_model, &cli->model->weights);
    return report(cli, "weights", status == CNXRT_OK, CLI_INPUT,
                  status == CNXRT_OK ? "checksum matches" : cnxrt_status_text(status));
}

static bool run_made_up(Cli *cli, int64_t n_threads, Tensors *tensors)
{
    cli_close(cli);
    if (!cli_open(cli, n_threads) || !cli_make_tensors(cli, TENSORS_MADE_UP, tensors))
        return false;
    void *const *outputs = (void *const *)(tensors->buffers + compiled_model.n_inputs);
    cnxrt_status status = cnxrt_run(cli->context, (const void *const *)tensors->buffers, tensors->batch, outputs);
    return status == CNXRT_OK || cli_fail(cli, status, NULL);
}

static bool same_outputs(const CnxrtModel *compiled, const Tensors *a, const Tensors *b)
{
    for (int64_t i = compiled->n_inputs; i < model_tensor_count(compiled); i++)
        if (memcmp(a->buffers[i], b->buffers[i], (size_t)tensor_bytes(&compiled->tensors[i], a->batch)) != 0)
            return false;
    return true;
}

static bool test_threads(Cli *cli)
{
    Tensors one = {0}, many = {0};
    int64_t n = cli->model->n_threads > 1 ? cli->model->n_threads : 2;
    char details[64];
    bool ok = run_made_up(cli, 1, &one) && run_made_up(cli, n, &many);
    if (ok) {
        bool same = same_outputs(cli->model->compiled, &one, &many);
        snprintf(details, sizeof details, "1 and %lld threads %s", (long long)n, same ? "agree to the bit" : "differ");
        ok = report(cli, "threads", same, CLI_BUG, details);
    }
    cli_free_tensors(&one);
    cli_free_tensors(&many);
    return ok;
}

bool cli_selftest(Cli *cli)
{
    bool cpu = test_cpu(cli), weights = test_weights(cli);
    return test_threads(cli) && cpu && weights;
}
