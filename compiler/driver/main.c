/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc: the ConvNeXt compiler. The command line only: streams, options, dispatch, exit code. */
#include "compiler/driver/driver.h"
#include "compiler/build/output.h"
#include "ir/base/parallel.h"
#include "ir/base/progress.h"
#include "ir/base/reads.h"
#include "ir/base/terminal.h"
#include "runtime/licenses.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A closed standard stream would lend its number to the next file opened, and messages would go into it. What
 * takes its place can't be used in the stream's direction, so that lost output is an error still. */
static void open_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_RESOURCE);
}

static bool wants_color(const Options *options)
{
    const char *when = options->color ? options->color : "auto";
    return strcmp(when, "auto") == 0 ? terminal_takes_color(STDERR_FILENO) : strcmp(when, "always") == 0;
}

static ExitCode run_command(Driver *driver)
{
    switch (driver->command->bit) {
    case C_COMPILE: return subcommand_compile(driver);
    case C_RUN: return subcommand_run(driver);
    case C_BENCH: return subcommand_bench(driver);
    case C_EVAL: return subcommand_eval(driver);
    case C_VERIFY: return subcommand_verify(driver);
    case C_CHECK: return subcommand_check(driver);
    case C_INFO: return subcommand_info(driver);
    case C_EXPLAIN: return subcommand_explain(driver);
    case C_TUNE: return subcommand_tune(driver);
    case C_WEIGHTS: return subcommand_weights(driver);
    case C_REPORT: return subcommand_report(driver);
    case C_TARGETS: return subcommand_targets(driver);
    case C_HELP: return subcommand_help(driver);
    }
    unreachable();
}

static ExitCode dispatch(Driver *driver)
{
    const Options *o = &driver->options;
    if (diag_failed(&driver->diag))
        return driver_exit_code(driver);
    if (o->version) {
        puts("cnxc " CNXC_VERSION);
        return EXIT_OK;
    }
    if (o->licenses) {
        printf("%s\n\n%s", licenses_own, licenses_text);
        return EXIT_OK;
    }
    if (o->help) {
        help_print(stdout, driver->command);
        return EXIT_OK;
    }
    if (o->cpu && strcmp(o->cpu, "help") == 0)
        return subcommand_targets(driver);
    return run_command(driver);
}

/* Output that did not arrive is an error, even if nobody looked at each write. */
static ExitCode finish_output(Driver *driver, ExitCode code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno != EPIPE) /* a reader that has seen enough, as head, needs no message */
        diag_resource(&driver->diag, NO_SPAN, "standard output can't be written: %s", strerror(errno));
    return code ? code : EXIT_RESOURCE;
}

/* For mistakes of the command line, which is not read yet. */
static bool asks_for(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(without_dashes(argv[i]), option) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    open_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is a failed write, not a death that leaves files */
    output_guard();
    reads_keep();
    Arena *arena = arena_new();
    Driver driver = {.arena = arena};
    driver.diag.json = asks_for(argc, argv, "diagnostics=json");
    driver.diag.color =
        asks_for(argc, argv, "color=always") || (wants_color(&driver.options) && !asks_for(argc, argv, "color=never"));
    options_parse(&driver, argc, argv);
    parallel_set_jobs(driver.options.jobs);
    driver.diag.color = wants_color(&driver.options);
    driver.diag.json = driver.options.diagnostics && strcmp(driver.options.diagnostics, "json") == 0;
    progress_watch(terminal_redraws(STDERR_FILENO) && !driver.diag.json && !driver.options.verbose);
    ExitCode code = finish_output(&driver, dispatch(&driver));
    output_cleanup();
    arena_free(arena);
    return code;
}
