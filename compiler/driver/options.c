/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Parsing the command line by the table in options.def.
 *
 *   --emit=shared   --emit shared   -o FILE   -oFILE   -O2   -j4   -mcpu=znver5
 *
 * Names take one dash or two, as in clang: --save-temps, -save-temps. A long name is never abbreviated: scripts that do so
 * break when options are added. Options stand anywhere, before the command, too. After "--" everything is an argument.
 *
 * `cnxc run` has two readers. An option that only one of them knows is that one's wherever it stands; what both know is cnxc's, but
 * --help and --version, which every command has, are the program's behind MODEL. Behind "--" all is the program's. */
#include "compiler/driver/driver.h"
#include "compiler/build/calibrate/calibrate.h"
#include "compiler/build/output.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const Option options[] = {
#define OPTION(commands, kind, field, name, alias, metavar, choices, help) \
    {commands, KIND_##kind, offsetof(Options, field), name, alias, metavar, choices, help},
#include "compiler/driver/options.def"
#undef OPTION
};

int64_t option_count(void) { return countof(options); }

const Option *option_at(int64_t index) { return &options[index]; }

void usage_error(Driver *driver, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(driver->arena, format, args);
    va_end(args);
    diag_error(&driver->diag, NO_SPAN, "%s", message);
    driver->diag.exit_code = EXIT_USAGE;
}

/* ── Finding an option ───────────────────────────────────────────────────────────────────────────────── */

static bool takes_value(const Option *option) { return option->kind != KIND_FLAG; }

/* "-o": one dash and one letter, so that the value may be joined to it. */
static bool is_short(const char *name) { return name[0] == '-' && name[1] != '-' && name[2] == '\0'; }

/* Is word this name, whole? Sets *value to what follows '=', or NULL. */
static bool spells(const Option *option, const char *name, const char *word, const char **value)
{
    if (!name)
        return false;
    name = without_dashes(name);
    word = without_dashes(word);
    size_t length = strlen(name);
    if (strncmp(word, name, length) != 0 || (word[length] != '\0' && word[length] != '='))
        return false;
    *value = word[length] ? word + length + 1 : NULL;
    return *value || option->kind != KIND_LEVEL;
}

/* Is word this short name with its value joined to it: -oFILE, -O2, -j4? */
static bool joins(const Option *option, const char *word, const char **value)
{
    if (option->kind == KIND_LEVEL && word[1] == '-')
        word++; /* --O2 */
    if (!is_short(option->name) || !takes_value(option) || strncmp(word, option->name, 2) != 0 || !word[2])
        return false;
    *value = word + 2;
    return option->kind != KIND_INT || (word[2] >= '0' && word[2] <= '9'); /* -j4, but -jsn is a mistake */
}

/* The option that word spells, of these commands. Whole names first, so that -outputs=x is not -o utputs=x. */
static const Option *option_find(const char *word, unsigned commands, const char **value)
{
    for (int64_t i = 0; i < countof(options); i++)
        if ((options[i].commands & commands) &&
            (spells(&options[i], options[i].name, word, value) || spells(&options[i], options[i].alias, word, value)))
            return &options[i];
    for (int64_t i = 0; i < countof(options); i++)
        if ((options[i].commands & commands) && joins(&options[i], word, value))
            return &options[i];
    return NULL;
}

/* Is what is not cnxc's a compiled program's? */
static bool forwards(const Driver *driver) { return driver->command && driver->command->forwards; }

static const char *nearest_option(const Driver *driver, const char *word, unsigned commands)
{
    VEC(const char *) names = {0};
    for (int64_t i = 0; i < countof(options); i++) {
        if (!(options[i].commands & commands))
            continue;
        vec_push(driver->arena, &names, options[i].name);
        if (options[i].alias)
            vec_push(driver->arena, &names, options[i].alias);
    }
    for (int64_t i = 0; forwards(driver) && i < program_option_count(); i++)
        vec_push(driver->arena, &names, program_option_at(i)->name);
    return nearest_name(word, names.at, names.len);
}

