/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Turns: two programs are compared best when each runs for some milliseconds and then waits for the other, so that whatever
 * else the machine does meets both. Who compares them says when, a line for each turn: runs that are not counted, which bring
 * this program's data back into the caches, and runs that are.
 *
 *   >                                        < {"threads": 2, "batch": 1, "flops": 8.9e9, "phases": ["conv", …]}
 *   > 1 3                                    < {"ms": [12.1, 12.3, 12.2], "phases_ms": [0.41, …]}
 *   > end of file                            the program ends
 *
 * Phases are timed with --per-op; theirs is the mean of the turn. */
#include "runtime/cli/cli.h"
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>

static void greet(const Cli *cli, const Tensors *tensors)
{
    const CnxrtVariant *variant = cli->model->variant;
    int64_t images = cli->model->compiled->batch_free ? tensors->batch : 1;
    printf("{\"threads\": %lld, \"batch\": %lld, \"flops\": %.9g, \"phases\": [", (long long)cli->model->n_threads,
           (long long)tensors->batch, variant_flops(variant, images));
    for (int64_t p = 0; cli->per_op && p < variant_phase_count(variant); p++) {
        fputs(p ? ", " : "", stdout);
        put_json_string(stdout, variant->phases[p].name ? variant->phases[p].name : "");
    }
    puts("]}");
    fflush(stdout);
}

typedef struct Turn {
    double *ms;        /* of each run */
    int64_t *phase_ns; /* of all of them; NULL without --per-op */
    Record record;     /* of one */
} Turn;

static cnxrt_status measure(Cli *cli, const Tensors *tensors, int64_t uncounted, int64_t counted, Turn *turn)
{
    cnxrt_status status = CNXRT_OK;
    for (int64_t i = 0; status == CNXRT_OK && i < uncounted; i++)
        status = cli_run_once(cli, tensors);
    for (int64_t i = 0; status == CNXRT_OK && i < counted; i++) {
        turn->ms[i] = 1e3 * cli_run_timed(cli, tensors, turn->phase_ns ? &turn->record : NULL, &status);
        if (turn->phase_ns)
            record_add(&turn->record, turn->phase_ns);
    }
    return status;
}

static void answer(const double *ms, int64_t counted, const int64_t *phase_ns, int64_t n_phases)
{
    for (int64_t i = 0; i < counted; i++)
        printf("%s%.6g", i ? ", " : "{\"ms\": [", ms[i]);
    fputs("], \"phases_ms\": [", stdout);
    for (int64_t p = 0; phase_ns && p < n_phases; p++)
        printf("%s%.6g", p ? ", " : "", (double)phase_ns[p] * 1e-6 / (double)counted);
    puts("]}");
    fflush(stdout);
}

static bool take_turns(Cli *cli, const Tensors *tensors, Turn *turn)
{
    int64_t n_phases = variant_phase_count(cli->model->variant);
    char line[64];
    greet(cli, tensors);
    while (fgets(line, sizeof line, stdin)) {
        long long uncounted, counted;
        if (sscanf(line, "%lld %lld", &uncounted, &counted) != 2 || uncounted < 0 || counted < 1 || counted > MOST_RUNS)
            return cli_error(cli, CLI_USAGE, NULL, "--turns: a line says how many runs are not counted, and how many are");
        if (turn->phase_ns)
            memset(turn->phase_ns, 0, (size_t)n_phases * sizeof *turn->phase_ns);
        cnxrt_status status = measure(cli, tensors, uncounted, counted, turn);
        if (status != CNXRT_OK)
            return cli_fail(cli, status, NULL);
        answer(turn->ms, counted, turn->phase_ns, n_phases);
    }
    return true;
}

bool cli_turns(Cli *cli, const Tensors *tensors)
{
    size_t n_phases = (size_t)variant_phase_count(cli->model->variant);
    Turn turn = {.ms = calloc(MOST_RUNS, sizeof *turn.ms)};
    bool ok = turn.ms;
    if (ok && cli->per_op)
        ok = (turn.phase_ns = calloc(n_phases + 1, sizeof *turn.phase_ns)) && cli_run_record(cli, tensors, &turn.record);
    ok = ok ? take_turns(cli, tensors, &turn) : cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    free(turn.ms);
    free(turn.phase_ns);
    record_free(&turn.record);
    return ok;
}
