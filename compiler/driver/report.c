/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc report: all that is known of a model, as a page or as JSON (report/report.c, report/page.c). */
#include "compiler/build/output.h"
#include "compiler/driver/driver.h"
#include "compiler/report/json.h"
#include "compiler/report/page.h"
#include "compiler/report/report.h"
#include "ir/base/parallel.h"
#include "ir/base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

ExitCode subcommand_report(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = options_build(driver);
    ReportOptions options = {.cpu = o->cpu, .threads = o->threads ? o->threads : parallel_cores()};
    if (!check_words(driver) || !options_choose_cpus(driver, &build))
        return driver_exit_code(driver);
    json_t *report = report_make(&build, &options);
    if (!report)
        return driver_exit_code(driver);
    if (o->output)
        write_file(driver, report);
    else
        put_json(report, stdout);
    json_decref(report);
    return driver_exit_code(driver);
}
