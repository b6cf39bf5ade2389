/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Options: one table (options.def) gives parsing, help and suggestions. One dash before a name does as well as two. */
#include "runtime/cli/cli.h"
#include "ir/base/terminal.h"
#include "ir/base/words.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum OptionKind { OPTION_FLAG, OPTION_NUMBER, OPTION_TEXT, OPTION_NAMED } OptionKind;

typedef struct Option {
    const char *name;     /* with its dashes */
    const char *argument; /* for help; NULL: none */
    OptionKind kind;
    size_t field, count;  /* as options.def says */
    const char *help;
} Option;

static const Option options[] = {
#define PROGRAM_OPTION(name, argument, kind, field, count, help) \
    {name, argument, OPTION_##kind, offsetof(Cli, field), count, help},
#include "runtime/cli/options.def"
#undef PROGRAM_OPTION
};
enum { N_OPTIONS = sizeof options / sizeof *options };

static void *field_of(Cli *cli, size_t offset) { return (char *)cli + offset; }

static const Option *find_option(const char *word, size_t length)
{
    const char *bare = without_dashes(word);
    length -= (size_t)(bare - word);
    if (length == 1 && *bare == 'h')
        return find_option("--help", strlen("--help"));
    for (int i = 0; i < N_OPTIONS; i++) {
        const char *name = without_dashes(options[i].name);
        if (strlen(name) == length && memcmp(name, bare, length) == 0)
            return &options[i];
    }
    return NULL;
}

static bool unknown_option(Cli *cli, const char *word, size_t length)
{
    const char *names[N_OPTIONS];
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    for (int i = 0; i < N_OPTIONS; i++)
        names[i] = options[i].name;
    const char *near = nearest_name(name, names, N_OPTIONS);
    if (near)
        return cli_error(cli, CLI_USAGE, NULL, "unknown option '%s'; did you mean '%s'?", name, near);
    return cli_error(cli, CLI_USAGE, NULL, "unknown option '%s'; '%s --help' lists them", name, cli->program);
}

static bool set_number(Cli *cli, const Option *option, const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value < 1 || value > (long long)option->count)
        return cli_error(cli, CLI_USAGE, NULL, "%s takes a number from 1 to %zu, got '%s'", option->name, option->count, text);
    *(int64_t *)field_of(cli, option->field) = value;
    return true;
}

static bool add_named(Cli *cli, const Option *option, char *text)
{
    NamedFile *files = *(NamedFile **)field_of(cli, option->field);
    int64_t *n = field_of(cli, option->count);
    char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return cli_error(cli, CLI_USAGE, NULL, "%s takes NAME=FILE, got '%s'", option->name, text);
    *equals = 0;
    for (int64_t i = 0; i < *n; i++)
        if (strcmp(files[i].name, text) == 0)
            return cli_error(cli, CLI_USAGE, NULL, "%s '%s' is given twice", option->name, text);
    files[(*n)++] = (NamedFile){text, equals + 1};
    return true;
}

static bool set_flag(Cli *cli, const Option *option)
{
    *(bool *)field_of(cli, option->field) = true;
    return true;
}

static bool set_option(Cli *cli, const Option *option, char *value)
{
    switch (option->kind) {
    case OPTION_NUMBER: return set_number(cli, option, value);
    case OPTION_NAMED: return add_named(cli, option, value);
    default:
        if (!*value)
            return cli_error(cli, CLI_USAGE, NULL, "%s takes %s, got ''", option->name, option->argument);
        *(const char **)field_of(cli, option->field) = value;
        return true;
    }
}

/* "--name value", "--name=value", "-k5"; *i moves past a value of its own. */
static bool parse_option(Cli *cli, int argc, char **argv, int *i)
{
    char *word = argv[*i], *value = strchr(word, '=');
    size_t length = value ? (size_t)(value - word) : strlen(word);
    const Option *option = find_option(word, length);
    if (!option && word[1] == 'k' && word[2] >= '0' && word[2] <= '9')
        return set_option(cli, find_option("-k", 2), word + 2);
    if (!option)
        return unknown_option(cli, word, length);
    if (!option->argument && value)
        return cli_error(cli, CLI_USAGE, NULL, "%s takes no value", option->name);
    if (!option->argument)
        return set_flag(cli, option);
    if (value)
        return set_option(cli, option, value + 1);
    if (*i + 1 >= argc)
        return cli_error(cli, CLI_USAGE, NULL, "%s needs a value: %s", option->name, option->argument);
    return set_option(cli, option, argv[++*i]);
}

