/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc bench: time per image, and how much of this machine's peak that is (report/bench.c); of two, which is faster
 * (report/bench_pair.c).
 *
 *   cnxc bench model/                      a model is compiled to the cache of cnxc run
 *   cnxc bench ./tiny                      a program is run as it is
 *   cnxc bench A B                         of each one or the other
 *   cnxc bench model/ --against=bf16       A is the model in the precision asked for, B in this one */
#include "compiler/build/cache.h"
#include "compiler/driver/driver.h"
#include "compiler/report/bench.h"
#include "compiler/report/bench_pair.h"
#include "compiler/report/json.h"
#include "compiler/report/machine.h"
#include "compiler/report/ratio.h"
#include "ir/base/parallel.h"

#include <string.h>

static int64_t threads_of(const Options *o) { return o->threads ? o->threads : parallel_cores(); }

/* A name without a slash would be looked for in PATH. */
static const char *path_of(const char *program, Arena *arena)
{
    return strchr(program, '/') ? program : arena_printf(arena, "./%s", program);
}

/* Of the model or program that `argument` names, in a precision; NULL after a diagnostic. */
static const char *make_program(Driver *driver, const char *argument, const char *precision, Build *build)
{
    if (machine_is_program(argument, &driver->diag))
        return path_of(argument, driver->arena);
    if (diag_failed(&driver->diag))
        return NULL;
    *build = options_build_in(driver, precision);
    build->options.input = argument;
    return options_choose_cpus(driver, build) ? cache_artifact(build, ARTIFACT_EXE) : NULL;
}

/* Options of code for what is compiled already; true, too, after another diagnostic. */
static bool says_code(Driver *driver)
{
    const Options *o = &driver->options;
    const char *option = options_of_code(driver);
    bool all_made = true;
    for (int64_t i = 0; i < o->arguments.len; i++)
        all_made &= machine_is_program(o->arguments.at[i], &driver->diag);
    if (all_made && (option || o->against))
        usage_error(driver, "%s is for a MODEL; '%s' is compiled already", o->against ? "--against" : option, o->arguments.at[0]);
    return diag_failed(&driver->diag);
}

static bool check_usage(Driver *driver)
{
    const Options *o = &driver->options;
    bool two = o->arguments.len == 2 || o->against;
    if (o->arguments.len == 2 && o->against)
        usage_error(driver, "--against is for one MODEL, got '%s', too", o->arguments.at[1]);
    else if (!two && (o->fail_if_slower || o->rounds))
        usage_error(driver, "%s is for two: cnxc bench A B, or --against=KIND", o->rounds ? "--rounds" : "--fail-if-slower");
    else if (o->rounds && (o->rounds < FEWEST_PAIRS || o->rounds > MOST_PAIRS))
        usage_error(driver, "--rounds takes %d to %d, got %lld: fewer can't say anything with 95 %% confidence", FEWEST_PAIRS,
                    MOST_PAIRS, (long long)o->rounds);
    return !diag_failed(&driver->diag) && !says_code(driver);
}

static ExitCode answer_one(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = {.arena = driver->arena, .diag = &driver->diag};
    BenchOptions options = {.threads = threads_of(o), .batch = o->batch, .per_op = o->per_op};
    const char *program = make_program(driver, o->arguments.at[0], o->precision, &build);
    json_t *answer = program ? bench_measure(&build, program, &options) : NULL;
    if (!answer)
        return driver_exit_code(driver);
    if (!o->json)
        bench_print(answer);
    else
        json_print(json_incref(answer), 9);
    json_decref(answer);
    return EXIT_OK;
}

/* ── Two ─────────────────────────────────────────────────────────────────────────────────────────────── */

/* Adds what is known of a program. */
static bool describe(Driver *driver, json_t *side, const char *name, const char *program)
{
    json_t *info = machine_program(program, driver->arena, &driver->diag);
    json_object_set_new(side, "name", json_text(name));
    for (const char *const *key = (const char *const[]){"precision", "cpu", "hashes", NULL}; info && *key; key++)
        json_object_set(side, *key, json_object_get(info, *key));
    json_decref(info);
    return info;
}

/* How the two are called. */
static const char *side_name(const Options *o, int64_t side)
{
    const char *precision = side ? o->against : o->precision ? o->precision : "f32";
    return o->against ? precision : o->arguments.at[side];
}

static json_t *compare(Driver *driver)
{
    const Options *o = &driver->options;
    const char *programs[2];
    PairOptions options = {.player = {.threads = threads_of(o), .batch = o->batch, .per_op = o->per_op}, .rounds = o->rounds};
    json_t *sides[2] = {json_object(), json_object()}, *answer = NULL;
    bool ok = true;
    for (int64_t i = 0; ok && i < 2; i++) {
        Build build;
        const char *argument = o->arguments.at[o->against ? 0 : i];
        programs[i] = make_program(driver, argument, i && o->against ? o->against : o->precision, &build);
        ok = programs[i] && describe(driver, sides[i], side_name(o, i), programs[i]);
    }
    if (ok && (answer = bench_pair(programs[0], programs[1], &options, driver->arena, &driver->diag))) {
        json_object_update(json_object_get(answer, "a"), sides[0]);
        json_object_update(json_object_get(answer, "b"), sides[1]);
        json_object_set_new(answer, "machine", machine_json());
    }
    json_decref(sides[0]);
    json_decref(sides[1]);
    return answer;
}

static ExitCode answer_two(Driver *driver)
{
    const Options *o = &driver->options;
    json_t *answer = compare(driver);
    if (!answer)
        return driver_exit_code(driver);
    if (!o->json)
        bench_pair_print(answer);
    else
        json_print(json_incref(answer), 9);
    if (o->fail_if_slower)
        bench_pair_judge(answer, o->slower, &driver->diag);
    json_decref(answer);
    return driver_exit_code(driver);
}

ExitCode subcommand_bench(Driver *driver)
{
    if (!check_usage(driver))
        return driver_exit_code(driver);
    return driver->options.arguments.len == 2 || driver->options.against ? answer_two(driver) : answer_one(driver);
}
