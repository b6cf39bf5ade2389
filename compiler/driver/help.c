/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Help in every form, from the tables of commands and options: --help, docs/options.md, a man page and the
 * completions of three shells. */
#include "compiler/driver/driver.h"

#include "ir/op_doc.h"

#include <string.h>

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

enum { FORM_WIDTH = 26, PAGE_WIDTH = 100 };

static const char *option_help(Arena *arena, const Option *option)
{
    bool lists = option->choices && option->kind == KIND_CHOICE;
    return lists ? arena_printf(arena, "%s (%s)", option->help, option->choices) : option->help;
}

static const char *program_form(Arena *arena, const ProgramOption *option)
{
    return option->argument ? arena_printf(arena, "%s %s", option->name, option->argument) : option->name;
}

static void print_form(FILE *out, const char *form, const char *help)
{
    fprintf(out, "  %-*s", FORM_WIDTH - 2, form);
    if (strlen(form) > FORM_WIDTH - 4)
        fprintf(out, "\n%*s", FORM_WIDTH, "");
    print_wrapped(out, help, FORM_WIDTH, PAGE_WIDTH);
}

static void print_indented(FILE *out, const char *lines)
{
    while (*lines) {
        int length = (int)strcspn(lines, "\n");
        fprintf(out, "  %.*s\n", length, lines);
        lines += length + (lines[length] == '\n');
    }
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

static void print_overview(FILE *out)
{
    fputs("Examples:\n"
          "  cnxc run model/ cat.jpg             # compile a Hugging Face folder, answer a picture\n"
          "  cnxc compile model/ -o tiny         # a program of its own: ./tiny cat.jpg\n"
          "  cnxc compile model.onnx --emit=shared -o libtiny.so\n"
          "  cnxc info model.onnx                # what is in it\n"
          "\nMODEL is a Hugging Face folder, a checkpoint alone, an .onnx file or ONNX text, known by its content; - is "
          "standard input.\n\nCommands:\n",
          out);
    for (int64_t i = 0; i < command_count(); i++)
        fprintf(out, "  %-10s %s\n", command_at(i)->name, command_at(i)->summary);
    fputs("\n'cnxc COMMAND --help' lists a command's options, which may stand before it, too, with one dash or two.\n"
          "Exit codes: 0 ok, 1 the input is wrong, 2 usage, 3 valid but unsupported, 4 files or memory, 70 a bug "
          "of cnxc.\n",
          out);
}

void help_print(FILE *out, const Command *command)
{
    if (!command) {
        print_overview(out);
        return;
    }
    Arena *arena = arena_new();
    if (*command->examples) {
        fputs("Examples:\n", out);
        print_indented(out, command->examples);
        fputc('\n', out);
    }
    fprintf(out, "Usage: cnxc %s %s\n  %s\n\nOptions:\n", command->name, command->usage, command->summary);
    for (int64_t i = 0; i < option_count(); i++)
        if (option_at(i)->commands & command->bit)
            print_form(out, option_form(arena, option_at(i)), option_help(arena, option_at(i)));
    fputs(command->forwards ? "\nOptions of the program:\n" : "", out);
    for (int64_t i = 0; command->forwards && i < program_option_count(); i++)
        print_form(out, program_form(arena, program_option_at(i)), program_option_at(i)->help);
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

/* ── Completions ─────────────────────────────────────────────────────────────────────────────────────── */

/* The words an option completes to: each choice, or the name with what joins it to its value. */
static void print_option_words(FILE *out, const Option *option, const char *separator)
{
    if (!option->choices) {
        bool joined = option->kind != KIND_FLAG && (option->name[1] == '-' || option->name[2] != '\0');
        fprintf(out, "%s%s%s", option->name, joined ? "=" : "", separator);
        return;
    }
    const char *join = option->kind == KIND_LEVEL ? "" : "=";
    for (const char *at = option->choices; *at; at += *at == '|') {
        int length = (int)strcspn(at, "|");
        fprintf(out, "%s%s%.*s%s", option->name, join, length, at, separator);
        at += length;
    }
}

static void print_command_words(FILE *out, const Command *command)
{
    for (int64_t i = 0; i < option_count(); i++)
        if (option_at(i)->commands & command->bit)
            print_option_words(out, option_at(i), " ");
    for (int64_t i = 0; command->forwards && i < program_option_count(); i++)
        fprintf(out, "%s ", program_option_at(i)->name);
}

static void print_commands(FILE *out, const char *separator)
{
    for (int64_t i = 0; i < command_count(); i++)
        fprintf(out, "%s%s", i ? separator : "", command_at(i)->name);
}

/* The command is the first word before the cursor that names one: options may stand before it. */
static void print_command_search(FILE *out, const char *words)
{
    fprintf(out, "    local each command=\n    for each in %s; do\n        case $each in ", words);
    print_commands(out, "|");
    fputs(") command=$each; break ;; esac\n    done\n", out);
}

static void print_bash(FILE *out)
{
    fputs("# bash completion for cnxc, written by 'cnxc help --format=bash'\n_cnxc() {\n"
          "    local word=${COMP_LINE:0:COMP_POINT}; word=${word##* }\n",
          out);
    print_command_search(out, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"");
    fputs("    local words=\n    case $command in\n", out);
    for (int64_t i = 0; i < command_count(); i++) {
        fprintf(out, "    %s) words='", command_at(i)->name);
        print_command_words(out, command_at(i));
        fputs("' ;;\n", out);
    }
    fputs("    *) words='", out);
    print_commands(out, " ");
    fputs("' ;;\n    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "    case $word in *=*) COMPREPLY=(\"${COMPREPLY[@]#\"${word%%=*}=\"}\") ;; esac\n}\n"
          "complete -o default -o bashdefault -F _cnxc cnxc\n",
          out);
}

static void print_zsh(FILE *out)
{
    fputs("#compdef cnxc\n# zsh completion for cnxc, written by 'cnxc help --format=zsh'\n_cnxc() {\n", out);
    print_command_search(out, "${words[2,CURRENT-1]}");
    fputs("    case $command in\n", out);
    for (int64_t i = 0; i < command_count(); i++) {
        fprintf(out, "    %s) compadd -- ", command_at(i)->name);
        print_command_words(out, command_at(i));
        fputs("; _files ;;\n", out);
    }
    fputs("    *) compadd -- ", out);
    print_commands(out, " ");
    fputs(" ;;\n    esac\n}\n_cnxc\n", out);
}

static void print_fish(FILE *out)
{
    fputs("# fish completion for cnxc, written by 'cnxc help --format=fish'\n", out);
    for (int64_t i = 0; i < command_count(); i++) {
        const Command *command = command_at(i);
        fprintf(out, "complete -c cnxc -n __fish_use_subcommand -a %s -d \"%s\"\n", command->name, command->summary);
        fprintf(out, "complete -c cnxc -n '__fish_seen_subcommand_from %s' -a '", command->name);
        print_command_words(out, command);
        fputs("'\n", out);
    }
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
    else if (strcmp(format, "bash") == 0)
        print_bash(stdout);
    else if (strcmp(format, "zsh") == 0)
        print_zsh(stdout);
    else if (strcmp(format, "fish") == 0)
        print_fish(stdout);
    else
        help_print(stdout, command);
    return EXIT_OK;
}
