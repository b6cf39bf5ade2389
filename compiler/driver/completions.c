/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Completions for bash, zsh and fish, from the tables of commands and options: names of commands and options, what an option takes,
 * and files where it takes files.
 *
 *   cnxc compile --emit=s<TAB>     shared  static
 *   cnxc compile -mcpu znver<TAB>  znver1  znver2 …
 *   cnxc help b<TAB>               bench
 *
 * In bash and zsh one function, _cnxc_takes COMMAND:OPTION, says whether an option takes a value, and sets which; fish asks for a
 * declaration of each. */
#include "compiler/driver/driver.h"

#include "compiler/target/cpu.h"

#include <string.h>

/* An option, of cnxc or of a program, as a shell sees it. */
typedef struct Completed {
    const char *name, *alias; /* with dashes; alias may be NULL */
    const char *words; /* what it takes, separated by blanks; "": other things */
    bool takes, files; /* a value; files among others */
    bool joined; /* the value is part of the word: -O2 */
    const char *help;
} Completed;

static const char *with_blanks(Arena *arena, const char *choices)
{
    char *words = arena_strdup(arena, choices);
    for (char *c = words; *c; c++)
        if (*c == '|')
            *c = ' ';
    return words;
}

/* What is not in the table of options, but known. */
static const char *known_words(Arena *arena, const char *name)
{
    StrBuf words = {.arena = arena};
    const char *const *passes;
    int64_t n_passes = pipeline_pass_names(&passes);
    bool cpu = strcmp(name, "-mcpu") == 0, pass = strcmp(name, "--print-after") == 0;
    sb_put(&words, cpu ? "native help" : pass ? "all" : "");
    for (int64_t i = 0; cpu && i < cpu_count(); i++)
        sb_printf(&words, " %s", cpu_name_at(i));
    for (int64_t i = 0; pass && i < n_passes; i++)
        sb_printf(&words, " %s", passes[i]);
    for (const char *c = strcmp(name, "--target") == 0 ? system_names(arena) : ""; *c; c++)
        sb_put_n(&words, c, *c != ','); /* "A, B" */
    return words.text;
}

static bool names_file(const char *metavar)
{
    return metavar && (strstr(metavar, "FILE") || strstr(metavar, "DIR") || strstr(metavar, "PROFILE") ||
                       strcmp(metavar, "PROGRAM") == 0 || strstr(metavar, "COMMAND"));
}

static Completed of_option(Arena *arena, const Option *option)
{
    return (Completed){.name = option->name,
                       .alias = option->alias,
                       .words = option->choices ? with_blanks(arena, option->choices) : known_words(arena, option->name),
                       .takes = option->kind != KIND_FLAG,
                       .files = names_file(option->metavar),
                       .joined = option->kind == KIND_LEVEL,
                       .help = option->help};
}

static Completed of_program(const ProgramOption *option)
{
    return (Completed){.name = option->name,
                       .words = "",
                       .takes = option->argument != NULL,
                       .files = names_file(option->argument),
                       .help = option->help};
}

typedef VEC(Completed) CompletedList;

static bool has_name(const CompletedList *list, const char *name)
{
    for (int64_t i = 0; i < list->len; i++)
        if (strcmp(list->at[i].name, name) == 0)
            return true;
    return false;
}

/* Those of cnxc, and of run also the program's; what both have is cnxc's. */
static CompletedList options_of(Arena *arena, const Command *command)
{
    CompletedList list = {0};
    for (int64_t i = 0; i < option_count(); i++)
        if (option_at(i)->commands & command->bit)
            vec_push(arena, &list, of_option(arena, option_at(i)));
    for (int64_t i = 0; command->forwards && i < program_option_count(); i++)
        if (!has_name(&list, program_option_at(i)->name))
            vec_push(arena, &list, of_program(program_option_at(i)));
    return list;
}

/* ── bash and zsh ────────────────────────────────────────────────────────────────────────────────────── */

static void print_commands(FILE *out, const char *separator)
{
    for (int64_t i = 0; i < command_count(); i++)
        fprintf(out, "%s%s", i ? separator : "", command_at(i)->name);
}

