/* Bench: how long a run takes, once everything is warm. */
#include "runtime/cli/cli.h"
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_RUNS = 10000, MIN_RUNS = 10 };
static const double warm_up_seconds = 0.3, bench_seconds = 2.0;

typedef struct Bench {
    double *seconds;   /* of each run, sorted at the end */
    int64_t n;
    int64_t *phase_ns; /* --per-op: sums over all runs; NULL otherwise */
} Bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static cnxrt_status run_once(Cli *cli, const Tensors *tensors)
{
    void *const *outputs = (void *const *)(tensors->buffers + cli->model->compiled->n_inputs);
    return cnxrt_run(cli->context, (const void *const *)tensors->buffers, tensors->batch, outputs);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure(Cli *cli, const Tensors *tensors, Bench *bench)
{
    cnxrt_status status = CNXRT_OK;
    double start = now();
    do
        status = run_once(cli, tensors);
    while (status == CNXRT_OK && now() - start < warm_up_seconds);
    cli->context->phase_ns = bench->phase_ns;
    start = now();
    while (status == CNXRT_OK && bench->n < MAX_RUNS && (bench->n < MIN_RUNS || now() - start < bench_seconds)) {
        double before = now();
        status = run_once(cli, tensors);
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

/* Time of one run in phase p, and its rate. */
static double phase_ms(const Bench *bench, int64_t p)
{
    return (double)bench->phase_ns[p] * 1e-6 / (double)bench->n;
}

static double phase_gflops(const CnxrtVariant *variant, const Bench *bench, int64_t p, int64_t images)
{
    double ms = phase_ms(bench, p);
    return ms > 0 ? variant_phase_flops(variant, p, images) / ms * 1e-6 : 0;
}

static void print_json(const Cli *cli, const Bench *bench, int64_t batch)
{
    const CnxrtVariant *variant = cli->model->variant;
    int64_t images = cli->model->compiled->batch_free ? batch : 1;
    double median = quantile_ms(bench, 0.5);
    printf("{\"median_ms\": %.6g, \"p90_ms\": %.6g, \"p99_ms\": %.6g, \"runs\": %lld, \"threads\": %lld, "
           "\"batch\": %lld, \"gflops\": %.4g",
           median, quantile_ms(bench, 0.9), quantile_ms(bench, 0.99), (long long)bench->n,
           (long long)cli->model->n_threads, (long long)batch, variant_flops(variant, images) / median * 1e-6);
    for (int64_t p = 0; bench->phase_ns && p < variant_phase_count(variant); p++) {
        fputs(p ? ",\n {\"name\": " : ", \"per_op\": [\n {\"name\": ", stdout);
        put_json_string(stdout, variant->phases[p].name ? variant->phases[p].name : "");
        printf(", \"ms\": %.6g, \"gflops\": %.4g}", phase_ms(bench, p), phase_gflops(variant, bench, p, images));
    }
    puts(bench->phase_ns && variant_phase_count(variant) ? "]}" : "}");
}

static void print_text(const Cli *cli, const Bench *bench, int64_t batch)
{
    const CnxrtVariant *variant = cli->model->variant;
    int64_t images = cli->model->compiled->batch_free ? batch : 1;
    double median = quantile_ms(bench, 0.5);
    for (int64_t p = 0; bench->phase_ns && p < variant_phase_count(variant); p++)
        printf("%10.4f ms %6.1f %% %8.1f GFLOP/s  %s\n", phase_ms(bench, p), phase_ms(bench, p) / median * 100,
               phase_gflops(variant, bench, p, images), variant->phases[p].name ? variant->phases[p].name : "");
    printf("median %.4g ms   p90 %.4g ms   p99 %.4g ms   %.1f GFLOP/s   (%lld runs of batch %lld, %lld thread%s)\n",
           median, quantile_ms(bench, 0.9), quantile_ms(bench, 0.99), variant_flops(variant, images) / median * 1e-6,
           (long long)bench->n, (long long)batch, (long long)cli->model->n_threads,
           cli->model->n_threads == 1 ? "" : "s");
}

bool cli_bench(Cli *cli)
{
    Tensors tensors;
    Bench bench = {.seconds = calloc(MAX_RUNS, sizeof *bench.seconds)};
    if (cli->per_op)
        bench.phase_ns = calloc((size_t)variant_phase_count(cli->model->variant) + 1, sizeof *bench.phase_ns);
    bool ok = bench.seconds && (!cli->per_op || bench.phase_ns);
    if (!ok)
        cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    bool made = cli_make_tensors(cli, TENSORS_MADE_UP, &tensors);
    ok = ok && made && measure(cli, &tensors, &bench);
    if (ok && cli->json)
        print_json(cli, &bench, tensors.batch);
    else if (ok)
        print_text(cli, &bench, tensors.batch);
    cli_free_tensors(&tensors);
    free(bench.seconds);
    free(bench.phase_ns);
    return ok;
}
