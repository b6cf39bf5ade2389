/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc compile: a model to an artifact or a text.
 *
 *   model → load → optimise → schedule → weights → code → link → FILE
 *
 * --emit says where to stop. Everything is written in a temporary folder beside FILE and moved at the end. */
#include "compiler/build/cache.h"
#include "compiler/build/output.h"
#include "compiler/build/prefix.h"
#include "compiler/driver/driver.h"
#include "compiler/frontend/frontend.h"
#include "compiler/frontend/input/pictures.h"
#include "compiler/frontend/onnx/onnx.h"
#include "compiler/package/package.h"
#include "compiler/report/dot.h"
#include "ir/base/path.h"
#include "ir/base/reads.h"
#include "ir/base/progress.h"
#include "ir/base/terminal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Compile Compile;

typedef struct Emit {
    const char *name;
    bool (*write)(Compile *c, const char *path); /* path: in the temporary folder */
    ArtifactKind artifact;
    CodeKind code;
    bool is_text;      /* may go to standard output */
    bool has_programs; /* for CPUs; a text shows one */
    bool has_header, is_package;
} Emit;

struct Compile {
    Driver *driver;
    const Options *options;
    const Emit *emit;
    Build build;
};

/* ── Texts ───────────────────────────────────────────────────────────────────────────────────────────── */

