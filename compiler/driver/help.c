/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Help in every form, from the tables of commands and options: --help, docs/options.md and man pages; completions.c for shells. */
#include "compiler/driver/driver.h"

#include "ir/base/terminal.h"
#include "ir/op_doc.h"

#include <string.h>
#include <unistd.h>

/* ── Text ────────────────────────────────────────────────────────────────────────────────────────────── */

/* "--emit=KIND", "-o FILE", "-O LEVEL" → "-O0..3" */
static const char *option_form(Arena *arena, const Option *option)
{
    const char *alias = option->alias ? arena_printf(arena, ", %s", option->alias) : "";
    if (option->kind == KIND_FLAG)
        return arena_printf(arena, "%s%s", option->name, alias);
    if (option->kind == KIND_LEVEL)
        return arena_printf(arena, "%s%s", option->name, "0..3");
    bool joined = option->name[1] == '-' || option->name[2] != '\0';
    return arena_printf(arena, "%s%c%s%s", option->name, joined ? '=' : ' ', option->metavar, alias);
}

enum { FORM_WIDTH = 26, PAGE_WIDTH = 100, WIDEST = 120, COMMAND_WIDTH = 13, BELOW_USAGE = 6 };

/* "a|b|c" → "a, b, c" */
static const char *with_commas(Arena *arena, const char *choices)
{
    StrBuf text = {.arena = arena};
    for (const char *c = choices; *c; c++)
        sb_put_n(&text, *c == '|' ? ", " : c, *c == '|' ? 2 : 1);
    return text.text;
}

static const char *option_help(Arena *arena, const Option *option)
{
    bool lists = option->choices && option->kind == KIND_CHOICE;
    return lists ? arena_printf(arena, "%s (%s)", option->help, with_commas(arena, option->choices)) : option->help;
}

static const char *program_form(Arena *arena, const ProgramOption *option)
{
    return option->argument ? arena_printf(arena, "%s %s", option->name, option->argument) : option->name;
}

/* The terminal's; that of the documents where there is none. */
static int page_width(void)
{
    int width = terminal_width(STDOUT_FILENO, PAGE_WIDTH);
    return width < WIDEST ? width : WIDEST;
}

static void print_examples(FILE *out, Arena *arena, const char *lines, int width)
{
    fputs("Examples:\n", out);
    for (; *lines; lines += strcspn(lines, "\n"), lines += *lines == '\n')
        print_example(out, arena_strndup(arena, lines, (int64_t)strcspn(lines, "\n")), width);
}

/* What the environment says; the last also to a compiled program. */
static const struct {
    const char *names, *help;
} variables[] = {
    {"XDG_CACHE_HOME, HOME",
     "cnxc run, bench and eval keep what they compiled in $XDG_CACHE_HOME/cnxc, or else $HOME/.cache/cnxc"},
    {"CNXC_CACHE_BYTES", "how much the cache may hold, 4 GiB by default"},
    {"TMPDIR", "where files lie that only cnxc needs; /tmp by default"},
    {"NO_COLOR, TERM", "no colour in messages if NO_COLOR is not empty, or TERM is dumb; compiled programs heed them, too"},
};

static const char overview_examples[] = "cnxc run model/ cat.jpg             # compile a Hugging Face folder, answer a picture\n"
                                        "cnxc compile model/ -o tiny         # a program of its own: ./tiny cat.jpg\n"
                                        "cnxc compile model.onnx --emit=shared -o libtiny.so\n"
                                        "cnxc info model.onnx                # what is in it\n";

static void print_overview(FILE *out, Arena *arena, int width)
{
    print_wrapped(out, "cnxc " CNXC_VERSION " compiles ConvNeXt models to programs and libraries that need nothing else.", 0,
                  width);
    fputc('\n', out);
    print_examples(out, arena, overview_examples, width);
    fputc('\n', out);
    print_wrapped(out,
                  "MODEL is a Hugging Face folder, a checkpoint alone, an .onnx file or ONNX text, known by its content; - is "
                  "standard input.",
                  0, width);
    fputs("\nCommands:\n", out);
    for (int64_t i = 0; i < command_count(); i++)
        print_entry(out, command_at(i)->name, command_at(i)->summary, COMMAND_WIDTH, width);
    fputc('\n', out);
    print_wrapped(out, "'cnxc COMMAND --help' lists a command's options, which may stand before it, too, with one dash or two.",
                  0, width);
    print_wrapped(
        out, "Exit codes: 0 ok, 1 the input is wrong, 2 usage, 3 valid but unsupported, 4 files or memory, 70 a bug of cnxc.", 0,
        width);
}

