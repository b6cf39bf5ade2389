/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Bench: how long a run takes, once everything is warm. */
#include "runtime/cli/cli.h"
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MIN_RUNS = 10 };
static const double warm_up_seconds = 0.3, bench_seconds = 2.0;

typedef struct Bench {
    double *seconds;   /* of each run, sorted at the end */
    int64_t n;
    int64_t *phase_ns; /* --per-op: [run][phase]; NULL otherwise */
} Bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

cnxrt_status cli_bench_run(Cli *cli, const Tensors *tensors)
{
    void *const *outputs = (void *const *)(tensors->buffers + cli->model->compiled->n_inputs);
    return cnxrt_run(cli->context, (const void *const *)tensors->buffers, tensors->batch, outputs);
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
        status = cli_bench_run(cli, tensors);
    while (status == CNXRT_OK && now() - start < warm_up_seconds);
    start = now();
    while (status == CNXRT_OK && !is_enough(cli, bench, now() - start)) {
        double before = now();
        cli->context->phase_ns = bench->phase_ns ? bench->phase_ns + bench->n * n_phases : NULL;
        status = cli_bench_run(cli, tensors);
        bench->seconds[bench->n++] = now() - before;
    }
    cli->context->phase_ns = NULL;
    if (status != CNXRT_OK)
        return cli_fail(cli, status, NULL);
    qsort(bench->seconds, (size_t)bench->n, sizeof *bench->seconds, by_value);
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
    printf("median %.4g ms   p90 %.4g ms   p99 %.4g ms   %.1f GFLOP/s   (%lld runs of batch %lld, %lld thread%s)\n", median, p90,
           p99, variant_flops(variant, images) / median * 1e-6, (long long)bench->n, (long long)batch,
           (long long)cli->model->n_threads, cli->model->n_threads == 1 ? "" : "s");
}

static bool measure_and_print(Cli *cli, const Tensors *tensors)
{
    size_t n_phases = (size_t)variant_phase_count(cli->model->variant) + 1;
    Bench bench = {.seconds = calloc(MOST_RUNS, sizeof *bench.seconds)};
    if (cli->per_op)
        bench.phase_ns = calloc(MOST_RUNS * n_phases, sizeof *bench.phase_ns);
    bool ok = bench.seconds && (!cli->per_op || bench.phase_ns);
    if (!ok)
        cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    ok = ok && measure(cli, tensors, &bench);
    if (ok && cli->json)
        print_json(cli, &bench, tensors->batch);
    else if (ok)
        print_text(cli, &bench, tensors->batch);
    free(bench.seconds);
    free(bench.phase_ns);
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
