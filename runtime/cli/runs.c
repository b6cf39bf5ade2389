/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Single runs, as they are measured: of bench by itself, and of turns with another program. */
#include "runtime/cli/cli.h"
#include "runtime/internal.h"

cnxrt_status cli_run_once(Cli *cli, const Tensors *tensors)
{
    void *const *outputs = (void *const *)(tensors->buffers + cli->model->compiled->n_inputs);
    return cnxrt_run(cli->context, (const void *const *)tensors->buffers, tensors->batch, outputs);
}

double cli_run_timed(Cli *cli, const Tensors *tensors, Record *record, cnxrt_status *status)
{
    cli->context->record = record;
    if (record)
        record_clear(record);
    int64_t start = context_clock();
    *status = cli_run_once(cli, tensors);
    int64_t end = context_clock();
    cli->context->record = NULL;
    if (record)
        record->start = start, record->end = end;
    return 1e-9 * (double)(end - start);
}

bool cli_run_record(const Cli *cli, const Tensors *tensors, Record *record)
{
    int64_t images = cli->model->compiled->batch_free ? tensors->batch : 1;
    return record_make(record, cli->model->n_threads, variant_phase_count(cli->model->variant) * images);
}