/* What a command is asked for first, what it shares with all that read a model, what is as everywhere. */
typedef enum Group { OF_COMMAND, OF_MODEL, OF_ALL, GROUPS } Group;

enum { FEW = 7 }; /* commands that have an option of their own */

static Group group_of(const Option *option)
{
    unsigned commands = option->commands & C_ALL;
    return commands == C_ALL ? OF_ALL : __builtin_popcount(commands) > FEW ? OF_MODEL : OF_COMMAND;
}

static void print_group(FILE *out, Arena *arena, const Command *command, Group group, int width)
{
    static const char *const titles[] = {"Options:", "Of the model and how it is compiled:", "Of all commands:"};
    bool any = false;
    for (int64_t i = 0; i < option_count(); i++) {
        const Option *option = option_at(i);
        if (!(option->commands & command->bit) || group_of(option) != group)
            continue;
        if (!any)
            fprintf(out, "\n%s\n", titles[group]);
        any = true;
        print_entry(out, option_form(arena, option), option_help(arena, option), FORM_WIDTH, width);
    }
}

static void print_command(FILE *out, Arena *arena, const Command *command, int width)
{
    if (*command->examples) {
        print_examples(out, arena, command->examples, width);
        fputc('\n', out);
    }
    print_wrapped(out, arena_printf(arena, "Usage: cnxc %s %s", command->name, command->usage), BELOW_USAGE, width);
    fputs("  ", out);
    print_wrapped(out, command->summary, 2, width);
    for (Group group = 0; group < GROUPS; group++) {
        if (group == OF_MODEL && command->forwards)
            fputs("\nOf the program:\n", out);
        for (int64_t i = 0; group == OF_MODEL && command->forwards && i < program_option_count(); i++)
            print_entry(out, program_form(arena, program_option_at(i)), program_option_at(i)->help, FORM_WIDTH, width);
        print_group(out, arena, command, group, width);
    }
}

void help_print(FILE *out, const Command *command)
{
    Arena *arena = arena_new();
    if (command)
        print_command(out, arena, command, page_width());
    else
        print_overview(out, arena, page_width());
    arena_free(arena);
}

/* ── docs/options.md ─────────────────────────────────────────────────────────────────────────────────── */

static void print_markdown_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void print_markdown_row(FILE *out, const char *form, const char *help)
{
    fputs("| `", out);
    print_markdown_cell(out, form);
    fputs("` | ", out);
    print_markdown_cell(out, help);
    fputs(" |\n", out);
}

static void print_markdown_command(FILE *out, Arena *arena, const Command *command)
{
    fprintf(out, "\n## cnxc %s\n\n`cnxc %s %s`: %s.\n\n", command->name, command->name, command->usage, command->summary);
    if (*command->examples)
        fprintf(out, "```sh\n%s```\n\n", command->examples);
    fputs("| option | meaning |\n| --- | --- |\n", out);
    for (int64_t i = 0; i < option_count(); i++)
        if (option_at(i)->commands & command->bit)
            print_markdown_row(out, option_form(arena, option_at(i)), option_help(arena, option_at(i)));
}

static void print_markdown(FILE *out, Arena *arena)
{
    fputs(
        "# Commands and options\n\nWritten by `cnxc help --format=markdown` from the compiler's own tables. Names take one dash or "
        "two, and options stand anywhere, before the command, too.\n",
        out);
    for (int64_t i = 0; i < command_count(); i++)
        print_markdown_command(out, arena, command_at(i));
    fputs(
        "\n## The program\n\nOptions of what `cnxc compile` writes and `cnxc run` runs.\n\n| option | meaning |\n| --- | --- |\n",
        out);
    for (int64_t i = 0; i < program_option_count(); i++)
        print_markdown_row(out, program_form(arena, program_option_at(i)), program_option_at(i)->help);
    fputs("\n## Environment\n\n| variable | meaning |\n| --- | --- |\n", out);
    for (int64_t i = 0; i < countof(variables); i++)
        print_markdown_row(out, variables[i].names, variables[i].help);
}

/* ── The man page ────────────────────────────────────────────────────────────────────────────────────── */

/* roff takes a dash for a hyphen, and a dot at the line's start for a request. */
static void print_roff(FILE *out, const char *text)
{
    for (bool start = true; *text; start = *text++ == '\n') {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        fprintf(out, *text == '-' ? "\\-" : *text == '\\' ? "\\e" : "%c", *text);
    }
}

static void print_man_item(FILE *out, const char *form, const char *help)
{
    fputs(".TP\n.B ", out);
    print_roff(out, form);
    fputc('\n', out);
    print_roff(out, help);
    fputs(".\n", out);
}

