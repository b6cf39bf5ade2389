/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc report: all that is known of a model, as a page or as JSON (report/report.c, report/page.c). */
#include "compiler/build/output.h"
#include "compiler/driver/driver.h"
#include "compiler/report/bench_pair.h"
#include "compiler/report/compare.h"
#include "compiler/report/json.h"
#include "compiler/report/machine.h"
#include "compiler/report/page.h"
#include "compiler/report/report.h"
#include "compiler/report/saved.h"
#include "ir/base/parallel.h"
#include "ir/base/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHEAP_MACS = 200000000 };

static bool check_words(Driver *driver)
{
    const Options *o = &driver->options;
    for (int64_t i = 0; i < o->snr.len; i++)
        if (strcmp(o->snr.at[i], "bf16") != 0 && strcmp(o->snr.at[i], "int8") != 0 && strcmp(o->snr.at[i], "none") != 0)
            usage_error(driver, "--snr takes bf16, int8 or none, got '%s'", o->snr.at[i]);
        else if (strcmp(o->arguments.at[0], "-") == 0 && strcmp(o->snr.at[i], "none") != 0)
            usage_error(driver, "--snr reads MODEL again, so it can't be standard input");
    if (!o->output && !o->json)
        usage_error(driver, "where to write: -o FILE.html, -o FILE.json, or --json for standard output");
    else if (o->output && o->json && !str_ends_with(o->output, ".json"))
        usage_error(driver, "--json goes with -o FILE.json, or without -o");
    return !diag_failed(&driver->diag) && (!o->output || options_spare_inputs(driver, o->output));
}

enum { DIGITS = 9 }; /* of what is measured */

static void put_json(const json_t *report, FILE *out)
{
    json_write(report, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS), out);
    fputc('\n', out);
}

static void put_page(const json_t *report, FILE *out)
{
    Printed printed;
    printed_begin(&printed);
    json_write(report, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS), printed.out);
    printed_end(&printed);
    page_print(out, printed.text);
    free(printed.text);
}

/* Beside its place, and moved there. */
static bool write_file(Driver *driver, const json_t *report)
{
    const char *output = driver->options.output, *dir = output_temp_dir(output, driver->arena, &driver->diag);
    const char *path = dir ? arena_printf(driver->arena, "%s/report", dir) : NULL;
    FILE *file = path ? fopen(path, "wbe") : NULL;
    bool is_json = str_ends_with(output, ".json") || driver->options.json;
    if (file)
        (is_json ? put_json : put_page)(report, file);
    bool ok = file && !ferror(file);
    ok = file && fclose(file) == 0 && ok;
    if (path && !ok)
        diag_resource(&driver->diag, NO_SPAN, "can't write '%s': %s", output, strerror(errno));
    return ok && options_spare_inputs(driver, output) && output_commit(path, output, &driver->diag);
}

/* ── Sides ───────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Side {
    const char *name;    /* as it was typed: a model, a program, or a saved report */
    bool saved;
    json_t *report;
    const char *program; /* that can be measured; NULL: a saved report's is not there */
} Side;

static const char *path_of(const char *program, Arena *arena)
{
    return strchr(program, '/') ? program : arena_printf(arena, "./%s", program);
}

static const char *folder_in(Driver *driver, const char *dir, const char *name)
{
    const char *path = arena_printf(driver->arena, "%s/%s", dir, name);
    if (mkdir(path, 0700) == 0)
        return path;
    diag_resource(&driver->diag, NO_SPAN, "can't write in '%s': %s", dir, strerror(errno));
    return NULL;
}

/* Without --snr: of the precision that is asked for, and of both where the interpreter needs no more than some seconds. */
static bool wants_precision(const Driver *driver, const json_t *report, const char *precision)
{
    const StrList *asked = &driver->options.snr;
    const char *own = driver->options.precision;
    for (int64_t i = 0; i < asked->len; i++)
        if (strcmp(asked->at[i], precision) == 0)
            return true;
    return !asked->len && ((own && strcmp(own, precision) == 0) ||
                           json_integer_value(json_object_get(json_object_get(report, "model"), "macs")) < CHEAP_MACS);
}

static Build side_build(Driver *driver, const Side *side, const char *precision)
{
    Build build = options_build_in(driver, precision);
    build.options.input = side->name;
    return build;
}