/* --emit=, -o, --json, -O0 -O1 … */
static void print_option_words(FILE *out, const Completed *option)
{
    bool one_letter = option->name[1] != '-' && !option->name[2];
    if (!option->joined) {
        fprintf(out, "%s%s ", option->name, option->takes && !one_letter ? "=" : "");
        if (option->alias)
            fprintf(out, "%s ", option->alias);
        return;
    }
    for (const char *at = option->words; *at; at += strcspn(at, " "), at += *at == ' ')
        fprintf(out, "%s%.*s ", option->name, (int)strcspn(at, " "), at);
}

static void print_takes(FILE *out, Arena *arena)
{
    fputs("# Does COMMAND:OPTION take a value? Sets which, and whether files are among them.\n"
          "_cnxc_takes() {\n    values= files=\n    case $1 in\n",
          out);
    for (int64_t i = 0; i < command_count(); i++) {
        CompletedList list = options_of(arena, command_at(i));
        for (int64_t j = 0; j < list.len; j++)
            if (list.at[j].takes && !list.at[j].joined)
                fprintf(out, "    %s:%s) values='%s' files=%s ;;\n", command_at(i)->name, without_dashes(list.at[j].name),
                        list.at[j].words, list.at[j].files ? "yes" : "");
    }
    fputs("    *) return 1 ;;\n    esac\n}\n\n", out);
}

static void print_options(FILE *out, Arena *arena)
{
    fputs("# The options of a command.\n_cnxc_options() {\n    case $1 in\n", out);
    for (int64_t i = 0; i < command_count(); i++) {
        CompletedList list = options_of(arena, command_at(i));
        fprintf(out, "    %s) values='", command_at(i)->name);
        for (int64_t j = 0; j < list.len; j++)
            print_option_words(out, &list.at[j]);
        fputs("' ;;\n", out);
    }
    fputs("    *) values='--help --version' ;;\n    esac\n}\n\n", out);
}

/* The command is the first word before the cursor that names one: options may stand before it. */
static void print_command_search(FILE *out, const char *words)
{
    fprintf(out, "    for each in %s; do\n        case $each in ", words);
    print_commands(out, "|");
    fputs(") command=$each; break ;; esac\n    done\n", out);
}

static const char bash_head[] =
    "# The word that is completed may be a list, A,B: its last item is.\n"
    "_cnxc_reply() {\n"
    "    local lead=${1%\"${1##*,}\"}\n"
    "    COMPREPLY=($(compgen -P \"$2$lead\" -W \"$values\" -- \"${1##*,}\"))\n"
    "    if [[ -n $values && -n $files ]]; then COMPREPLY+=($(compgen -P \"$2\" -f -X '!*.xml' -- \"$1\")); fi\n"
    "    if [[ -z $files ]]; then compopt +o default +o bashdefault 2>/dev/null; fi\n"
    "}\n\n"
    "_cnxc_bare() { local bare=${1%%=*}; bare=${bare#-}; printf %s \"${bare#-}\"; }\n\n"
    "_cnxc() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} word last each command= values= files= before joint=\n"
    "    word=${line##*[[:space:]]}\n"
    "    read -ra before <<<\"${line%\"$word\"}\"\n"
    "    last=${before[${#before[@]}-1]}\n";

static const char bash_tail[] =
    "    COMPREPLY=()\n"
    "    case $COMP_WORDBREAKS in *=*) ;; *) joint=${word%%=*}= ;; esac # is what stands before = part of the word?\n"
    "    if [[ $word == -*=* ]] && _cnxc_takes \"$command:$(_cnxc_bare \"$word\")\"; then\n"
    "        _cnxc_reply \"${word#*=}\" \"$joint\"\n"
    "    elif [[ $last == -* && $last != *=* ]] && _cnxc_takes \"$command:$(_cnxc_bare \"$last\")\"; then\n"
    "        _cnxc_reply \"$word\" ''\n"
    "    elif [[ $word == -* ]]; then\n"
    "        _cnxc_options \"$command\"\n"
    "        COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
    "        if [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi\n"
    "    elif [[ -z $command || $command == help ]]; then\n";

static void print_bash(FILE *out, Arena *arena)
{
    fputs("# bash completion for cnxc, written by 'cnxc help --format=bash'\n\n", out);
    print_takes(out, arena);
    print_options(out, arena);
    fputs(bash_head, out);
    print_command_search(out, "\"${before[@]:1}\"");
    fputs(bash_tail, out);
    fputs("        COMPREPLY=($(compgen -W '", out);
    print_commands(out, " ");
    fputs("' -- \"$word\"))\n    fi\n}\ncomplete -o default -o bashdefault -F _cnxc cnxc\n", out);
}