static void unknown_option(Driver *driver, const char *word)
{
    const char *name = arena_strndup(driver->arena, word, strcspn(word, "=")), *value;
    const char *command = driver->command ? driver->command->name : NULL;
    const char *near = nearest_option(driver, name, driver->command ? driver->command->bit : C_ALL);
    bool complete, programs = program_option_find(word, &complete), elsewhere = option_find(word, C_ALL, &value);
    if ((elsewhere || programs) && !command)
        usage_error(driver, "no command beside option '%s': cnxc COMMAND … %s", name, word);
    else if (elsewhere)
        usage_error(driver, "option '%s' does not belong to 'cnxc %s'", name, command);
    else if (near && strcmp(near, name) == 0) /* a level, which is part of the word */
        usage_error(driver, "%s needs a value: %sLEVEL", name, name);
    else if (programs)
        usage_error(driver, "option '%s' belongs to compiled programs and to 'cnxc run', not to 'cnxc %s'", name, command);
    else if (near)
        usage_error(driver, "unknown option '%s'; did you mean '%s'?", name, near);
    else
        usage_error(driver, "unknown option '%s'; 'cnxc %s%s--help' lists them", name, command ? command : "",
                    command ? " " : "");
}

/* ── Storing a value ─────────────────────────────────────────────────────────────────────────────────── */

static bool choice_allowed(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *at = choices; at; at = strchr(at, '|'), at = at ? at + 1 : NULL)
        if (length > 0 && strcspn(at, "|") == length && strncmp(at, value, length) == 0)
            return true;
    return false;
}

static const char *nearest_choice(Arena *arena, const char *choices, const char *value)
{
    const char *names[16];
    int64_t count = 0;
    for (const char *at = choices; *at && count < countof(names); at += *at == '|') {
        size_t length = strcspn(at, "|");
        names[count++] = arena_strndup(arena, at, length);
        at += length;
    }
    return nearest_name(value, names, count);
}

static void bad_choice(Driver *driver, const Option *option, const char *value)
{
    const char *near = option->kind == KIND_CHOICE ? nearest_choice(driver->arena, option->choices, value) : NULL;
    if (near)
        usage_error(driver, "%s does not take '%s'; did you mean '%s'?", option->name, value, near);
    else
        usage_error(driver, "%s does not take '%s'; it takes %s", option->name, value, option->choices);
}

/* A whole decimal number from 1 to limit. */
static bool parse_positive(const char *text, size_t length, int64_t limit, int64_t *number)
{
    int64_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || n > limit / 10)
            return false;
        n = n * 10 + (text[i] - '0');
    }
    *number = n;
    return length > 0 && n >= 1 && n <= limit;
}

enum { LARGEST_COUNT = 4096 }; /* more threads or jobs than any machine has: a slip of the hand */

static void store_int(Driver *driver, const Option *option, const char *value, int64_t *field)
{
    if (!parse_positive(value, strlen(value), LARGEST_COUNT, field))
        usage_error(driver, "%s takes a whole number from 1 to %d, got '%s'", option->name, LARGEST_COUNT, value);
}

static void store_list(Driver *driver, const char *value, StrList *list)
{
    while (true) {
        size_t length = strcspn(value, ",");
        if (length > 0)
            vec_push(driver->arena, list, arena_strndup(driver->arena, value, length));
        if (value[length] == '\0')
            return;
        value += length + 1;
    }
}

static void store(Driver *driver, const Option *option, const char *value)
{
    void *field = (char *)&driver->options + option->field;
    switch (option->kind) {
    case KIND_FLAG: *(bool *)field = true; break;
    case KIND_LEVEL:
    case KIND_CHOICE:
        if (!choice_allowed(option->choices, value))
            bad_choice(driver, option, value);
        *(const char **)field = value;
        break;
    case KIND_STRING:
        if (!*value)
            usage_error(driver, "%s needs a value", option->name);
        *(const char **)field = value;
        break;
    case KIND_LIST:
        if (!value[strspn(value, ",")])
            usage_error(driver, "%s needs a value", option->name);
        store_list(driver, value, field);
        break;
    case KIND_INT: store_int(driver, option, value, field); break;
    }
}