static bool close_file(Compile *c, FILE *file, const char *path, bool ok)
{
    bool written = !ferror(file);
    if (fclose(file) == 0 && written)
        return ok;
    diag_resource(c->build.diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return false;
}

static FILE *open_file(Compile *c, const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        diag_resource(c->build.diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return file;
}

enum { INLINE_ALONE = 1024 }; /* elements of a constant in a text that is to stand alone */

/* Large constants that lie in no file of their own go beside the text, unless that is standard output. */
static PrintOptions print_options(Compile *c, const char *path)
{
    const char *output = c->options->output;
    Arena *arena = c->build.arena;
    PrintOptions options = {.text_dir = path_directory(arena, output ? output : "-"),
                            .inline_limit = c->options->config_only ? INLINE_ALONE : 0};
    if (output && strcmp(output, "-") != 0)
        options.data_path = arena_printf(arena, "%s.data", path);
    return options;
}

/* What stays plain ONNX, canonical and folded. -O0 leaves the graph as it was read, so that every weight stays in its
 * file; without weights, nothing can be folded. */
static bool make_portable(Compile *c)
{
    const Options *o = c->options;
    return o->config_only || o->opt_level == 0 || pipeline_portable(c->build.model, &c->build.options.pipeline);
}

static bool write_onnx_text(Compile *c, const char *path)
{
    PrintOptions options = print_options(c, path);
    if (!make_portable(c))
        return false;
    FILE *file = open_file(c, path);
    return file && close_file(c, file, path, model_print(c->build.model, file, &options));
}

static bool write_onnx(Compile *c, const char *path)
{
    PrintOptions options = print_options(c, path);
    if (!make_portable(c))
        return false;
    FILE *file = open_file(c, path);
    return file && close_file(c, file, path, onnx_write(c->build.model, file, &options));
}

static bool write_dot(Compile *c, const char *path)
{
    FILE *file = build_optimize(&c->build) ? open_file(c, path) : NULL;
    if (!file)
        return false;
    dot_print(c->build.model->graph, file);
    return close_file(c, file, path, true);
}

static bool write_program_text(Compile *c, int64_t variant, const char *path)
{
    FILE *file = open_file(c, path);
    if (!file)
        return false;
    program_print(c->build.programs.at[variant], file);
    return close_file(c, file, path, true);
}

static bool write_tile(Compile *c, const char *path) { return build_program(&c->build) && write_program_text(c, 0, path); }

/* ── Code ────────────────────────────────────────────────────────────────────────────────────────────── */

static bool write_code(Compile *c, const char *path)
{
    return build_program(&c->build) && build_objects(&c->build) && build_code(&c->build, 0, c->emit->code, path);
}

static bool keep(Compile *c, const char *temp, const char *suffix)
{
    struct stat s;
    const char *to = arena_printf(c->build.arena, "%s%s", c->options->output, suffix);
    return stat(temp, &s) != 0 || output_commit(temp, to, c->build.diag);
}

/* "OUTPUT.tile", and "OUTPUT.1.tile" … for the variants after the first. */
static bool keep_of(Compile *c, int64_t variant, const char *temp, const char *suffix)
{
    return keep(c, temp, variant ? arena_printf(c->build.arena, ".%lld%s", (long long)variant, suffix) : suffix);
}

static bool save_variant(Compile *c, int64_t variant)
{
    Arena *arena = c->build.arena;
    const char *tile = arena_printf(arena, "%s/stage.tile", c->build.temp_dir);
    const char *ll = arena_printf(arena, "%s/stage.ll", c->build.temp_dir);
    const char *assembly = arena_printf(arena, "%s/stage.s", c->build.temp_dir);
    return write_program_text(c, variant, tile) && build_code(&c->build, variant, CODE_LLVM, ll) &&
           build_code(&c->build, variant, CODE_ASM, assembly) && keep_of(c, variant, tile, ".tile") &&
           keep_of(c, variant, ll, ".ll") && keep_of(c, variant, assembly, ".s");
}

/* --save-temps: the stages' texts before the link, which may fail. */
static bool save_texts(Compile *c)
{
    Arena *arena = c->build.arena;
    const char *graph = arena_printf(arena, "%s/stage.onnxtxt", c->build.temp_dir);
    PrintOptions options = {.text_dir = path_directory(arena, c->options->output),
                            .data_path = arena_printf(arena, "%s.onnxtxt.data", c->options->output)};
    FILE *file = open_file(c, graph);
    bool ok = file && close_file(c, file, graph, model_print(c->build.model, file, &options)) && keep(c, graph, ".onnxtxt");
    for (int64_t i = 0; ok && i < c->build.programs.len; i++)
        ok = save_variant(c, i);
    return ok;
}

static bool save_binaries(Compile *c)
{
    for (int64_t i = 0; i < c->build.programs.len; i++)
        if (!keep_of(c, i, build_model_object(c->build.arena, c->build.temp_dir, i), ".o"))
            return false;
    return keep(c, build_descriptor_object(c->build.arena, c->build.temp_dir), ".descriptor.o") &&
           (c->build.weights_name || keep(c, c->build.weights_path, ".weights.o"));
}

static bool link_artifacts(Compile *c, const char *path)
{
    return c->emit->is_package ? package_write(&c->build, path) : build_artifact(&c->build, c->emit->artifact, path);
}

static bool write_artifact(Compile *c, const char *path)
{
    bool save = c->options->save_temps;
    return build_program(&c->build) && build_objects(&c->build) && (!save || save_texts(c)) && link_artifacts(c, path) &&
           (!save || save_binaries(c));
}

/* ── The command ─────────────────────────────────────────────────────────────────────────────────────── */

static const Emit emits[] = {
    {.name = "exe", .write = write_artifact, .has_programs = true, .artifact = ARTIFACT_EXE},
    {.name = "shared", .write = write_artifact, .has_programs = true, .artifact = ARTIFACT_SHARED, .has_header = true},
    {.name = "static", .write = write_artifact, .has_programs = true, .artifact = ARTIFACT_STATIC, .has_header = true},
    {.name = "obj", .write = write_artifact, .has_programs = true, .artifact = ARTIFACT_OBJ, .has_header = true},
    {.name = "package", .write = write_artifact, .has_programs = true, .artifact = ARTIFACT_SHARED, .is_package = true},
    {.name = "asm", .write = write_code, .code = CODE_ASM, .is_text = true, .has_programs = true},
    {.name = "llvm", .write = write_code, .code = CODE_LLVM, .is_text = true, .has_programs = true},
    {.name = "onnxtxt", .write = write_onnx_text, .is_text = true},
    {.name = "onnx", .write = write_onnx, .is_text = true},
    {.name = "tile", .write = write_tile, .is_text = true, .has_programs = true},
    {.name = "dot", .write = write_dot, .is_text = true},
};

/* What a name that ends so is taken for where --emit says nothing. */
static const char *emit_by_name(const char *output)
{
    static const char *const endings[][2] = {
        {".so", "shared"},       {".a", "static"},         {".o", "obj"},     {".s", "asm"},  {".ll", "llvm"}, {".onnx", "onnx"},
        {".onnxtxt", "onnxtxt"}, {".onnx.txt", "onnxtxt"}, {".tile", "tile"}, {".dot", "dot"}};
    for (int64_t i = 0; output && i < countof(endings); i++)
        if (str_ends_with(output, endings[i][0]))
            return endings[i][1];
    return "exe";
}

static const Emit *chosen_emit(const Options *o)
{
    const char *name = o->emit ? o->emit : emit_by_name(o->output);
    const Emit *emit = emits;
    while (strcmp(emit->name, name) != 0)
        emit++;
    return emit;
}

static bool separate_weights(const Options *o) { return o->weights && strcmp(o->weights, "embed") != 0; }

/* All that is written has a place of its own. */
static void check_distinct(Compile *c)
{
    const Options *o = c->options;
    Arena *arena = c->build.arena;
    const char *const places[] = {o->output, o->depfile, separate_weights(o) ? o->weights : NULL,
                                  c->emit->has_header ? link_header_path(o->output, arena) : NULL,
                                  c->emit->is_text ? arena_printf(arena, "%s.data", o->output) : NULL};
    for (int64_t i = 0; i < countof(places); i++)
        for (int64_t j = 0; j < i; j++)
            if (places[i] && places[j] && output_same_place(places[i], places[j], arena))
                usage_error(c->driver, "'%s' is named for two outputs", places[i]);
}

/* What the options ask for together; each alone was checked by the parser. */
static bool check_output(Compile *c)
{
    const Options *o = c->options;
    if (!o->output) {
        usage_error(c->driver, "--emit=%s needs -o FILE", c->emit->name);
        return false;
    }
    if (strcmp(o->output, "-") == 0 && !c->emit->is_text)
        usage_error(c->driver, "--emit=%s can't be written to standard output", c->emit->name);
    else if (o->config_only && c->emit->write != write_onnx_text)
        usage_error(c->driver, "--config-only goes with --emit=onnxtxt");
    else if (o->sizes.len > 1 && c->emit->is_text)
        usage_error(c->driver, "--emit=%s takes one --image-size, got %lld", c->emit->name, (long long)o->sizes.len);
    else if (o->static_libc && (c->emit->is_text || c->emit->artifact != ARTIFACT_EXE))
        usage_error(c->driver, "--static links an executable; a library needs the C library of the program that loads it");
    else if (o->prefix && !prefix_is_valid(o->prefix))
        usage_error(c->driver, "--prefix takes a C identifier, got '%s'", o->prefix);
    else if (c->emit->has_header && strcmp(link_header_path(o->output, c->build.arena), o->output) == 0)
        usage_error(c->driver, "the output '%s' has the name of its header", o->output);
    else if (c->emit->has_header && output_is_stream(o->output))
        usage_error(c->driver, "--emit=%s needs a file for -o, with a header beside it; '%s' is none", c->emit->name, o->output);
    else if (o->depfile && strcmp(o->output, "-") == 0)
        usage_error(c->driver, "-MF=FILE says what the file of -o depends on; it goes with -o FILE, another one");
    else if (c->emit->is_package && separate_weights(o))
        usage_error(c->driver, "--emit=package has the weights in its libraries; --weights=FILE goes with one library");
    else if (c->emit->is_package && package_refuses_name(c->build.prefix))
        usage_error(c->driver, "'%s' is a keyword of %s, so it can't name a package; --prefix=NAME names it", c->build.prefix,
                    package_refuses_name(c->build.prefix));
    else if (separate_weights(o) && c->emit->is_text)
        usage_error(c->driver, "--weights=FILE goes with an executable or a library; --emit=%s has none", c->emit->name);
    else
        check_distinct(c);
    if (diag_failed(c->build.diag))
        return false;
    if (c->emit->is_package)
        return package_check_place(o->output, &c->build);
    return output_check(o->output, c->build.options.input, c->build.diag) &&
           (!separate_weights(o) || output_check(o->weights, c->build.options.input, c->build.diag));
}

/* An entry of the cache is one file, whose name and place are the cache's. */
static bool check_cached(Compile *c)
{
    const Options *o = c->options;
    const char *other = o->output        ? "-o"
                        : o->weights     ? "--weights"
                        : o->prefix      ? "--prefix"
                        : o->save_temps  ? "--save-temps"
                        : o->dry_run     ? "-###"
                        : o->static_libc ? "--static"
                        : o->config_only ? "--config-only"
                        : o->depfile     ? "-MF"
                                         : NULL;
    if (other)
        usage_error(c->driver, "--cached goes without %s", other);
    else if (c->emit->is_package || (c->emit->artifact != ARTIFACT_SHARED && strcmp(c->emit->name, "exe") != 0))
        usage_error(c->driver, "--cached goes with --emit=exe and shared, got %s", c->emit->name);
    return !diag_failed(c->build.diag);
}

static bool check_cpus(Compile *c)
{
    if (!options_choose_cpus(c->driver, &c->build))
        return false;
    if (c->emit->is_text && c->build.cpus.len > 1)
        usage_error(c->driver, "--emit=%s takes one CPU, got %lld", c->emit->name, (long long)c->build.cpus.len);
    return !diag_failed(c->build.diag);
}

static bool check_place(Compile *c, const char *path)
{
    return output_check_parts(path, &c->build.options, c->build.arena, c->build.diag);
}

/* A header that is there must be one that cnxc wrote: foo.so has no business with a stranger's foo.h. */
static bool check_header(Compile *c, const char *path)
{
    static const char mark[] = "a compiled neural network behind a small C interface";
    char start[256] = {0};
    FILE *file = fopen(path, "rbe");
    size_t n = file ? fread(start, 1, sizeof start - 1, file) : 0;
    if (file)
        fclose(file);
    if (!n || strstr(start, mark))
        return true;
    diag_resource(c->build.diag, NO_SPAN, "the header '%s' is there and was not written by cnxc", path);
    return false;
}

static bool check_stages(Compile *c)
{
    const char *text = arena_printf(c->build.arena, "%s.onnxtxt", c->options->output);
    return output_check(text, c->build.options.input, c->build.diag) && check_place(c, text) &&
           check_place(c, arena_printf(c->build.arena, "%s.data", text));
}

static bool check_places(Compile *c)
{
    Arena *arena = c->build.arena;
    const Options *o = c->options;
    return (c->emit->is_package || check_place(c, o->output)) && (!o->save_temps || check_stages(c)) &&
           (!o->depfile || check_place(c, o->depfile)) &&
           (!c->emit->is_text || check_place(c, arena_printf(arena, "%s.data", o->output))) &&
           (!separate_weights(o) || check_place(c, o->weights)) &&
           (!c->emit->has_header ||
            (check_place(c, link_header_path(o->output, arena)) && check_header(c, link_header_path(o->output, arena))));
}

/* -MF: what was read so far decides what is written. Of folders the names do, too: a configuration may come to lie there. */
static bool write_rule(Compile *c, const char *path)
{
    const FrontendOptions *frontend = &c->build.options.frontend;
    const char *const named[] = {c->build.options.input, frontend->processor, frontend->labels, c->build.options.calibrate};
    struct stat s;
    for (int64_t i = 0; i < countof(named); i++)
        if (named[i] && stat(named[i], &s) == 0 && S_ISDIR(s.st_mode))
            reads_note(named[i]);
    FILE *file = open_file(c, path);
    return file && close_file(c, file, path, fputs(reads_rule(c->options->output, c->build.arena), file) >= 0);
}

static bool is_package(const Compile *c, const char *to) { return c->emit->is_package && to == c->options->output; }

static bool commit(Compile *c, const char *from, const char *to)
{
    terminal_clear(); /* it may go to standard output */
    return is_package(c, to) ? package_commit(from, to, c->build.diag) : output_commit(from, to, c->build.diag);
}

/* Data before what names it, so that nobody sees an artifact without its parts; all or none: where a later one fails, those
 * in place are taken away again. */
static bool commit_all(Compile *c, const char *path)
{
    const Options *o = c->options;
    Arena *arena = c->build.arena;
    struct stat s;
    const char *parts[5][2], *data = arena_printf(arena, "%s.data", path),
                             *rule = arena_printf(arena, "%s/rule", c->build.temp_dir);
    int n = 0;
    if (o->depfile && !write_rule(c, rule))
        return false;
    if (o->depfile)
        parts[n][0] = rule, parts[n++][1] = o->depfile;
    if (stat(data, &s) == 0)
        parts[n][0] = data, parts[n++][1] = arena_printf(arena, "%s.data", o->output);
    if (c->build.weights_name)
        parts[n][0] = c->build.weights_path, parts[n++][1] = o->weights;
    if (c->emit->has_header)
        parts[n][0] = link_header_path(path, arena), parts[n++][1] = link_header_path(o->output, arena);
    parts[n][0] = path, parts[n++][1] = o->output;
    for (int i = 0; i < n; i++) /* pictures of --calibrate are known by now */
        if (!is_package(c, parts[i][1]) && !check_place(c, parts[i][1]))
            return false;
    for (int i = 0; i < n; i++)
        if (!commit(c, parts[i][0], parts[i][1])) {
            while (i-- > 0)
                unlink(parts[i][1]);
            return false;
        }
    return true;
}

static bool load(Compile *c)
{
    Build *build = &c->build;
    if (!c->options->config_only)
        return build_load(build);
    const char *text_dir = path_directory(build->arena, c->options->output);
    build->model = frontend_from_config(build->options.input, text_dir, &build->options.frontend, build->arena, build->diag);
    return build->model && pictures_choose(build->model, build->options.preproc, build->diag);
}

static bool compile(Compile *c)
{
    const Options *o = c->options;
    if (!load(c) || !check_places(c))
        return false;
    c->build.temp_dir = output_temp_dir(o->output, c->build.arena, c->build.diag);
    if (!c->build.temp_dir)
        return false;
    const char *base = strcmp(o->output, "-") == 0 ? "out" : path_base(o->output);
    const char *path = arena_printf(c->build.arena, "%s/%s", c->build.temp_dir, base);
    return c->emit->write(c, path) && !diag_failed(c->build.diag) && commit_all(c, path);
}

/* -###: the link commands alone; nothing is read but the options, nothing is written. */
static bool print_commands(Compile *c)
{
    c->build.temp_dir = ".";
    c->build.weights_path = "weights.o";
    return c->emit->write != write_artifact || link_artifacts(c, c->options->output);
}

static ExitCode compile_cached(Compile *c)
{
    const char *path = check_cached(c) && check_cpus(c) ? cache_artifact(&c->build, c->emit->artifact) : NULL;
    if (path)
        puts(path);
    return driver_exit_code(c->driver);
}

/* "dist/tiny/" is the folder "dist/tiny". */
static const char *without_slashes(const char *path, Arena *arena)
{
    size_t length = path ? strlen(path) : 0;
    while (length > 1 && path[length - 1] == '/')
        length--;
    return path ? arena_strndup(arena, path, (int64_t)length) : NULL;
}

ExitCode subcommand_compile(Driver *driver)
{
    Options *o = &driver->options;
    Compile c = {.driver = driver, .options = o, .emit = chosen_emit(o), .build = options_build(driver)};
    if (o->cached)
        return compile_cached(&c);
    if (!o->output && c.emit->is_text)
        o->output = "-";
    if (c.emit->is_package)
        o->output = without_slashes(o->output, driver->arena);
    c.build.prefix = o->prefix || !o->output ? o->prefix : prefix_from_path(driver->arena, o->output);
    if (!check_output(&c) || (c.emit->has_programs && !check_cpus(&c)))
        return driver_exit_code(driver);
    c.build.weights_name = separate_weights(o) ? path_base(o->weights) : NULL;
    progress_begin("compile");
    bool ok = o->dry_run ? print_commands(&c) : compile(&c);
    progress_end();
    if (!ok && !diag_failed(&driver->diag))
        diag_resource(&driver->diag, NO_SPAN, "'%s' was not written", o->output);
    return driver_exit_code(driver);
}