static void print_man_lists(FILE *out, Arena *arena)
{
    for (int64_t i = 0; i < command_count(); i++)
        print_man_item(out, arena_printf(arena, "cnxc %s %s", command_at(i)->name, command_at(i)->usage), command_at(i)->summary);
    fputs(".SH OPTIONS\nNames take one dash or two, and options stand anywhere, before the command, too.\n", out);
    for (int64_t i = 0; i < option_count(); i++)
        print_man_item(out, option_form(arena, option_at(i)), option_help(arena, option_at(i)));
    fputs(".SH OPTIONS OF THE PROGRAM\nThat\n.B cnxc compile\nwrites and\n.B cnxc run\nruns.\n", out);
    for (int64_t i = 0; i < program_option_count(); i++)
        print_man_item(out, program_form(arena, program_option_at(i)), program_option_at(i)->help);
    fputs(".SH ENVIRONMENT\n", out);
    for (int64_t i = 0; i < countof(variables); i++)
        print_man_item(out, variables[i].names, variables[i].help);
}

/* Of what cnxc makes: a page of its own, for machines that have programs and no compiler. */
static void print_man_program(FILE *out, Arena *arena)
{
    fputs(
        ".TH CNXC-PROGRAM 7 \"\" \"cnxc " CNXC_VERSION "\" \"Compiled models\"\n.SH NAME\ncnxc-program \\- programs that cnxc "
        "makes of models\n.SH SYNOPSIS\n.B PROGRAM\n[\\fIoptions\\fR] [\\fIpictures and folders\\fR]\n.SH DESCRIPTION\n"
        "Answers a line for each picture (JPEG, PNG or WebP): PATH, LABEL and SCORE, separated by tabs, best first. Folders are walked; - is "
        "standard input. Tensors are NumPy's .npy files, float32 in NCHW and C order, of any batch. A picture that can't be read is "
        "reported, the others are answered.\n.SH OPTIONS\n",
        out);
    for (int64_t i = 0; i < program_option_count(); i++)
        print_man_item(out, program_form(arena, program_option_at(i)), program_option_at(i)->help);
    fputs(".SH ENVIRONMENT\n", out);
    for (int64_t i = 0; i < countof(variables); i++)
        if (str_starts_with(variables[i].names, "NO_COLOR"))
            print_man_item(out, variables[i].names, variables[i].help);
    fputs(
        ".SH EXIT STATUS\n0 ok; 1 a picture or tensor is wrong; 2 usage; 3 valid but unsupported; 4 files, memory or another resource; 70 a bug."
        "\n.SH EXAMPLES\n.nf\n./tiny cat.jpg\n./tiny photos/ \\-k 1 \\-\\-jsonl\n"
        "./tiny \\-\\-input pixel_values=x.npy \\-\\-output logits=y.npy\n.fi\n.SH SEE ALSO\n.BR cnxc (1)\n",
        out);
}

static void print_man(FILE *out, Arena *arena)
{
    fputs(".TH CNXC 1 \"\" \"cnxc " CNXC_VERSION "\" \"User commands\"\n.SH NAME\ncnxc \\- compile ConvNeXt models "
          "to native code\n.SH SYNOPSIS\n.B cnxc\n.I COMMAND\n[\\fIoptions\\fR] [\\fIarguments\\fR]\n.SH COMMANDS\n",
          out);
    print_man_lists(out, arena);
    fputs(".SH EXIT STATUS\n0 ok; 1 the input is wrong; 2 usage; 3 valid but unsupported; 4 files, memory or "
          "another resource; 70 a bug of cnxc.\n.SH EXAMPLES\n.nf\n",
          out);
    for (int64_t i = 0; i < command_count(); i++)
        print_roff(out, command_at(i)->examples);
    fputs(".fi\n.SH SEE ALSO\n.BR cnxc\\-program (7)\n", out);
}

ExitCode subcommand_help(Driver *driver)
{
    const Options *o = &driver->options;
    const char *format = o->format ? o->format : "text";
    const Command *command = NULL;
    if (o->arguments.len && !(command = command_find(o->arguments.at[0]))) {
        usage_error(driver, "unknown command '%s'; 'cnxc --help' lists them", o->arguments.at[0]);
        return EXIT_USAGE;
    }
    if (strcmp(format, "markdown") == 0)
        print_markdown(stdout, driver->arena);
    else if (strcmp(format, "ops") == 0)
        ops_markdown(stdout);
    else if (strcmp(format, "man") == 0)
        print_man(stdout, driver->arena);
    else if (strcmp(format, "man-program") == 0)
        print_man_program(stdout, driver->arena);
    else if (strcmp(format, "text") == 0)
        help_print(stdout, command);
    else
        completions_print(stdout, format, driver->arena);
    return EXIT_OK;
}