static bool measure_precisions(Driver *driver, Side *side, const char *dir)
{
    static const char *const precisions[] = {"bf16", "int8"};
    bool ok = true;
    for (int64_t i = 0; ok && i < countof(precisions); i++) {
        if (!wants_precision(driver, side->report, precisions[i]))
            continue;
        Verify verify = {.reference = side_build(driver, side, "f32"),
                         .compiled = side_build(driver, side, precisions[i]),
                         .per_op = true,
                         .dir = folder_in(driver, dir, precisions[i]),
                         .seed = 1};
        ok = verify.dir && options_choose_cpus(driver, &verify.compiled) && report_add_precision(side->report, &verify);
    }
    return ok;
}

static void report_model(Driver *driver, Side *side, const ReportOptions *options)
{
    Build build = side_build(driver, side, driver->options.precision);
    if (!options->dir || !options_choose_cpus(driver, &build) || !(side->report = report_make(&build, options)))
        return;
    if (strcmp(side->name, "-") != 0 && !measure_precisions(driver, side, options->dir)) {
        json_decref(side->report);
        side->report = NULL;
    }
    side->program = arena_printf(driver->arena, "%s/model", options->dir);
}

static bool report_side(Driver *driver, Side *side, const char *dir, const char *folder)
{
    const Options *o = &driver->options;
    ReportOptions options = {.cpu = o->cpu, .threads = o->threads ? o->threads : parallel_cores(), .snr = o->snr};
    if (side->saved) {
        side->report = saved_read(side->name, &driver->diag);
    } else if (machine_is_program(side->name, &driver->diag)) {
        side->program = path_of(side->name, driver->arena);
        side->report = report_of_program(side->program, &options, driver->arena, &driver->diag);
    } else if (!diag_failed(&driver->diag)) {
        options.dir = folder_in(driver, dir, folder);
        report_model(driver, side, &options);
    }
    return side->report;
}

/* In turn, where both can run. */
static bool compare(Driver *driver, Side *side, const Side *other)
{
    const Options *o = &driver->options;
    PairOptions options = {.player = {.threads = o->threads ? o->threads : parallel_cores(), .per_op = true}};
    json_t *pair = NULL;
    if (side->program && other->program &&
        !(pair = bench_pair(other->program, side->program, &options, driver->arena, &driver->diag)))
        return false;
    json_object_set_new(side->report, "comparison",
                        compare_reports(side->report, other->report, pair, other->name, driver->arena));
    json_decref(pair);
    return true;
}

static Side side_at(Driver *driver, int64_t index)
{
    const StrList *arguments = &driver->options.arguments;
    const char *name = index < arguments->len ? arguments->at[index] : NULL;
    return (Side){.name = name, .saved = name && saved_is_report(name, &driver->diag)};
}

/* What is read comes before what is measured, so that a mistake in it is told at once. */
static bool report_sides(Driver *driver, Side sides[2], const char *dir)
{
    static const char *const folders[] = {"model", "other"};
    for (int saved = 1; saved >= 0; saved--)
        for (int i = 0; i < 2; i++)
            if (sides[i].name && sides[i].saved == saved && !report_side(driver, &sides[i], dir, folders[i]))
                return false;
    return true;
}

/* Of the first argument, compared with the second; NULL after a diagnostic. */
static json_t *make(Driver *driver)
{
    Side sides[2] = {side_at(driver, 0), side_at(driver, 1)};
    const char *dir = diag_failed(&driver->diag) ? NULL : output_temp_dir(NULL, driver->arena, &driver->diag);
    bool ok = dir && report_sides(driver, sides, dir) && (!sides[1].name || compare(driver, &sides[0], &sides[1]));
    output_cleanup();
    json_decref(sides[1].report);
    if (ok)
        return sides[0].report;
    json_decref(sides[0].report);
    return NULL;
}

ExitCode subcommand_report(Driver *driver)
{
    const Options *o = &driver->options;
    progress_begin("report");
    json_t *report = check_words(driver) ? make(driver) : NULL;
    progress_end();
    if (!report)
        return driver_exit_code(driver);
    if (o->output)
        write_file(driver, report);
    else
        put_json(report, stdout);
    json_decref(report);
    return driver_exit_code(driver);
}
