/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Bench: time per image, and how much of this machine's peak that is.
 *
 *      2.310 ms   2.204 predicted   5.4 %   212.9 GFLOP/s   98.1 % of peak   block      encoder.stages.0.layers.0_1
 *   median 42.4 ms (41.0 predicted)   p90 42.9 ms   p99 43.6 ms   210 GFLOP/s   97 % of 217 (measured peak, 2 threads on 2 cores)
 *
 * The compiled program measures itself (--bench --json); the peak is measured right after, on as many threads, but no
 * more than there are processors: threads that take turns have no higher one. With --per-op it gives the time of each phase;
 * which phases make a region is known from scheduling the model once more, where there is a model. */
#include "compiler/report/bench.h"
#include "compiler/report/estimate.h"
#include "compiler/report/graph_cost.h"
#include "compiler/report/groups.h"
#include "compiler/report/json.h"
#include "compiler/report/machine.h"
#include "compiler/target/peak.h"
#include "ir/base/escape.h"
#include "ir/base/parallel.h"

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

/* ── Regions ─────────────────────────────────────────────────────────────────────────────────────────── */

static json_t *phase_measured(const Phase *phase, const json_t *measured, double predicted)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:I}", "name", phase->name, "ms", number(measured, "ms"), "predicted_ms", predicted,
                     "gflops", number(measured, "gflops"), "chunks", (json_int_t)phase_chunks(phase));
}

static json_t *region_begin(const Group *group)
{
    return json_pack("{s:s, s:s, s:f, s:f, s:f, s:o}", "name", group->output, "kind", group->kind, "ms", 0.0, "predicted_ms", 0.0,
                     "flops", 0.0, "phases", json_array());
}

static void add_to(json_t *object, const char *key, double more)
{
    json_object_set_new(object, key, json_real(number(object, key) + more));
}

/* Rates from the sums. */
static void finish_region(json_t *region, double peak)
{
    double ms = number(region, "ms"), rate = ms > 0 ? number(region, "flops") / ms * 1e3 : 0;
    json_object_del(region, "flops");
    json_object_set_new(region, "gflops", json_real(rate * 1e-9));
    json_object_set_new(region, "fraction_of_peak", json_real(peak > 0 ? rate / peak : 0));
}

static json_t *region_measured(const Build *build, const Group *group, const json_t *measured, int64_t threads, double images)
{
    json_t *region = region_begin(group);
    for (int64_t i = 0; i < group->phases.len; i++) {
        const json_t *item = json_array_get(measured, (size_t)group->at.at[i]);
        double predicted = estimate_phase(build->program, group->phases.at[i], threads).ms * images;
        add_to(region, "ms", number(item, "ms"));
        add_to(region, "predicted_ms", predicted);
        add_to(region, "flops", number(item, "gflops") * 1e6 * number(item, "ms"));
        json_array_append_new(json_object_get(region, "phases"), phase_measured(group->phases.at[i], item, predicted));
    }
    return region;
}

/* The program's phases, which have the order of the measured ones. */
static void group_by_region(const Build *build, json_t *answer, double peak)
{
    int64_t threads = (int64_t)number(answer, "cores");
    json_t *measured = json_object_get(answer, "per_op"), *regions = json_array();
    Groups groups = groups_of(build->program, build->arena);
    for (int64_t i = 0; i < groups.len; i++) {
        json_t *region = region_measured(build, &groups.at[i], measured, threads, number(answer, "batch"));
        finish_region(region, peak);
        json_array_append_new(regions, region);
    }
    json_object_set_new(answer, "per_op", regions);
}

/* ── The answer ──────────────────────────────────────────────────────────────────────────────────────── */

static void put_name(const json_t *object)
{
    put_escaped(stdout, json_string_value(json_object_get(object, "name")));
    putchar('\n');
}

/* "2.204 predicted", or nothing where nothing is */
static void print_predicted(const json_t *object)
{
    if (json_object_get(object, "predicted_ms"))
        printf(" %9.3f predicted", number(object, "predicted_ms"));
}

static void print_region(const json_t *answer, const json_t *region)
{
    const char *kind = json_string_value(json_object_get(region, "kind"));
    printf("%10.3f ms", number(region, "ms"));
    print_predicted(region);
    printf(" %5.1f %% %8.1f GFLOP/s", 100 * number(region, "ms") / number(answer, "median_ms"), number(region, "gflops"));
    if (kind)
        printf(" %6.1f %% of peak  %-10s", 100 * number(region, "fraction_of_peak"), kind);
    putchar(' ');
    put_name(region);
}

static void print_per_op(const json_t *answer)
{
    size_t index, n_phases;
    json_t *region, *phase;
    json_array_foreach (json_object_get(answer, "per_op"), index, region) {
        json_t *phases = json_object_get(region, "phases");
        print_region(answer, region);
        json_array_foreach (phases, n_phases, phase)
            if (json_array_size(phases) > 1) {
                printf("%14.3f ms %9.3f predicted %8.1f GFLOP/s    in ", number(phase, "ms"), number(phase, "predicted_ms"),
                       number(phase, "gflops"));
                put_name(phase);
            }
    }
}

