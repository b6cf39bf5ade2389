/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The executable: what is asked for, in order of precedence, and how it ends. */
#include "runtime/cli/cli.h"
#include "runtime/cli/pipeline.h"
#include "runtime/cli/signals.h"
#include "runtime/cpu.h"
#include "runtime/internal.h"
#include "runtime/licenses.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A closed standard stream would let the next file opened become it: park something there that fails as it should. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return;
}

static bool check_cpu(Cli *cli)
{
    char reason[256];
    return cpu_variant(&compiled_model) || cli_error(cli, CLI_RESOURCE, NULL, "%s; compile with -mcpu for this machine",
                                                     cpu_refusal(&compiled_model, reason, sizeof reason));
}

static bool has_pictures(const Cli *cli) { return cli->n_pictures || cli->files_from; }

/* Of what is asked for besides answers; NULL: nothing. */
static const char *mode_of(const Cli *cli)
{
    return cli->info ? "--info" : cli->selftest ? "--selftest" : cli->bench ? "--bench" : NULL;
}

static const char *option_of_bench(const Cli *cli)
{
    return cli->batch    ? "--batch"
           : cli->turns  ? "--turns"
           : cli->runs   ? "--runs"
           : cli->per_op ? "--per-op"
           : cli->trace  ? "--trace"
                         : NULL;
}

static const char *option_of_answers(const Cli *cli)
{
    return cli->k             ? "-k"
           : cli->mask        ? "-o"
           : cli->overlay     ? "--overlay"
           : cli->jsonl       ? "--jsonl"
           : cli->csv         ? "--csv"
           : cli->strict      ? "--strict"
           : cli->dump_pixels ? "--dump-pixels"
                              : NULL;
}

/* No option is there for nothing. */
static bool check_mode(Cli *cli)
{
    const char *mode = mode_of(cli);
    if (cli->info + cli->selftest + cli->bench > 1)
        return cli_error(cli, CLI_USAGE, NULL, "--info, --selftest and --bench exclude each other");
    if (!cli->bench && option_of_bench(cli))
        return cli_error(cli, CLI_USAGE, NULL, "%s goes with --bench", option_of_bench(cli));
    if (mode && has_pictures(cli))
        return cli_error(cli, CLI_USAGE, NULL, "%s takes no pictures", mode);
    if (mode && option_of_answers(cli))
        return cli_error(cli, CLI_USAGE, NULL, "%s needs a picture, and %s takes none", option_of_answers(cli), mode);
    if (cli->selftest && cli->json)
        return cli_error(cli, CLI_USAGE, NULL, "--json has no form for --selftest");
    return true;
}

/* What can't be meant, before anything is opened. */
static bool check_usage(Cli *cli)
{
    bool measures = cli->bench || cli->selftest;
    int forms = cli->json + cli->jsonl + cli->csv;
    const char *needy = cli->mask ? "-o" : cli->overlay ? "--overlay" : cli->dump_pixels ? "--dump-pixels" : NULL;
    if (needy && !has_pictures(cli))
        return cli_error(cli, CLI_USAGE, NULL, "%s needs a picture", needy);
    if (!measures && !cli->n_inputs && !cli->n_outputs && !has_pictures(cli))
        return cli_error(cli, CLI_USAGE, NULL, "no picture and no --input; '%s --help' shows examples", cli->program);
    for (int64_t i = 0; cli->files_from && strcmp(cli->files_from, "-") == 0 && i < cli->n_pictures; i++)
        if (strcmp(cli->pictures[i], "-") == 0)
            return cli_error(cli, CLI_USAGE, NULL, "standard input is a list, so it is not a picture, too");
    if (forms > 1)
        return cli_error(cli, CLI_USAGE, NULL, "--json, --jsonl and --csv exclude each other");
    return true;
}

static bool print_version(void)
{
    put_escaped(stdout, compiled_model.name);
    printf(" (cnxc %s)\n", compiled_model.version);
    return true;
}

/* That of the C library is there where the link has put it. */
#pragma weak licenses_glibc
static bool print_licenses(void)
{
    fputs(licenses_text, stdout);
    if (licenses_glibc)
        printf("\n\n==== glibc ====\n\n%s", licenses_glibc);
    return true;
}

static bool run_tensors(Cli *cli)
{
    cli_close(cli); /* --dump-pixels had it open */
    if (cli->files_from)
        return cli_error(cli, CLI_USAGE, NULL,
                         "what --output names is not of single pictures: name all pictures, without --files-from");
    if (!cli_open(cli, cli->n_threads))
        return false;
    cli_check_weights(cli);
    return cli_run_tensors(cli);
}

static bool run(Cli *cli)
{
    if (!check_usage(cli) || !outputs_check(cli))
        return false;
    if (has_pictures(cli) && pipeline_fits(cli))
        return pipeline_run(cli, cli->n_outputs || cli->mask || cli->overlay || !cli->dump_pixels);
    if (!cli->bench && !cli->selftest)
        return (!cli->dump_pixels || pipeline_run(cli, false)) && run_tensors(cli);
    if (!cli_open(cli, cli->n_threads))
        return false;
    if (cli->selftest)
        return cli_selftest(cli);
    cli_check_weights(cli);
    return cli_bench(cli);
}

static bool dispatch(Cli *cli, int argc, char **argv)
{
    if (!cli_parse(cli, argc, argv))
        return false;
    if (cli->help) {
        cli_print_help(cli);
        return true;
    }
    if (cli->version)
        return print_version();
    if (cli->licenses)
        return print_licenses();
    if (!check_mode(cli))
        return false;
    if (cli->info)
        return cli_info(cli);
    return check_cpu(cli) && run(cli);
}

/* What a user would type: the last part of the path, or "cnxc run MODEL", which is how cnxc calls a program in its cache. */
static const char *program_name(int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : compiled_model.name;
    const char *slash = strncmp(name, "cnxc run ", 9) == 0 ? NULL : strrchr(name, '/');
    return slash ? slash + 1 : name;
}

int cnxrt_main(int argc, char **argv)
{
    Cli cli = {.program = program_name(argc, argv)};
    hold_standard_streams();
    if (!dispatch(&cli, argc, argv) && cli.exit_code == CLI_OK)
        cli.exit_code = CLI_BUG;
    outputs_discard(); /* what a failure left uncommitted */
    cli_close(&cli);
    cli_free(&cli);
    bool failed = ferror(stdout);
    if (fflush(stdout) != 0 || failed)
        cli_error(&cli, CLI_RESOURCE, NULL, "cannot write to standard output: %s", strerror(errno));
    signals_obey();
    return cli.exit_code;
}
