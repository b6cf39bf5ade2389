/* cnxc compile: a model to an artifact or a text.
 *
 *   model → load → optimise → schedule → weights → code → link → FILE
 *
 * --emit says where to stop. Everything is written in a temporary folder beside FILE and moved at the end. */
#include "compiler/driver/build.h"
#include "compiler/driver/dot.h"
#include "compiler/driver/output.h"
#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/input/external.h"
#include "compiler/frontend/onnx/onnx.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Emit {
    const char *name;
    bool (*write)(Build *build, const struct Emit *emit, const char *path); /* path: in the temporary folder */
    ArtifactKind artifact;
    CodeKind code;
    bool is_text;                 /* may go to standard output */
    bool has_header;
} Emit;

/* ── Texts ───────────────────────────────────────────────────────────────────────────────────────────── */

static bool close_file(Build *build, FILE *file, const char *path, bool ok)
{
    bool written = !ferror(file);
    if (fclose(file) == 0 && written)
        return ok;
    diag_resource(&build->driver->diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return false;
}

static FILE *open_file(Build *build, const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        diag_resource(&build->driver->diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return file;
}

/* Large constants that lie in no file of their own go beside the text, unless that is standard output. */
static PrintOptions print_options(Build *build, const char *path)
{
    const char *output = build->driver->options.output;
    Arena *arena = build->driver->arena;
    PrintOptions options = {.text_dir = path_directory(arena, output ? output : "-")};
    if (output && strcmp(output, "-") != 0)
        options.data_path = arena_printf(arena, "%s.data", path);
    return options;
}

/* What stays plain ONNX, canonical and folded. -O0 leaves the graph as it was read, so that every weight stays in its
 * file; without weights, nothing can be folded. */
static bool make_portable(Build *build)
{
    const Options *o = &build->driver->options;
    PipelineOptions options = options_pipeline(o);
    return o->config_only || o->opt_level == 0 || pipeline_portable(build->model, &options);
}

static bool write_onnx_text(Build *build, const Emit *emit, const char *path)
{
    (void)emit;
    PrintOptions options = print_options(build, path);
    if (!make_portable(build))
        return false;
    FILE *file = open_file(build, path);
    return file && close_file(build, file, path, model_print(build->model, file, &options));
}

static bool write_onnx(Build *build, const Emit *emit, const char *path)
{
    (void)emit;
    PrintOptions options = print_options(build, path);
    if (!make_portable(build))
        return false;
    FILE *file = open_file(build, path);
    return file && close_file(build, file, path, onnx_write(build->model, file, &options));
}

static bool write_dot(Build *build, const Emit *emit, const char *path)
{
    (void)emit;
    FILE *file = build_optimize(build) ? open_file(build, path) : NULL;
    if (!file)
        return false;
    dot_print(build->model->graph, file);
    return close_file(build, file, path, true);
}

static bool write_program_text(Build *build, int64_t variant, const char *path)
{
    FILE *file = open_file(build, path);
    if (!file)
        return false;
    program_print(build->programs.at[variant], file);
    return close_file(build, file, path, true);
}

/* Texts show one program. */
static bool check_one_cpu(Build *build, const Emit *emit)
{
    if (build->cpus.len > 1)
        usage_error(build->driver, "--emit=%s takes one CPU, got %lld", emit->name, (long long)build->cpus.len);
    return build->cpus.len == 1;
}

static bool write_tile(Build *build, const Emit *emit, const char *path)
{
    return build_program(build) && check_one_cpu(build, emit) && write_program_text(build, 0, path);
}

/* ── Code ────────────────────────────────────────────────────────────────────────────────────────────── */

static bool write_code(Build *build, const Emit *emit, const char *path)
{
    return build_program(build) && check_one_cpu(build, emit) && build_objects(build) && build_code(build, 0, emit->code, path);
}

static bool keep(Build *build, const char *temp, const char *suffix)
{
    Driver *driver = build->driver;
    struct stat s;
    const char *to = arena_printf(driver->arena, "%s%s", driver->options.output, suffix);
    return stat(temp, &s) != 0 || output_commit(driver, temp, to);
}

/* "OUTPUT.tile", and "OUTPUT.1.tile" … for the variants after the first. */
static bool keep_of(Build *build, int64_t variant, const char *temp, const char *suffix)
{
    return keep(build, temp, variant ? arena_printf(build->driver->arena, ".%lld%s", (long long)variant, suffix) : suffix);
}

static bool save_variant(Build *build, int64_t variant)
{
    Arena *arena = build->driver->arena;
    const char *tile = arena_printf(arena, "%s/stage.tile", build->temp_dir);
    const char *ll = arena_printf(arena, "%s/stage.ll", build->temp_dir);
    const char *assembly = arena_printf(arena, "%s/stage.s", build->temp_dir);
    return write_program_text(build, variant, tile) && build_code(build, variant, CODE_LLVM, ll) &&
           build_code(build, variant, CODE_ASM, assembly) && keep_of(build, variant, tile, ".tile") &&
           keep_of(build, variant, ll, ".ll") && keep_of(build, variant, assembly, ".s");
}

/* --save-temps: the stages' texts before the link, which may fail. */
static bool save_texts(Build *build)
{
    Arena *arena = build->driver->arena;
    const char *graph = arena_printf(arena, "%s/stage.onnxtxt", build->temp_dir);
    PrintOptions options = {.text_dir = path_directory(arena, build->driver->options.output),
                            .data_path = arena_printf(arena, "%s.onnxtxt.data", build->driver->options.output)};
    FILE *file = open_file(build, graph);
    bool ok = file && close_file(build, file, graph, model_print(build->model, file, &options)) && keep(build, graph, ".onnxtxt");
    for (int64_t i = 0; ok && i < build->programs.len; i++)
        ok = save_variant(build, i);
    return ok;
}

static bool save_binaries(Build *build)
{
    for (int64_t i = 0; i < build->programs.len; i++)
        if (!keep_of(build, i, build_model_object(build->driver->arena, build->temp_dir, i), ".o"))
            return false;
    return build->weights_name || keep(build, build->weights_path, ".weights.o");
}

static bool write_artifact(Build *build, const Emit *emit, const char *path)
{
    bool save = build->driver->options.save_temps;
    return build_program(build) && build_objects(build) && (!save || save_texts(build)) &&
           build_artifact(build, emit->artifact, path) && (!save || save_binaries(build));
}

/* ── The command ─────────────────────────────────────────────────────────────────────────────────────── */

static const Emit emits[] = {
    {.name = "exe", .write = write_artifact, .artifact = ARTIFACT_EXE},
    {.name = "shared", .write = write_artifact, .artifact = ARTIFACT_SHARED, .has_header = true},
    {.name = "static", .write = write_artifact, .artifact = ARTIFACT_STATIC, .has_header = true},
    {.name = "obj", .write = write_artifact, .artifact = ARTIFACT_OBJ, .has_header = true},
    {.name = "asm", .write = write_code, .code = CODE_ASM, .is_text = true},
    {.name = "llvm", .write = write_code, .code = CODE_LLVM, .is_text = true},
    {.name = "onnxtxt", .write = write_onnx_text, .is_text = true},
    {.name = "onnx", .write = write_onnx, .is_text = true},
    {.name = "tile", .write = write_tile, .is_text = true},
    {.name = "dot", .write = write_dot, .is_text = true},
};

static const Emit *chosen_emit(const Options *o)
{
    for (int64_t i = 0; i < countof(emits); i++)
        if (o->emit && strcmp(emits[i].name, o->emit) == 0)
            return &emits[i];
    return &emits[0];
}

/* "dir/libtiny.so" → "dir/libtiny.h" */
static const char *header_path(Arena *arena, const char *path)
{
    const char *dot = strrchr(path_base(path), '.');
    size_t stem = dot && dot != path_base(path) ? (size_t)(dot - path) : strlen(path);
    return arena_printf(arena, "%.*s.h", (int)stem, path);
}

static bool separate_weights(const Options *o) { return o->weights && strcmp(o->weights, "embed") != 0; }

/* What the options ask for together; each alone was checked by the parser. */
static bool check_output(Build *build, const Emit *emit)
{
    Driver *driver = build->driver;
    Options *o = &driver->options;
    if (!o->output && !emit->is_text) {
        usage_error(driver, "--emit=%s needs -o FILE", emit->name);
        return false;
    }
    if (!o->output)
        o->output = "-";
    if (strcmp(o->output, "-") == 0 && !emit->is_text)
        usage_error(driver, "--emit=%s can't be written to standard output", emit->name);
    else if (o->config_only && emit->write != write_onnx_text)
        usage_error(driver, "--config-only goes with --emit=onnxtxt");
    else if (o->prefix && !prefix_is_valid(o->prefix))
        usage_error(driver, "--prefix takes a C identifier, got '%s'", o->prefix);
    else if (emit->has_header && strcmp(header_path(driver->arena, o->output), o->output) == 0)
        usage_error(driver, "the output '%s' has the name of its header", o->output);
    else if (separate_weights(o) && strcmp(o->weights, o->output) == 0)
        usage_error(driver, "the weights and the output are the same file '%s'", o->output);
    return !diag_failed(&driver->diag) && output_check(driver, o->output, build->input) &&
           (!separate_weights(o) || output_check(driver, o->weights, build->input));
}

/* May path be written, now that it is known which files the model consists of? */
static bool check_place(Build *build, const char *path)
{
    Driver *driver = build->driver;
    static const char *const configs[] = {"config.json", "preprocessor_config.json"};
    for (int64_t i = 0; i < countof(configs); i++)
        if (!output_check(driver, path, arena_printf(driver->arena, "%s/%s", build->input, configs[i])))
            return false;
    if (!output_check(driver, path, build->input)) /* a header or data beside the output */
        return false;
    if (strcmp(path, "-") == 0 || !weights_are_read_from(path, driver->arena))
        return true;
    diag_resource(&driver->diag, NO_SPAN, "the output '%s' holds weights of the input", path);
    return false;
}

static bool check_stages(Build *build)
{
    Driver *driver = build->driver;
    const char *text = arena_printf(driver->arena, "%s.onnxtxt", driver->options.output);
    return output_check(driver, text, build->input) && check_place(build, text) &&
           check_place(build, arena_printf(driver->arena, "%s.data", text));
}

static bool check_places(Build *build, const Emit *emit)
{
    Arena *arena = build->driver->arena;
    const Options *o = &build->driver->options;
    return check_place(build, o->output) && (!o->save_temps || check_stages(build)) &&
           (!emit->is_text || check_place(build, arena_printf(arena, "%s.data", o->output))) &&
           (!separate_weights(o) || check_place(build, o->weights)) &&
           (!emit->has_header || check_place(build, header_path(arena, o->output)));
}

/* Data before what names it, so that nobody sees an artifact without its parts. */
static bool commit_all(Build *build, const Emit *emit, const char *path)
{
    Driver *driver = build->driver;
    const Options *o = &driver->options;
    Arena *arena = driver->arena;
    struct stat s;
    const char *data = arena_printf(arena, "%s.data", path);
    if (stat(data, &s) == 0 && !output_commit(driver, data, arena_printf(arena, "%s.data", o->output)))
        return false;
    if (build->weights_name && !output_commit(driver, build->weights_path, o->weights))
        return false;
    if (emit->has_header && !output_commit(driver, header_path(arena, path), header_path(arena, o->output)))
        return false;
    return output_commit(driver, path, o->output);
}

/* -###: the link commands alone; nothing is read but the options, nothing is written. */
static bool print_commands(Build *build, const Emit *emit)
{
    Driver *driver = build->driver;
    const char *runtime = resource_dir(driver), *output = driver->options.output;
    if (!runtime || emit->write != write_artifact)
        return runtime != NULL;
    StrList objects = {0};
    CpuList cpus = options_cpus(driver);
    for (int64_t i = 0; i < cpus.len; i++)
        vec_push(driver->arena, &objects, build_model_object(driver->arena, ".", i));
    if (!cpus.len)
        return false;
    LinkOptions options = {.kind = emit->artifact,
                           .output = output,
                           .prefix = build->prefix,
                           .model_objects = objects.at,
                           .n_model_objects = objects.len,
                           .weights_object = build->weights_name ? NULL : "weights.o",
                           .runtime_dir = runtime,
                           .header_extra = "",
                           .temp_dir = ".",
                           .cross = system_cross(driver->options.system, driver->arena),
                           .install = system_install(driver->options.system, driver->arena),
                           .static_libc = driver->options.static_libc,
                           .verbose = true,
                           .dry_run = true};
    return link_artifact(&options, driver->arena, &driver->diag);
}

static bool load(Build *build)
{
    Driver *driver = build->driver;
    if (!driver->options.config_only)
        return build_load(build);
    FrontendOptions options = options_frontend(&driver->options);
    const char *text_dir = path_directory(driver->arena, driver->options.output ? driver->options.output : "-");
    build->model = hf_graph_from_config(build->input, text_dir, &options, driver->arena, &driver->diag);
    if (build->model)
        preprocessor_choose(build->model, driver->options.preproc, &driver->diag);
    return build->model && graph_infer(build->model->graph, &driver->diag);
}

static bool compile(Build *build, const Emit *emit)
{
    Driver *driver = build->driver;
    Options *o = &driver->options;
    if (!load(build) || !check_places(build, emit))
        return false;
    build->temp_dir = output_temp_dir(driver, o->output);
    if (!build->temp_dir)
        return false;
    const char *base = strcmp(o->output, "-") == 0 ? "out" : path_base(o->output);
    const char *path = arena_printf(driver->arena, "%s/%s", build->temp_dir, base);
    return emit->write(build, emit, path) && !diag_failed(&driver->diag) && commit_all(build, emit, path);
}

ExitCode subcommand_compile(Driver *driver)
{
    const Emit *emit = chosen_emit(&driver->options);
    Build build = {.driver = driver, .input = driver->options.arguments.at[0]};
    if (!check_output(&build, emit))
        return driver_exit_code(driver);
    const Options *o = &driver->options;
    build.prefix = o->prefix ? o->prefix : prefix_from_path(driver->arena, o->output);
    build.weights_name = separate_weights(o) ? path_base(o->weights) : NULL;
    bool ok = o->dry_run ? print_commands(&build, emit) : compile(&build, emit);
    if (!ok && !diag_failed(&driver->diag))
        diag_resource(&driver->diag, NO_SPAN, "'%s' was not written", o->output);
    return driver_exit_code(driver);
}