static const char zsh_head[] = "# The word that is completed may be a list, A,B: its last item is.\n"
                               "_cnxc_reply() {\n"
                               "    if [[ -n $files ]]; then _files; fi\n"
                               "    compset -P '*,'\n"
                               "    if [[ -n $values ]]; then compadd -- ${=values}; fi\n"
                               "}\n\n"
                               "_cnxc_bare() { local bare=${1%%=*}; bare=${bare#-}; printf %s \"${bare#-}\" }\n\n"
                               "_cnxc() {\n"
                               "    local word=$PREFIX last=${words[CURRENT-1]} each command= values= files=\n";

static const char zsh_tail[] =
    "    if [[ $word == -*=* ]] && _cnxc_takes \"$command:$(_cnxc_bare \"$word\")\"; then\n"
    "        compset -P '*='\n"
    "        _cnxc_reply\n"
    "    elif [[ $last == -* && $last != *=* ]] && _cnxc_takes \"$command:$(_cnxc_bare \"$last\")\"; then\n"
    "        _cnxc_reply\n"
    "    elif [[ $word == -* ]]; then\n"
    "        _cnxc_options \"$command\"\n"
    "        compadd -S '' -- ${(M)${=values}:#*=}\n"
    "        compadd -- ${${=values}:#*=}\n"
    "    elif [[ -z $command || $command == help ]]; then\n";

static void print_zsh(FILE *out, Arena *arena)
{
    fputs("#compdef cnxc\n# zsh completion for cnxc, written by 'cnxc help --format=zsh'\n\n", out);
    print_takes(out, arena);
    print_options(out, arena);
    fputs(zsh_head, out);
    print_command_search(out, "${words[2,CURRENT-1]}");
    fputs(zsh_tail, out);
    fputs("        compadd -- ", out);
    print_commands(out, " ");
    fputs("\n    else\n        _files\n    fi\n}\n_cnxc \"$@\"\n", out);
}

/* ── fish ────────────────────────────────────────────────────────────────────────────────────────────── */

/* Between single quotes. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++)
        fprintf(out, *text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    fputc('\'', out);
}

/* -l emit, -o mcpu, -s o: two dashes and a name, one and a name, one and a letter. */
static void print_fish_name(FILE *out, const char *name)
{
    bool is_long = name[1] == '-', is_letter = !is_long && !name[2];
    fprintf(out, " -%c ", is_long ? 'l' : is_letter ? 's' : 'o');
    print_quoted(out, without_dashes(name));
}

static void print_fish_option(FILE *out, const char *command, const Completed *option)
{
    for (const char *at = option->joined ? option->words : ""; *at; at += strcspn(at, " "), at += *at == ' ')
        fprintf(out, "complete -c cnxc -n '__fish_seen_subcommand_from %s' -o %s%.*s\n", command, without_dashes(option->name),
                (int)strcspn(at, " "), at);
    if (option->joined)
        return;
    fprintf(out, "complete -c cnxc -n '__fish_seen_subcommand_from %s'", command);
    print_fish_name(out, option->name);
    if (option->alias)
        print_fish_name(out, option->alias);
    if (option->takes)
        fputs(option->files ? " -r -F" : " -x", out);
    if (*option->words)
        fprintf(out, " -a '%s'", option->words);
    fputs(" -d ", out);
    print_quoted(out, option->help);
    fputc('\n', out);
}

static void print_fish(FILE *out, Arena *arena)
{
    fputs("# fish completion for cnxc, written by 'cnxc help --format=fish'\n", out);
    for (int64_t i = 0; i < command_count(); i++) {
        const Command *command = command_at(i);
        CompletedList list = options_of(arena, command);
        fprintf(out, "complete -c cnxc -n __fish_use_subcommand -f -a %s -d ", command->name);
        print_quoted(out, command->summary);
        fputc('\n', out);
        for (int64_t j = 0; j < list.len; j++)
            print_fish_option(out, command->name, &list.at[j]);
    }
    fputs("complete -c cnxc -n '__fish_seen_subcommand_from help' -f -a '", out);
    print_commands(out, " ");
    fputs("'\n", out);
}

void completions_print(FILE *out, const char *shell, Arena *arena)
{
    (strcmp(shell, "bash") == 0 ? print_bash : strcmp(shell, "zsh") == 0 ? print_zsh : print_fish)(out, arena);
}
