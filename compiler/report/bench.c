/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Bench: time per image, and how much of this machine's peak that is.
 *
 *      2.310 ms   2.204 predicted   5.4 %   212.9 GFLOP/s   98.1 % of peak   block      encoder.stages.0.layers.0_1
 *   median 42.4 ms (41.0 predicted)   p90 42.9 ms   p99 43.6 ms   210 GFLOP/s   97 % of 217 (measured peak, 2 threads on 2 cores)
 *
 * The compiled program measures itself (--bench --json); the peak is measured right after, on as many threads, but no
 * more than there are processors: threads that take turns have no higher one. With --per-op it gives the time of each phase;
 * which phases make a region is known from scheduling the model once more. */
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

static json_t *region_measured(const Build *build, const Group *group, const json_t *measured, int64_t threads)
{
    json_t *region = region_begin(group);
    for (int64_t i = 0; i < group->phases.len; i++) {
        const json_t *item = json_array_get(measured, (size_t)group->at.at[i]);
        double predicted = estimate_phase(build->program, group->phases.at[i], threads).ms;
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
        json_t *region = region_measured(build, &groups.at[i], measured, threads);
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

static void print_per_op(const json_t *answer)
{
    size_t index, n_phases;
    json_t *region, *phase;
    json_array_foreach (json_object_get(answer, "per_op"), index, region) {
        json_t *phases = json_object_get(region, "phases");
        printf("%10.3f ms %9.3f predicted %5.1f %% %8.1f GFLOP/s %6.1f %% of peak  %-10s ", number(region, "ms"),
               number(region, "predicted_ms"), 100 * number(region, "ms") / number(answer, "median_ms"), number(region, "gflops"),
               100 * number(region, "fraction_of_peak"), json_string_value(json_object_get(region, "kind")));
        put_name(region);
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
    double threads = number(answer, "threads"), cores = number(answer, "cores");
    print_per_op(answer);
    printf("median %.3f ms (%.3f predicted)   p90 %.3f ms   p99 %.3f ms   %.1f GFLOP/s", number(answer, "median_ms"),
           number(answer, "predicted_ms"), number(answer, "p90_ms"), number(answer, "p99_ms"), number(answer, "gflops"));
    if (number(answer, "peak_gflops") > 0)
        printf("   %.1f %% of %.0f (measured peak, %.0f thread%s on %.0f core%s)", number(answer, "fraction_of_peak") * 100,
               number(answer, "peak_gflops"), threads, threads == 1 ? "" : "s", cores, cores == 1 ? "" : "s");
    putchar('\n');
}

/* From the schedule, which a program out of the cache has not been through in this run. */
static bool predict(Build *build, json_t *answer)
{
    if (!build->program && !build_program(build))
        return false;
    Estimate estimate = estimate_program(build->program, (int64_t)number(answer, "cores"));
    json_object_set_new(answer, "predicted_ms", json_real(estimate.ms));
    return true;
}

/* On what it was measured, and what. */
static bool identify(Build *build, const char *program, json_t *answer)
{
    json_t *info = machine_program(program, build->arena, build->diag);
    json_object_set_new(answer, "machine", machine_json());
    json_object_set(answer, "hashes", json_object_get(info, "hashes"));
    json_decref(info);
    return info;
}

json_t *bench_ask(const Build *build, const char *program, int64_t threads, bool per_op)
{
    const char *count = arena_printf(build->arena, "%lld", (long long)threads);
    const char *const arguments[] = {program, "--bench", "--json", "--threads", count, per_op ? "--per-op" : NULL, NULL};
    json_t *answer = json_answer(arguments, build->arena, build->diag);
    if (answer)
        json_object_set_new(answer, "cores", json_integer(threads < parallel_cores() ? threads : parallel_cores()));
    return answer;
}

void bench_add_rates(const Build *build, json_t *answer, double peak)
{
    double flops = 2.0 * (double)graph_cost(build->model->graph).macs, rate = flops / (number(answer, "median_ms") * 1e-3);
    json_object_set_new(answer, "gflops", json_real(rate * 1e-9));
    json_object_set_new(answer, "peak_gflops", json_real(peak * 1e-9));
    json_object_set_new(answer, "fraction_of_peak", json_real(peak > 0 ? rate / peak : 0));
}

json_t *bench_measure(Build *build, const char *program, int64_t threads, bool per_op)
{
    json_t *answer = bench_ask(build, program, threads, per_op);
    if (!answer)
        return NULL;
    double peak = peak_flops(build->options.pipeline.precision, (int64_t)number(answer, "cores"));
    bench_add_rates(build, answer, peak);
    if (!predict(build, answer) || !identify(build, program, answer)) {
        json_decref(answer);
        return NULL;
    }
    if (per_op)
        group_by_region(build, answer, peak);
    return answer;
}
