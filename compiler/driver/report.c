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
#include "ir/base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool check_words(Driver *driver)
{
    const Options *o = &driver->options;
    if (!o->output && !o->json)
        usage_error(driver, "where to write: -o FILE.html, -o FILE.json, or --json for standard output");
    else if (o->output && o->json && !str_ends_with(o->output, ".json"))
        usage_error(driver, "--json goes with -o FILE.json, or without -o");
    return !diag_failed(&driver->diag) && (!o->output || output_check(o->output, o->arguments.at[0], &driver->diag));
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
    return ok && output_commit(path, output, &driver->diag);
}

/* ── Sides ───────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Side {
    const char *name;    /* as it was typed: a model, a program, or a saved report */
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

static void report_model(Driver *driver, Side *side, const ReportOptions *options)
{
    Build build = options_build(driver);
    build.options.input = side->name;
    if (options->dir && options_choose_cpus(driver, &build))
        side->report = report_make(&build, options);
    side->program = arena_printf(driver->arena, "%s/model", options->dir);
}

static bool report_side(Driver *driver, Side *side, const char *dir, const char *folder)
{
    const Options *o = &driver->options;
    ReportOptions options = {.cpu = o->cpu, .threads = o->threads ? o->threads : parallel_cores()};
    if (saved_is_report(side->name)) {
        side->report = saved_read(side->name, &driver->diag);
    } else if (machine_is_program(side->name)) {
        side->program = path_of(side->name, driver->arena);
        side->report = report_of_program(side->program, &options, driver->arena, &driver->diag);
    } else {
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

/* Of the first argument, compared with the second; NULL after a diagnostic. */
static json_t *make(Driver *driver)
{
    const StrList *arguments = &driver->options.arguments;
    Side side = {.name = arguments->at[0]}, other = {.name = arguments->len > 1 ? arguments->at[1] : NULL};
    const char *dir = output_temp_dir(NULL, driver->arena, &driver->diag);
    bool ok = dir && (!other.name || !saved_is_report(other.name) || report_side(driver, &other, dir, "other")) &&
              report_side(driver, &side, dir, "model") &&
              (!other.name || other.report || report_side(driver, &other, dir, "other")) &&
              (!other.name || compare(driver, &side, &other));
    output_cleanup();
    json_decref(other.report);
    if (ok)
        return side.report;
    json_decref(side.report);
    return NULL;
}

ExitCode subcommand_report(Driver *driver)
{
    const Options *o = &driver->options;
    json_t *report = check_words(driver) ? make(driver) : NULL;
    if (!report)
        return driver_exit_code(driver);
    if (o->output)
        write_file(driver, report);
    else
        put_json(report, stdout);
    json_decref(report);
    return driver_exit_code(driver);
}
