/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Bench: how long a run takes, once everything is warm. */
#include "runtime/cli/cli.h"
#include "ir/base/words.h"
#include "runtime/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MIN_RUNS = 10, TRACED_RUNS = 20 };
static const double warm_up_seconds = 0.3, bench_seconds = 2.0;

typedef struct Bench {
    double *seconds;   /* of each run, sorted at the end */
    int64_t n;
    int64_t *phase_ns; /* --per-op: [run][phase]; NULL otherwise */
    Record record;     /* --per-op and --trace: of the last run */
    Record traced;     /* --trace: of a run that took about as long as the median */
} Bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool is_enough(const Cli *cli, const Bench *bench, double seconds)
{
    if (cli->runs)
        return bench->n >= cli->runs;
    return bench->n >= MOST_RUNS || (bench->n >= MIN_RUNS && seconds >= bench_seconds);
}

static bool measure(Cli *cli, const Tensors *tensors, Bench *bench)
{
    int64_t n_phases = variant_phase_count(cli->model->variant);
    cnxrt_status status = CNXRT_OK;
    double start = now();
    do
        status = cli_run_once(cli, tensors);
    while (status == CNXRT_OK && now() - start < warm_up_seconds);
    start = now();
    while (status == CNXRT_OK && !is_enough(cli, bench, now() - start)) {
        bench->seconds[bench->n] = cli_run_timed(cli, tensors, bench->phase_ns ? &bench->record : NULL, &status);
        if (bench->phase_ns)
            record_add(&bench->record, bench->phase_ns + bench->n * n_phases);
        bench->n++;
    }
    if (status != CNXRT_OK)
        return cli_fail(cli, status, NULL);
    qsort(bench->seconds, (size_t)bench->n, sizeof *bench->seconds, by_value);
    return true;
}

/* --trace: of some more runs the one that takes most nearly as long as the median. */
static bool record_median(Cli *cli, const Tensors *tensors, Bench *bench)
{
    double median = bench->seconds[bench->n / 2], nearest = INFINITY;
    for (int i = 0; i < TRACED_RUNS; i++) {
        cnxrt_status status;
        double off = fabs(cli_run_timed(cli, tensors, &bench->record, &status) - median);
        if (status != CNXRT_OK)
            return cli_fail(cli, status, NULL);
        if (off >= nearest)
            continue;
        Record better = bench->record;
        bench->record = bench->traced;
        bench->traced = better;
        nearest = off;
    }
    return true;
}

/* The smallest value that `part` of all runs do not exceed. */
static double quantile_ms(const Bench *bench, double part)
{
    int64_t i = (int64_t)(part * (double)bench->n + 0.9999999) - 1;
    return bench->seconds[i < 0 ? 0 : i >= bench->n ? bench->n - 1 : i] * 1e3;
}

/* The median time of phase p. */
static double phase_ms(const CnxrtVariant *variant, Bench *bench, int64_t p)
{
    int64_t n_phases = variant_phase_count(variant);
    for (int64_t i = 0; i < bench->n; i++)
        bench->seconds[i] = (double)bench->phase_ns[i * n_phases + p];
    qsort(bench->seconds, (size_t)bench->n, sizeof *bench->seconds, by_value);
    return bench->seconds[bench->n / 2] * 1e-6;
}

static double phase_gflops(const CnxrtVariant *variant, double ms, int64_t p, int64_t images)
{
    return ms > 0 ? variant_phase_flops(variant, p, images) / ms * 1e-6 : 0;
}

static void print_json(const Cli *cli, Bench *bench, int64_t batch)
{
    const CnxrtVariant *variant = cli->model->variant;
    int64_t images = cli->model->compiled->batch_free ? batch : 1;
    double median = quantile_ms(bench, 0.5);
    printf("{\"median_ms\": %.6g, \"p90_ms\": %.6g, \"p99_ms\": %.6g, \"runs\": %lld, \"threads\": %lld, "
           "\"batch\": %lld, \"gflops\": %.4g",
           median, quantile_ms(bench, 0.9), quantile_ms(bench, 0.99), (long long)bench->n, (long long)cli->model->n_threads,
           (long long)batch, variant_flops(variant, images) / median * 1e-6);
    for (int64_t p = 0; bench->phase_ns && p < variant_phase_count(variant); p++) {
        fputs(p ? ",\n {\"name\": " : ", \"per_op\": [\n {\"name\": ", stdout);
        put_json_string(stdout, variant->phases[p].name ? variant->phases[p].name : "");
        double ms = phase_ms(variant, bench, p);
        printf(", \"ms\": %.6g, \"gflops\": %.4g}", ms, phase_gflops(variant, ms, p, images));
    }
    puts(bench->phase_ns && variant_phase_count(variant) ? "]}" : "}");
}

static void print_text(const Cli *cli, Bench *bench, int64_t batch)
{
    const CnxrtVariant *variant = cli->model->variant;
    int64_t images = cli->model->compiled->batch_free ? batch : 1;
    double median = quantile_ms(bench, 0.5);
    double p90 = quantile_ms(bench, 0.9), p99 = quantile_ms(bench, 0.99);
    for (int64_t p = 0; bench->phase_ns && p < variant_phase_count(variant); p++) {
        double ms = phase_ms(variant, bench, p);
        printf("%10.4f ms %6.1f %% %8.1f GFLOP/s  %s\n", ms, ms / median * 100, phase_gflops(variant, ms, p, images),
               variant->phases[p].name ? variant->phases[p].name : "");
    }
    printf("median %.4g ms   p90 %.4g ms   p99 %.4g ms   %.1f GFLOP/s   (%lld %s of batch %lld, %lld %s)\n", median, p90, p99,
           variant_flops(variant, images) / median * 1e-6, (long long)bench->n, COUNTED(bench->n, "run"), (long long)batch,
           (long long)cli->model->n_threads, COUNTED(cli->model->n_threads, "thread"));
}

static bool make_room(Cli *cli, const Tensors *tensors, Bench *bench)
{
    size_t n_phases = (size_t)variant_phase_count(cli->model->variant) + 1;
    bool ok = (bench->seconds = calloc(MOST_RUNS, sizeof *bench->seconds));
    if (ok && cli->per_op)
        ok = (bench->phase_ns = calloc(MOST_RUNS * n_phases, sizeof *bench->phase_ns));
    if (ok && (cli->per_op || cli->trace))
        ok = cli_run_record(cli, tensors, &bench->record);
    if (ok && cli->trace)
        ok = cli_run_record(cli, tensors, &bench->traced);
    return ok || cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
}

static bool measure_and_print(Cli *cli, const Tensors *tensors)
{
    Bench bench = {0};
    bool ok = make_room(cli, tensors, &bench) && measure(cli, tensors, &bench);
    if (ok && cli->trace)
        ok = record_median(cli, tensors, &bench) && trace_write(cli, &bench.traced);
    if (ok && cli->json)
        print_json(cli, &bench, tensors->batch);
    else if (ok)
        print_text(cli, &bench, tensors->batch);
    if (ok && cli->trace && fflush(stdout) == 0) /* else cnxrt_main says why, and no trace is left */
        ok = outputs_commit(cli);
    free(bench.seconds);
    free(bench.phase_ns);
    record_free(&bench.record);
    record_free(&bench.traced);
    return ok;
}

bool cli_bench(Cli *cli)
{
    Tensors tensors;
    bool ok = cli_make_tensors(cli, TENSORS_MADE_UP, &tensors) && cli_weights_are_good(cli) &&
              (cli->turns ? cli_turns : measure_and_print)(cli, &tensors);
    cli_free_tensors(&tensors);
    return ok;
}