bool cli_parse(Cli *cli, int argc, char **argv)
{
    size_t n = argc > 0 ? (size_t)argc : 1;
    cli->inputs = calloc(n, sizeof *cli->inputs);
    cli->outputs = calloc(n, sizeof *cli->outputs);
    cli->pictures = calloc(n, sizeof *cli->pictures);
    if (!cli->inputs || !cli->outputs || !cli->pictures)
        return cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    bool only_pictures = false;
    for (int i = 1; i < argc; i++) {
        if (only_pictures || argv[i][0] != '-' || !argv[i][1])
            cli->pictures[cli->n_pictures++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_pictures = true;
        else if (!parse_option(cli, argc, argv, &i))
            return false;
    }
    return true;
}

void cli_free(Cli *cli)
{
    free(cli->inputs);
    free(cli->outputs);
    free(cli->pictures);
}

/* A line of the examples: the program, then words around names of the model. */
/* What follows the program's name: words, and for an example of tensors their names between. */
static void put_example(const Cli *cli, int width, const char *words, const char *name, const char *more, const char *other,
                        const char *end)
{
    char *text = NULL;
    size_t size;
    FILE *line = open_memstream(&text, &size);
    if (!line)
        return;
    put_escaped(line, cli->program);
    fputs(words, line);
    put_escaped(line, name);
    fputs(more, line);
    put_escaped(line, other);
    fputs(end, line);
    if (fclose(line) == 0)
        print_example(stdout, text, width);
    free(text);
}

void cli_print_help(const Cli *cli)
{
    int width = terminal_width(STDOUT_FILENO, 110);
    printf("Examples:\n");
    if (compiled_model.preprocessor && compiled_model.mask_output >= 0) {
        put_example(cli, width,
                    " street.jpg -o mask.png     the label of each pixel; a line for each label: PATH, LABEL, AREA, COLOR", "",
                    "", "", "");
        put_example(cli, width, " street.jpg --overlay=seen.png --json", "", "", "", "");
    } else if (compiled_model.preprocessor) {
        put_example(cli, width, " cat.jpg dog.png            one line an answer: PATH, LABEL, SCORE, best first", "", "", "", "");
        put_example(cli, width, " photos/ -k 1 --jsonl       the pictures in a folder and below, a JSON object a line", "", "",
                    "", "");
        put_example(cli, width, " --files-from=- --csv       paths from standard input, as they come", "", "", "", "");
    }
    if (compiled_model.n_inputs && compiled_model.n_outputs)
        put_example(cli, width, " --input ", compiled_model.tensors[0].name, "=x.npy --output ",
                    compiled_model.tensors[compiled_model.n_inputs].name, "=y.npy");
    put_example(cli, width, " --bench", "", "", "", "");
    fputs("\nUsage: ", stdout);
    put_escaped(stdout, cli->program);
    printf(" [OPTION]... [PICTURE|FOLDER]...\n\nOptions:\n");
    for (int i = 0; i < N_OPTIONS; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options[i].name, options[i].argument ? " " : "",
                 options[i].argument ? options[i].argument : "");
        print_entry(stdout, left, options[i].help, 29, width);
    }
    putchar('\n');
    print_wrapped(
        stdout,
        "Pictures are JPEG, PNG or WebP; - is standard input. Folders are walked by name, and those inside them; only names that "
        "end like pictures count. Tensors are NumPy's .npy, any batch.",
        0, width);
    print_wrapped(
        stdout,
        "Exit codes: 0 ok, 1 the input is wrong, 2 usage, 3 valid but unsupported, 4 files, memory or another resource, 70 a "
        "bug.",
        0, width);
}