/* ── The command line ────────────────────────────────────────────────────────────────────────────────── */

typedef struct Words {
    char **at;
    int count, next, command; /* command: which of them is the command's name; 0: none */
} Words;

static bool is_option(const char *word) { return word[0] == '-' && word[1] != '\0'; }

static void parse_option(Driver *driver, Words *words)
{
    const char *word = words->at[words->next++], *value = NULL;
    unsigned bits = driver->command ? driver->command->bit : C_HELP | C_TARGETS; /* before it: general ones, -mcpu=help */
    const Option *option = option_find(word, bits, &value);
    if (!option) {
        unknown_option(driver, word);
    } else if (!takes_value(option) && value) {
        usage_error(driver, "%s takes no value, got '%s'", option->name, value);
    } else if (takes_value(option) && !value && words->next == words->count) {
        usage_error(driver, "%s needs a value: %s %s", option->name, option->name, option->metavar);
    } else {
        if (takes_value(option) && !value)
            value = words->at[words->next++];
        store(driver, option, value);
    }
}

/* Of the program that is to run, rather than cnxc's? */
static bool is_programs(const Driver *driver, const char *word, bool *complete)
{
    const char *value;
    const Option *ours = forwards(driver) ? option_find(word, driver->command->bit, &value) : NULL;
    return forwards(driver) && program_option_find(word, complete) &&
           (!ours || (ours->commands == C_ALL && driver->options.arguments.len));
}

/* Takes the next word, and its value, if it is the program's. */
static bool forward_option(Driver *driver, Words *words)
{
    Options *o = &driver->options;
    bool complete;
    if (!is_programs(driver, words->at[words->next], &complete))
        return false;
    vec_push(driver->arena, &o->forwarded, words->at[words->next++]);
    if (!complete && words->next < words->count)
        vec_push(driver->arena, &o->forwarded, words->at[words->next++]);
    return true;
}

static void parse_argument(Driver *driver, Words *words)
{
    Options *o = &driver->options;
    bool program = forwards(driver) && o->arguments.len;
    vec_push(driver->arena, program ? &o->forwarded : &o->arguments, words->at[words->next++]);
}

static void unknown_command(Driver *driver, const char *word)
{
    const char *names[32];
    int64_t count = 0;
    for (; count < command_count() && count < countof(names); count++)
        names[count] = command_at(count)->name;
    const char *near = nearest_name(word, names, count);
    if (near)
        usage_error(driver, "unknown command '%s'; did you mean '%s'?", word, near);
    else if (strpbrk(word, "./"))
        usage_error(driver, "unknown command '%s'; did you mean 'cnxc compile %s -o FILE'?", word, word);
    else
        usage_error(driver, "unknown command '%s'; 'cnxc --help' lists them", word);
}

/* The command is the first word that is neither an option nor an option's value. */
static void find_command(Driver *driver, Words *words)
{
    for (int i = 1; i < words->count && !words->command; i++) {
        const char *word = words->at[i], *value;
        bool complete, dashed = is_option(word);
        const Option *option = dashed ? option_find(word, C_ALL, &value) : NULL;
        if (option ? takes_value(option) && !value : dashed && program_option_find(word, &complete) && !complete)
            i++;
        else if (!dashed)
            words->command = i;
    }
    if (words->command && !(driver->command = command_find(words->at[words->command])))
        unknown_command(driver, words->at[words->command]);
}

static void parse_words(Driver *driver, Words *words)
{
    bool only_arguments = false;
    while (words->next < words->count && !diag_failed(&driver->diag)) {
        const char *word = words->at[words->next];
        if (words->next == words->command)
            words->next++;
        else if (!only_arguments && strcmp(word, "--") == 0)
            only_arguments = true, words->next++;
        else if (only_arguments || !is_option(word))
            parse_argument(driver, words);
        else if (!forward_option(driver, words))
            parse_option(driver, words);
    }
}

