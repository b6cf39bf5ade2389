/* The executable: what is asked for, in order of precedence, and how it ends. */
#include "runtime/cli/cli.h"
#include "runtime/cpu.h"
#include "runtime/internal.h"

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

/* What the least demanding variant lacks is the least that is missing. */
static bool check_cpu(Cli *cli)
{
    const CnxrtVariant *least = compiled_model.variants[compiled_model.n_variants - 1];
    char names[128];
    if (cpu_variant(&compiled_model))
        return true;
    cpu_feature_names(cpu_missing(least->cpu_features), names, sizeof names);
    return cli_error(cli, CLI_RESOURCE, NULL,
                     "compiled for %s%s, but this processor lacks %s; compile with -mcpu for "
                     "this machine",
                     least->cpu_name, compiled_model.n_variants > 1 ? " and better" : "", names);
}

static bool nothing_to_do(Cli *cli)
{
    return cli_error(cli, CLI_USAGE, NULL, "no picture and no --input; '%s --help' shows examples", cli->program);
}

static bool print_version(void)
{
    put_escaped(stdout, compiled_model.name);
    printf(" (cnxc %s)\n", compiled_model.version);
    return true;
}

static bool run(Cli *cli)
{
    bool tensors = cli->n_inputs || cli->n_outputs;
    if (!cli->bench && !cli->selftest && !tensors && cli->n_pictures == 0 && !cli->dump_pixels)
        return nothing_to_do(cli);
    if ((cli->bench || cli->selftest) && cli->n_pictures)
        return cli_error(cli, CLI_USAGE, NULL, "%s takes no pictures", cli->bench ? "--bench" : "--selftest");
    if (!outputs_check(cli))
        return false;
    if (!cli_open(cli, cli->dump_pixels && !tensors ? 1 : cli->n_threads))
        return false;
    if (cli->selftest)
        return cli_selftest(cli);
    if (cli->bench || tensors || !cli->dump_pixels) /* pixels do not depend on them */
        cli_check_weights(cli);
    if (cli->bench)
        return cli_bench(cli);
    if (cli->dump_pixels && !cli_dump_pixels(cli))
        return false;
    if (tensors)
        return cli_run_tensors(cli);
    return cli->dump_pixels || cli_classify(cli);
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
    return cli.exit_code;
}
