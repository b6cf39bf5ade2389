/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The driver: what the command line says, and the subcommands that do it.
 *
 * One table of options (options.def) feeds the parser, --help, docs/options.md, the man page and the shell
 * completions; one table of commands (commands.c) does the same for subcommands. Each subcommand is one file
 * with one function subcommand_NAME. A driver lives for one process and ends with an exit code. */
#ifndef CNXC_DRIVER_DRIVER_H
#define CNXC_DRIVER_DRIVER_H

#include "compiler/build/build.h"

typedef struct Options {
    /* As written; NULL, 0 or empty where nothing was said. */
    const char *output, *emit, *cpu, *target, *level, *precision, *task, *problem_type, *weights, *prefix, *preproc, *budget;
    const char *program, *processor, *labels; /* program: of --for */
    const char *image_size, *print_after, *color, *diagnostics, *format, *against, *confusion, *calibrate, *max_drop, *depfile;
    const char *fail_if_slower;
    StrList outputs, dims, runner, snr, arguments; /* arguments: MODEL and what follows it */
    StrList forwarded;                /* of run: the program's words */
    int64_t jobs, threads, batch, rounds, seed;
    bool static_libc, time_passes, verify_each, save_temps, verbose, dry_run, config_only, cached;
    bool json, per_op, per_node, peak, error, host, xml, licenses, help, version;
    /* Derived by options_parse. */
    int opt_level;                    /* 0 … 3 */
    double drop, seconds;             /* of --max-drop: points; of --budget, 0: nothing was said */
    double slower;                    /* of --fail-if-slower: 0.02 for 2% */
    const System *system;             /* of --target; this machine's by default */
    ImageSizes sizes;                 /* of --image-size */
    VEC(DimBinding) dim_bindings;
} Options;

typedef struct Driver Driver;

typedef struct Command {
    const char *name;
    unsigned bit;                     /* in Option.commands */
    const char *usage;                /* what follows the name */
    const char *summary;              /* one line */
    const char *examples;             /* lines, each "command   # what it does" */
    int min_arguments, max_arguments; /* -1: any number */
    bool forwards;                    /* what follows MODEL and is no option of cnxc's belongs to the compiled program */
} Command;

enum {
    C_COMPILE = 1,
    C_RUN = 2,
    C_BENCH = 4,
    C_EVAL = 8,
    C_VERIFY = 16,
    C_CHECK = 32,
    C_INFO = 64,
    C_TUNE = 128,
    C_TARGETS = 256,
    C_HELP = 512,
    C_WEIGHTS = 1024,
    C_REPORT = 2048,
    C_EXPLAIN = 4096,
    /* Those that read a model. */
    C_BUILD = C_COMPILE | C_RUN | C_BENCH | C_EVAL | C_VERIFY | C_INFO | C_CHECK | C_TUNE | C_REPORT | C_EXPLAIN,
    C_ALL = (1 << 16) - 1,
    C_RECIPE = 1 << 16, /* no command: options that decide code and packing, which an artifact remembers */
};

typedef enum OptionKind {
    KIND_FLAG,   /* bool */
    KIND_STRING, /* const char * */
    KIND_CHOICE, /* const char *, one of choices */
    KIND_LIST,   /* StrList; commas separate, repeats add */
    KIND_INT,    /* int64_t, at least 1 */
    KIND_LEVEL,  /* const char *; the value is joined to the name: -O2 */
} OptionKind;

typedef struct Option {
    unsigned commands;   /* which it belongs to */
    OptionKind kind;
    size_t field;        /* offset in Options */
    const char *name, *alias; /* alias may be NULL */
    const char *metavar; /* NULL for flags */
    const char *choices; /* "a|b|c", NULL: any */
    const char *help;
} Option;

typedef struct ProgramOption {
    const char *name, *argument; /* argument: NULL for flags */
    const char *help;
} ProgramOption;

struct Driver {
    Arena *arena;
    Diag diag;
    Options options;
    const Command *command;
};

/* commands.c */
const Command *command_find(const char *name);
int64_t command_count(void);
const Command *command_at(int64_t index);

/* program.c: the options of compiled programs. */
int64_t program_option_count(void);
const ProgramOption *program_option_at(int64_t index);
/* Which one word is; complete: it needs no value, or has it in the word. NULL: none. */
const ProgramOption *program_option_find(const char *word, bool *complete);

/* options.c. options_parse reports mistakes and leaves them in driver->diag. */
void options_parse(Driver *driver, int argc, char **argv);
int64_t option_count(void);
const Option *option_at(int64_t index);
/* The first option given that decides code, which a program that is compiled already has; NULL: none. */
const char *options_of_code(const Driver *driver);
/* As if the words of an artifact's recipe stood on the command line. */
void options_repeat(Driver *driver, StrList words);
Build options_build(Driver *driver);               /* of MODEL; CPUs and outputs not yet chosen */
Build options_build_in(Driver *driver, const char *precision); /* the same in another precision than the command line's */
const CpuProfile *options_profile(Driver *driver); /* of -mcpu; NULL after a diagnostic */
/* Those of -mcpu=A,B…: code can be made for all, the most demanding first. False after a diagnostic. */
bool options_choose_cpus(Driver *driver, Build *build);

/* May path be written? It is none of the files of the arguments; once a model is loaded, none of its weights either. False after a
 * diagnostic. */
bool options_spare_inputs(Driver *driver, const char *path);

/* An error of the command line: exit code 2. */
void usage_error(Driver *driver, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* help.c */
void help_print(FILE *out, const Command *command); /* NULL: the overview */
ExitCode subcommand_help(Driver *driver);

/* completions.c: bash, zsh or fish */
void completions_print(FILE *out, const char *shell, Arena *arena);

ExitCode subcommand_compile(Driver *driver);
ExitCode subcommand_run(Driver *driver);
ExitCode subcommand_bench(Driver *driver);
ExitCode subcommand_eval(Driver *driver);
ExitCode subcommand_verify(Driver *driver);
ExitCode subcommand_check(Driver *driver);
ExitCode subcommand_info(Driver *driver);
ExitCode subcommand_explain(Driver *driver);
ExitCode subcommand_tune(Driver *driver);
ExitCode subcommand_targets(Driver *driver);
ExitCode subcommand_weights(Driver *driver);
ExitCode subcommand_report(Driver *driver);

/* The exit code that the diagnostics so far ask for. */
static inline ExitCode driver_exit_code(const Driver *driver)
{
    return diag_failed(&driver->diag) ? driver->diag.exit_code : EXIT_OK;
}

#endif