/* ── What follows from the words ─────────────────────────────────────────────────────────────────────── */

enum { LARGEST_IMAGE = 65536, MOST_SIZES = 16 };

/* N or HxW. */
static bool parse_size(const char *text, ImageSize *size)
{
    size_t height = strcspn(text, "xX");
    const char *width = text[height] ? text + height + 1 : text;
    return parse_positive(text, height, LARGEST_IMAGE, &size->height) &&
           parse_positive(width, strlen(width), LARGEST_IMAGE, &size->width);
}

static void add_size(Driver *driver, const char *text)
{
    ImageSizes *sizes = &driver->options.sizes;
    ImageSize size;
    if (!parse_size(text, &size)) {
        usage_error(driver, "--image-size takes N or HxW of 1 to %d, got '%s'", LARGEST_IMAGE, text);
        return;
    }
    for (int64_t i = 0; i < sizes->len; i++)
        if (sizes->at[i].height == size.height && sizes->at[i].width == size.width)
            usage_error(driver, "--image-size lists %lldx%lld twice", (long long)size.height, (long long)size.width);
    vec_push(driver->arena, sizes, size);
}

/* One, or A,B,… for an artifact with code for each. */
static void derive_image_sizes(Driver *driver)
{
    const Options *o = &driver->options;
    for (const char *text = o->image_size; text && !diag_failed(&driver->diag);) {
        size_t length = strcspn(text, ",");
        add_size(driver, arena_strndup(driver->arena, text, length));
        text = text[length] ? text + length + 1 : NULL;
    }
    if (o->sizes.len > MOST_SIZES)
        usage_error(driver, "--image-size takes at most %d sizes, got %lld", MOST_SIZES, (long long)o->sizes.len);
    else if (o->sizes.len > 1 && !(driver->command->bit & (C_COMPILE | C_CHECK | C_WEIGHTS)))
        usage_error(driver, "'cnxc %s' takes one --image-size; several go with 'cnxc compile'", driver->command->name);
    else if (o->sizes.len > 1 && strcmp(o->arguments.at[0], "-") == 0)
        usage_error(driver, "MODEL is read for each of several sizes, so it can't be standard input");
}

static void derive_dims(Driver *driver)
{
    Options *o = &driver->options;
    for (int64_t i = 0; i < o->dims.len; i++) {
        const char *text = o->dims.at[i], *equals = strrchr(text, '=');
        DimBinding binding = {0};
        if (!equals || equals == text || !parse_positive(equals + 1, strlen(equals + 1), INT64_C(1) << 31, &binding.size)) {
            usage_error(driver, "--dim takes NAME=N with N at least 1, got '%s'", text);
            continue;
        }
        binding.symbol = arena_strndup(driver->arena, text, (size_t)(equals - text));
        vec_push(driver->arena, &o->dim_bindings, binding);
    }
}