void bench_print(const json_t *answer)
{
    double threads = number(answer, "threads"), cores = number(answer, "cores"), batch = number(answer, "batch");
    print_per_op(answer);
    printf("median %.3f ms", number(answer, "median_ms"));
    if (json_object_get(answer, "predicted_ms"))
        printf(" (%.3f predicted)", number(answer, "predicted_ms"));
    if (batch > 1)
        printf(" for %.0f images, %.3f ms each", batch, number(answer, "median_ms") / batch);
    printf("   p90 %.3f ms   p99 %.3f ms   %.1f GFLOP/s", number(answer, "p90_ms"), number(answer, "p99_ms"),
           number(answer, "gflops"));
    if (number(answer, "peak_gflops") > 0)
        printf("   %.1f %% of %.0f (measured peak, %.0f %s on %.0f %s)", number(answer, "fraction_of_peak") * 100,
               number(answer, "peak_gflops"), threads, COUNTED(threads, "thread"), cores, COUNTED(cores, "core"));
    putchar('\n');
}

/* From the schedule, which a program out of the cache has not been through in this run. */
static bool predict(Build *build, json_t *answer)
{
    if (!build->program && !build_program(build))
        return false;
    double images = number(answer, "batch");
    Estimate estimate = estimate_program(build->program, (int64_t)number(answer, "cores"));
    json_object_set_new(answer, "predicted_ms", json_real(estimate.ms * images));
    return true;
}

static const JsonRule rules[] = {
    {NULL, "median_ms", NEED_NUMBER},  {NULL, "p90_ms", NEED_NUMBER},  {NULL, "p99_ms", NEED_NUMBER},
    {NULL, "runs", NEED_NUMBER},       {NULL, "threads", NEED_NUMBER}, {NULL, "batch", NEED_NUMBER},
    {NULL, "gflops", NEED_NUMBER},     {"per_op", "name", NEED_TEXT},  {"per_op", "ms", NEED_NUMBER},
    {"per_op", "gflops", NEED_NUMBER},
};

json_t *bench_ask(const Build *build, const char *program, const BenchOptions *options)
{
    const char *threads = arena_printf(build->arena, "%lld", (long long)options->threads);
    const char *arguments[10] = {program, "--bench", "--json", "--threads", threads};
    int64_t n = 5, cores = options->threads < parallel_cores() ? options->threads : parallel_cores();
    if (options->batch)
        arguments[n++] = arena_printf(build->arena, "--batch=%lld", (long long)options->batch);
    if (options->per_op)
        arguments[n++] = "--per-op";
    if (options->trace)
        arguments[n++] = "--trace", arguments[n++] = options->trace;
    json_t *answer = json_answer(arguments, build->arena, build->diag);
    if (answer && json_is_of_program(answer, rules, countof(rules), program, build->diag)) {
        json_object_set_new(answer, "cores", json_integer(cores));
        return answer;
    }
    json_decref(answer);
    return NULL;
}

static void add_peak(json_t *answer, double peak)
{
    json_object_set_new(answer, "peak_gflops", json_real(peak * 1e-9));
    json_object_set_new(answer, "fraction_of_peak", json_real(peak > 0 ? number(answer, "gflops") * 1e9 / peak : 0));
}

void bench_add_rates(const Build *build, json_t *answer, double peak)
{
    double flops = 2.0 * (double)graph_cost(build->model->graph).macs * number(answer, "batch");
    json_object_set_new(answer, "gflops", json_real(flops / number(answer, "median_ms") * 1e-6));
    add_peak(answer, peak);
}

/* What the model's arithmetic is its graph says; of a program alone, what its phases do. */
static bool add_what_is_known(Build *build, json_t *answer, double peak, bool per_op)
{
    if (!build->options.input) {
        add_peak(answer, peak);
        return true;
    }
    bench_add_rates(build, answer, peak);
    if (!predict(build, answer))
        return false;
    if (per_op)
        group_by_region(build, answer, peak);
    return true;
}

json_t *bench_measure(Build *build, const char *program, const BenchOptions *options)
{
    json_t *info = machine_program(program, build->arena, build->diag);
    json_t *answer = info ? bench_ask(build, program, options) : NULL;
    DType precision = precision_named(json_string_value(json_object_get(info, "precision")));
    double peak = answer ? peak_flops(precision, (int64_t)number(answer, "cores")) : 0;
    if (answer && !add_what_is_known(build, answer, peak, options->per_op)) {
        json_decref(answer);
        answer = NULL;
    }
    if (answer) {
        json_object_set_new(answer, "machine", machine_json());
        json_object_set(answer, "hashes", json_object_get(info, "hashes"));
    }
    json_decref(info);
    return answer;
}