static void check_pass_name(Driver *driver)
{
    const char *name = driver->options.print_after, *const * names;
    int64_t count = pipeline_pass_names(&names);
    if (!name || strcmp(name, "all") == 0)
        return;
    for (int64_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return;
    const char *near = nearest_name(name, names, count);
    StrBuf list = {.arena = driver->arena};
    for (int64_t i = 0; i < count; i++)
        sb_printf(&list, "%s%s", i ? ", " : "", names[i]);
    if (near)
        usage_error(driver, "--print-after: no pass '%s'; did you mean '%s'?", name, near);
    else
        usage_error(driver, "--print-after: no pass '%s'; there are all, %s", name, list.text ? list.text : "");
}

/* "90", "90s", "10m", "1h" */
static void derive_budget(Driver *driver)
{
    const char *text = driver->options.budget;
    char *end = NULL;
    if (!text)
        return;
    double value = isdigit((unsigned char)*text) ? strtod(text, &end) : 0;
    double unit = !end || value <= 0               ? 0
                  : !*end || strcmp(end, "s") == 0 ? 1
                  : strcmp(end, "m") == 0          ? 60
                  : strcmp(end, "h") == 0          ? 3600
                                                   : 0;
    driver->options.seconds = value * unit;
    if (!(value * unit > 0 && value * unit <= 1e6))
        usage_error(driver, "--budget takes a time such as 90s, 10m or 1h, got '%s'", text);
}

static void derive_max_drop(Driver *driver)
{
    Options *o = &driver->options;
    const char *text = o->max_drop;
    char *end = NULL;
    if (!text) {
        if (o->budget && driver->command->bit != C_TUNE)
            usage_error(driver, "--budget goes with --max-drop");
        return;
    }
    o->drop = isdigit((unsigned char)*text) ? strtod(text, &end) : -1;
    if (!(o->drop >= 0 && o->drop <= 100) || *end)
        usage_error(driver, "--max-drop takes points from 0 to 100, such as 0.3, got '%s'", text);
    else if (!o->calibrate)
        usage_error(driver, "--max-drop goes with --calibrate");
}

/* "2%", "2" */
static void derive_slower(Driver *driver)
{
    const char *text = driver->options.fail_if_slower;
    char *end = NULL;
    if (!text)
        return;
    double percent = isdigit((unsigned char)*text) ? strtod(text, &end) : -1;
    if (!(percent >= 0 && percent <= 1000) || (strcmp(end, "%") != 0 && *end))
        usage_error(driver, "--fail-if-slower takes a percentage such as 2%%, got '%s'", text);
    driver->options.slower = percent / 100;
}

static void check_calibration(Driver *driver)
{
    const Options *o = &driver->options;
    if (!o->calibrate)
        return;
    if (precision_named(o->precision) != DT_INT8)
        usage_error(driver, "--calibrate goes with --precision=int8");
    else if (strcmp(o->arguments.at[0], "-") == 0)
        usage_error(driver, "calibration reads MODEL twice, so it can't be standard input");
}

static void derive_system(Driver *driver)
{
    Options *o = &driver->options;
    o->system = o->target ? system_find(o->target) : system_host();
    const char *near = o->system ? NULL : system_nearest(o->target);
    if (near)
        usage_error(driver, "unknown target '%s'; did you mean '%s'?", o->target, near);
    else if (!o->system)
        diag_unsupported(&driver->diag, NO_SPAN, "--target=%s is not supported; there are %s", o->target,
                         system_names(driver->arena));
}

static void check_arguments(Driver *driver)
{
    const Command *command = driver->command;
    int64_t count = driver->options.arguments.len;
    if (count < command->min_arguments)
        usage_error(driver, "too few arguments; usage: cnxc %s %s", command->name, command->usage);
    else if (command->max_arguments >= 0 && count > command->max_arguments)
        usage_error(driver, "unexpected argument '%s'; usage: cnxc %s %s", driver->options.arguments.at[command->max_arguments],
                    command->name, command->usage);
}

static void derive(Driver *driver)
{
    Options *o = &driver->options;
    o->opt_level = o->level ? atoi(o->level) : 3;
    derive_image_sizes(driver);
    derive_dims(driver);
    derive_system(driver);
    check_calibration(driver);
    derive_budget(driver);
    derive_max_drop(driver);
    derive_slower(driver);
}

void options_parse(Driver *driver, int argc, char **argv)
{
    Words words = {.at = argv, .count = argc, .next = 1};
    find_command(driver, &words);
    parse_words(driver, &words);
    const Options *o = &driver->options;
    if (diag_failed(&driver->diag) || o->help || o->version || o->licenses || (o->cpu && strcmp(o->cpu, "help") == 0))
        return;
    if (!driver->command) {
        usage_error(driver, "no command; 'cnxc --help' lists them");
        return;
    }
    check_arguments(driver);
    check_pass_name(driver);
    if (driver->command->bit != C_WEIGHTS) /* whose options are a program's */
        derive(driver);
}

/* ── What an artifact remembers ──────────────────────────────────────────────────────────────────────── */

static void add_word(Driver *driver, StrList *words, const Option *option, const char *value)
{
    const char *joint = option->kind == KIND_LEVEL ? "" : "=";
    if (value)
        vec_push(driver->arena, words, arena_printf(driver->arena, "%s%s%s", option->name, joint, value));
}

/* The options that decide code and packing, as they would be typed on any machine. */
static StrList words_of(Driver *driver)
{
    StrList words = {0};
    if (!driver->options.target)
        vec_push(driver->arena, &words, arena_printf(driver->arena, "--target=%s", driver->options.system->name));
    for (int64_t i = 0; i < option_count(); i++) {
        const Option *option = option_at(i);
        const void *field = (const char *)&driver->options + option->field;
        const StrList *list = field;
        if (!(option->commands & C_RECIPE))
            continue;
        for (int64_t j = 0; option->kind == KIND_LIST && j < list->len; j++)
            add_word(driver, &words, option, list->at[j]);
        if (option->kind != KIND_LIST)
            add_word(driver, &words, option, *(const char *const *)field);
    }
    return words;
}

const char *options_of_code(const Driver *driver)
{
    for (int64_t i = 0; i < option_count(); i++) {
        const Option *option = option_at(i);
        const void *field = (const char *)&driver->options + option->field;
        bool given = option->kind == KIND_LIST
                         ? ((const StrList *)field)->len > 0
                         : option->kind != KIND_FLAG && option->kind != KIND_INT && *(const char *const *)field;
        if (given && (option->commands & driver->command->bit & C_BUILD) &&
            ((option->commands & C_RECIPE) || str_equal(option->name, "-mcpu")))
            return option->name;
    }
    return NULL;
}

void options_repeat(Driver *driver, StrList words)
{
    for (int64_t i = 0; i < words.len; i++) {
        const char *value;
        const Option *option = option_find(words.at[i], C_RECIPE, &value);
        if (option && value)
            store(driver, option, value);
        else
            diag_error(&driver->diag, NO_SPAN, "the program says that it was compiled with '%s', which can't be", words.at[i]);
    }
    derive(driver);
}

static FrontendOptions frontend_options(const Options *o)
{
    ImageSize size = o->sizes.len ? o->sizes.at[0] : (ImageSize){0};
    return (FrontendOptions){.task = str_equal(o->task, "semantic-segmentation") ? SEGMENTATION : o->task,
                             .problem_type = o->problem_type,
                             .processor = o->processor,
                             .labels = o->labels,
                             .image_height = size.height,
                             .image_width = size.width,
                             .dims = o->dim_bindings.at,
                             .n_dims = o->dim_bindings.len,
                             .outputs = o->outputs.len ? o->outputs.at : NULL,
                             .n_outputs = o->outputs.len};
}

static const double SEARCH_SECONDS = 600; /* of --max-drop, where no budget is given */

Build options_build(Driver *driver)
{
    const Options *o = &driver->options;
    PipelineOptions pipeline = {.opt_level = o->opt_level,
                                .precision = precision_named(o->precision),
                                .print_after = o->print_after,
                                .time_passes = o->time_passes,
                                .verify_each = o->verify_each};
    bool calibrated = o->calibrate && pipeline.precision == DT_INT8;
    return (Build){.arena = driver->arena,
                   .diag = &driver->diag,
                   .planner = calibrated ? calibrate : NULL,
                   .options = {.input = o->arguments.at[0],
                               .system = o->system,
                               .frontend = frontend_options(o),
                               .sizes = o->sizes.len > 1 ? o->sizes : (ImageSizes){0},
                               .pipeline = pipeline,
                               .words = words_of(driver),
                               .preproc = o->preproc,
                               .max_drop = o->drop,
                               .budget = !o->max_drop     ? 0
                                         : o->seconds > 0 ? o->seconds
                                                          : SEARCH_SECONDS,
                               .calibrate = calibrated ? o->calibrate : NULL,
                               .static_libc = o->static_libc,
                               .verbose = o->verbose,
                               .dry_run = o->dry_run,
                               .symbols = o->save_temps}};
}

Build options_build_in(Driver *driver, const char *precision)
{
    const char *asked = driver->options.precision;
    driver->options.precision = precision;
    Build build = options_build(driver);
    driver->options.precision = asked;
    return build;
}

bool options_spare_inputs(Driver *driver, const char *path)
{
    Build build = options_build(driver);
    bool spared = true;
    for (int64_t i = 0; spared && i < driver->options.arguments.len; i++) {
        build.options.input = driver->options.arguments.at[i];
        spared = output_check_parts(path, &build.options, driver->arena, &driver->diag);
    }
    return spared;
}

static const CpuProfile *profile_named(Driver *driver, const char *name)
{
    if (str_ends_with(name, ".xml"))
        return cpu_read(name, driver->arena, &driver->diag);
    const CpuProfile *cpu = cpu_find(name);
    if (cpu)
        return cpu;
    if (strcmp(name, "native") == 0) {
        diag_unsupported(&driver->diag, NO_SPAN, "none of the profiles runs on this machine; -mcpu=NAME chooses another");
        return NULL;
    }
    const char *near = cpu_nearest(name);
    if (near)
        usage_error(driver, "unknown CPU '%s'; did you mean '%s'?", name, near);
    else
        usage_error(driver, "unknown CPU '%s'; -mcpu=help lists them", name);
    return NULL;
}

static const char *cpu_words(const Driver *driver)
{
    const Options *o = &driver->options;
    return o->cpu ? o->cpu : o->system == system_host() ? "native" : o->system->default_cpu;
}

const CpuProfile *options_profile(Driver *driver) { return profile_named(driver, cpu_words(driver)); }

/* How much a CPU's code demands: the artifact takes the first variant that runs. */
static int64_t demand(const CpuProfile *cpu) { return __builtin_popcountll((uint64_t)cpu->runtime_features); }

/* Behind those that demand as much; of two with equal demands the second would never run. */
static void insert_cpu(Driver *driver, CpuList *cpus, const CpuProfile *cpu)
{
    int64_t at = cpus->len;
    vec_push(driver->arena, cpus, cpu);
    for (int64_t i = 0; i < cpus->len - 1; i++)
        if (cpus->at[i]->runtime_features == cpu->runtime_features)
            usage_error(driver, "-mcpu: %s needs the same instructions as %s, so only one of them would ever run", cpu->name,
                        cpus->at[i]->name);
    for (; at > 0 && demand(cpus->at[at - 1]) < demand(cpu); at--)
        cpus->at[at] = cpus->at[at - 1];
    cpus->at[at] = cpu;
}

bool options_choose_cpus(Driver *driver, Build *build)
{
    StrList names = {0};
    store_list(driver, cpu_words(driver), &names);
    if (names.len > 1 && !(driver->command->bit & (C_COMPILE | C_CHECK)))
        usage_error(driver, "'cnxc %s' takes one CPU; several go with 'cnxc compile'", driver->command->name);
    else if (!names.len)
        usage_error(driver, "-mcpu needs the name of a CPU");
    for (int64_t i = 0; i < names.len && !diag_failed(&driver->diag); i++) {
        const CpuProfile *cpu = profile_named(driver, names.at[i]);
        const System *system = driver->options.system;
        if (cpu && cpu->arch != system->arch)
            usage_error(driver, "-mcpu=%s is a CPU of %s, the target is %s; --target=TRIPLE chooses", names.at[i],
                        system_of(cpu->arch)->name, system->name);
        else if (cpu)
            insert_cpu(driver, &build->cpus, cpu);
    }
    return !diag_failed(&driver->diag);
}
