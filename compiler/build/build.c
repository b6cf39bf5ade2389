/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A build, stage by stage: load → optimise → schedule → code → weights → descriptor → link.
 *
 * Code comes first, because it tells whether tiles spill, and other tiles may want other panels: weights are packed once. Their
 * hash is part of the descriptor, which is an object of its own. If they are to be embedded, their file is an object, too, which
 * the linker takes as it is: the weights never pass through the code generator. */
#include "compiler/build/build.h"
#include "compiler/build/artifact.h"
#include "compiler/build/bytes.h"
#include "compiler/build/example.h"
#include "compiler/build/prefix.h"
#include "compiler/build/recipe.h"
#include "compiler/build/resource.h"
#include "compiler/frontend/input/pictures.h"
#include "compiler/link/weights_object.h"
#include "ir/base/clock.h"
#include "ir/base/progress.h"
#include "ir/base/terminal.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_TRIES = 16 }; /* of other tiles where code spills; then it runs as it is, slower */

/* ── Stages ──────────────────────────────────────────────────────────────────────────────────────────── */

void build_progress(const Build *build, double part, const char *what)
{
    if (build->options.verbose)
        fprintf(stderr, "cnxc: %s\n", what);
    progress_show(part, "%s", what);
}

/* What stages usually take, in their order, in hundredths of a second: each, and for each MB of the model's constants. */
static const struct {
    const char *stage;
    double each, for_mb;
} costs[] = {{"load", 2, 0.5},    {"optimize", 2, 0.5}, {"schedule", 4, 0}, {"codegen", 150, 0},
             {"weights", 2, 0.5}, {"descriptor", 1, 0}, {"link", 10, 1}};

static double constant_mb(const Build *build)
{
    double bytes = 0;
    for (int64_t i = 0; build->model && i < build->model->graph->constants.len; i++) {
        const Tensor *tensor = build->model->graph->constants.at[i]->constant;
        bytes += tensor ? (double)tensor->count * (double)dtype_size(tensor->dtype) : 0;
    }
    return bytes * 1e-6;
}

/* The part of a build that is done when this stage begins; less than 0: there is no model to tell by, or it is no such stage. */
static double part_before(const Build *build, const char *stage)
{
    double mb = constant_mb(build), done = -1, all = 0;
    for (int64_t i = 0; i < countof(costs); i++) {
        if (strcmp(costs[i].stage, stage) == 0)
            done = all;
        all += costs[i].each + costs[i].for_mb * mb;
    }
    return build->model && done >= 0 ? done / all : -1;
}

static double stage_begin(const Build *build, const char *what)
{
    build_progress(build, part_before(build, what), what);
    return clock_seconds();
}

static bool stage_end(const Build *build, const char *what, double start)
{
    if (build->options.pipeline.time_passes || build->options.verbose)
        terminal_clear();
    if (build->options.pipeline.time_passes)
        fprintf(stderr, "%10.3f ms  stage %s\n", (clock_seconds() - start) * 1e3, what);
    return !diag_failed(build->diag);
}

static bool load_size(Build *build, ImageSize size)
{
    FrontendOptions options = build->options.frontend;
    options.image_height = size.height;
    options.image_width = size.width;
    Model *model = frontend_load(build->options.input, &options, build->arena, build->diag);
    vec_push(build->arena, &build->models, model);
    return model && pictures_choose(model, build->options.preproc, build->diag);
}

bool build_load(Build *build)
{
    const BuildOptions *o = &build->options;
    double start = stage_begin(build, "load");
    build->diag->once |= o->sizes.len > 1;
    bool ok = o->sizes.len || load_size(build, (ImageSize){o->frontend.image_height, o->frontend.image_width});
    for (int64_t i = 0; ok && i < o->sizes.len; i++)
        ok = load_size(build, o->sizes.at[i]);
    build->model = build->models.at[0];
    if (build->model && build->weights_name)
        build->tensors = recipe_tensors(build->model->graph, build->arena);
    return stage_end(build, "load", start) && ok;
}

static bool make_plan(Build *build)
{
    double start = stage_begin(build, "calibrate");
    bool ok = build->planner(build);
    return stage_end(build, "calibrate", start) && ok;
}

/* Constants of one name and with equal bytes are the same in the graphs of all sizes. The name counts, so that no layout depends on
 * which constants of a checkpoint happen to be equal. */
static void share_constants(const Graph *first, Graph *graph)
{
    for (int64_t i = 0; i < graph->constants.len; i++) {
        Value *value = graph->constants.at[i];
        const Value *same = graph_find(first, value->name);
        if (same && same->constant && tensor_equal(same->constant, value->constant))
            value->constant = same->constant;
    }
}

bool build_optimize(Build *build)
{
    if (build->planner && !build->options.pipeline.plan && !make_plan(build))
        return false;
    double start = stage_begin(build, "optimize");
    bool ok = true;
    for (int64_t i = 0; ok && i < build->models.len; i++) {
        ok = pipeline_optimize(build->models.at[i], &build->options.pipeline);
        share_constants(build->model->graph, build->models.at[i]->graph);
    }
    return stage_end(build, "optimize", start) && ok;
}

bool build_program(Build *build) { return build_optimize(build) && build_schedules(build); }

static bool schedule_all(Build *build)
{
    double start = stage_begin(build, "schedule");
    bool ok = true;
    build->programs.len = 0;
    for (int64_t i = 0; ok && i < build_variants(build); i++) {
        Graph *graph = build->models.at[i / build->cpus.len]->graph;
        Program *program = schedule_graph(graph, build->options.pipeline.precision, build->cpus.at[i % build->cpus.len],
                                          &build->limits[i], build->models.len > 1, build->arena, build->diag);
        vec_push(build->arena, &build->programs, program);
        ok = program != NULL;
    }
    if (ok)
        share_weights(build->programs.at, build->programs.len);
    build->cpu = build->cpus.at[0];
    build->program = build->programs.at[0];
    return stage_end(build, "schedule", start) && ok;
}

bool build_schedules(Build *build)
{
    build->limits = NEW_ARRAY(build->arena, TileLimits, build_variants(build));
    return schedule_all(build);
}

/* ── Weights ─────────────────────────────────────────────────────────────────────────────────────────── */

/* Which weights file fits which code: everything that decides the layout, nothing that training changes. */
static uint64_t graph_hash(const Build *build)
{
    Printed printed;
    printed_begin(&printed);
    for (int64_t i = 0; i < build->programs.len; i++) {
        fprintf(printed.out, "cnxc %s %s %s\n", CNXC_VERSION, build->programs.at[i]->cpu->name,
                build->programs.at[i]->cpu->features);
        program_print(build->programs.at[i], printed.out);
    }
    printed_end(&printed);
    uint64_t hash = XXH3_64bits(printed.text, printed.length);
    free(printed.text);
    return hash;
}

/* Bytes in front of the weights in their file. */
static int64_t head_bytes(const Build *build) { return build->weights_name ? 0 : WEIGHTS_OBJECT_HEAD; }

static bool write_packed(const Build *build, FILE *out)
{
    static const uint8_t blank[WEIGHTS_OBJECT_HEAD + sizeof(CnxrtWeightsHeader)];
    size_t before = (size_t)head_bytes(build) + sizeof(CnxrtWeightsHeader);
    return fwrite(blank, before, 1, out) == 1 && programs_write_weights(build->programs.at, build->programs.len, out) &&
           fflush(out) == 0;
}

/* The header needs the hash of what follows it, so it is written last. */
static bool write_header(Build *build, FILE *file)
{
    int64_t bytes = build->info.weights_bytes, at = head_bytes(build);
    CnxrtWeightsHeader header = {.magic = CNXRT_WEIGHTS_MAGIC, .abi = CNXRT_ABI, .bytes = (uint64_t)bytes};
    uint8_t head[WEIGHTS_OBJECT_HEAD];
    if (!bytes_hash(fileno(file), at + (int64_t)sizeof header, at + bytes, &header.weights_hash))
        return false;
    header.graph_hash = build->graph_hash ? build->graph_hash : graph_hash(build);
    build->info.weights_hash = header.weights_hash;
    build->info.graph_hash = header.graph_hash;
    weights_object_head(head, bytes, build->options.system->elf_machine);
    return (!at || bytes_write(fileno(file), head, sizeof head, 0)) && bytes_write(fileno(file), &header, sizeof header, at);
}

static bool write_weights(Build *build)
{
    double start = stage_begin(build, "weights");
    build->weights_path = arena_printf(build->arena, "%s/weights.%s", build->temp_dir, build->weights_name ? "bin" : "o");
    FILE *file = fopen(build->weights_path, "w+be");
    bool ok = file && write_packed(build, file);
    if (ok) {
        build->info.weights_bytes = (int64_t)lseek(fileno(file), 0, SEEK_END) - head_bytes(build);
        ok = write_header(build, file);
    }
    int error = errno;
    if (file && fclose(file) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (!ok)
        diag_resource(build->diag, NO_SPAN, "can't write the weights: %s", strerror(error));
    else
        artifact_describe(build);
    return stage_end(build, "weights", start) && ok;
}

bool build_weights(Build *build) { return schedule_all(build) && write_weights(build); }

/* ── Code and link ───────────────────────────────────────────────────────────────────────────────────── */

static void print_report(const CodeReport *report)
{
    int64_t spilling = 0;
    for (int64_t i = 0; i < report->kernels.len; i++) {
        const KernelReport *kernel = &report->kernels.at[i];
        spilling += kernel->spills > 0;
        if (kernel->spills)
            fprintf(stderr, "cnxc: %s spills %lld vector %s\n", kernel->kernel, (long long)kernel->spills,
                    COUNTED(kernel->spills, "register"));
    }
    fprintf(stderr, "cnxc: %lld %s, %lld bytes; %lld of them %s\n", (long long)report->n_kernels,
            COUNTED(report->n_kernels, "kernel"), (long long)report->code_bytes, (long long)spilling,
            spilling == 1 ? "spills" : "spill");
}

static bool emit_code(Build *build, CodeParts parts, int64_t variant, CodeKind kind, const char *path, CodeReport *report)
{
    static const char *const stages[] = {[CODE_LLVM] = "llvm", [CODE_ASM] = "asm", [CODE_OBJECT] = "codegen"};
    const char *stage = parts == CODE_DESCRIPTOR ? "descriptor" : stages[kind];
    double start = stage_begin(build, stage);
    bool ok = codegen_emit(parts, build->programs.at[variant], variant, &build->info, build->options.pipeline.opt_level, kind,
                           path, report, build->arena, build->diag);
    if (ok && build->options.verbose && report)
        print_report(report);
    return stage_end(build, stage, start) && ok;
}

bool build_code(Build *build, int64_t variant, CodeKind kind, const char *path)
{
    return emit_code(build, variant ? CODE_PROGRAM : CODE_BOTH, variant, kind, path, NULL);
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* Floats that one picture becomes, of the largest size. */
static int64_t most_pixel_values(const Build *build)
{
    int64_t most = 0;
    for (int64_t i = 0; i < build->models.len; i++) {
        const Dim *dims = build->models.at[i]->graph->inputs.at[build->info.pixel_input]->type.shape.dims;
        most = larger(most, dims[1].size * dims[2].size * dims[3].size);
    }
    return most;
}

/* The model's numbers for NAME.h; the linker gives CNXRT_ the user's prefix. */
static const char *header_constants(const Build *build)
{
    const Graph *graph = build->model->graph;
    StrBuf sb = {.arena = build->arena};
    int64_t arena_bytes = 0, scratch_bytes = 0, by_image = 0; /* what is enough for any of the variants */
    for (int64_t i = 0; i < build->programs.len; i++) {
        const Program *program = build->programs.at[i];
        arena_bytes = larger(arena_bytes, program->arena_bytes);
        scratch_bytes = larger(scratch_bytes, program->scratch_bytes);
        by_image |= program->by_image;
    }
    sb_printf(&sb, "#define CNXRT_ARENA_BYTES %lld\n", (long long)arena_bytes);
    sb_printf(&sb, "#define CNXRT_SCRATCH_BYTES %lld\n", (long long)scratch_bytes);
    sb_printf(&sb, "#define CNXRT_BY_IMAGE %d\n", (int)by_image);
    sb_printf(&sb, "#define CNXRT_N_INPUTS %lld\n", (long long)graph->inputs.len);
    sb_printf(&sb, "#define CNXRT_N_OUTPUTS %lld\n", (long long)graph->outputs.len);
    sb_printf(&sb, "#define CNXRT_N_LABELS %lld\n", (long long)build->info.n_labels);
    if (build->info.pixel_input >= 0)
        sb_printf(&sb, "#define CNXRT_PIXEL_VALUES %lld\n", (long long)most_pixel_values(build));
    return sb.text;
}

/* "DIR/model.o", and "DIR/model.1.o" … for the variants after the first. */
const char *build_model_object(Arena *arena, const char *dir, int64_t variant)
{
    return variant ? arena_printf(arena, "%s/model.%lld.o", dir, (long long)variant) : arena_printf(arena, "%s/model.o", dir);
}

const char *build_descriptor_object(Arena *arena, const char *dir) { return arena_printf(arena, "%s/descriptor.o", dir); }

/* Keeps the variant from its tiles that spill; false: none does, or none has a smaller one. */
static bool avoid_spills(Build *build, int64_t variant, const CodeReport *report)
{
    const Program *program = build->programs.at[variant];
    bool avoided = false;
    for (int64_t i = 0; i < report->kernels.len; i++)
        for (int64_t j = 0; report->kernels.at[i].spills && j < program->kernels.len; j++)
            if (strcmp(program->kernels.at[j]->name, report->kernels.at[i].kernel) == 0)
                avoided |= limits_add(&build->limits[variant], program->kernels.at[j], build->arena);
    return avoided;
}

/* Sets whether some variant's tiles spill and smaller ones are to be tried. */
static bool emit_objects(Build *build, bool *again)
{
    *again = false;
    for (int64_t i = 0; i < build->programs.len; i++) {
        CodeReport report = {0};
        if (!emit_code(build, CODE_PROGRAM, i, CODE_OBJECT, build_model_object(build->arena, build->temp_dir, i), &report))
            return false;
        *again |= avoid_spills(build, i, &report);
    }
    return true;
}

bool build_objects(Build *build)
{
    bool again = true;
    build->info.name = build->prefix;
    for (int64_t tries = 0; again && tries < MOST_TRIES; tries++)
        if ((tries && !schedule_all(build)) || !emit_objects(build, &again))
            return false;
    const char *descriptor = build_descriptor_object(build->arena, build->temp_dir);
    return write_weights(build) && emit_code(build, CODE_DESCRIPTOR, 0, CODE_OBJECT, descriptor, NULL);
}

bool build_artifact(Build *build, ArtifactKind kind, const char *path)
{
    const char *runtime = resource_dir(build->options.system, build->arena, build->diag);
    StrList objects = {0};
    if (!runtime)
        return false;
    for (int64_t i = 0; i < build_variants(build); i++)
        vec_push(build->arena, &objects, build_model_object(build->arena, build->temp_dir, i));
    vec_push(build->arena, &objects, build_descriptor_object(build->arena, build->temp_dir));
    double start = stage_begin(build, "link");
    LinkOptions options = {.kind = kind,
                           .output = path,
                           .prefix = build->prefix,
                           .model_objects = objects.at,
                           .n_model_objects = objects.len,
                           .weights_object = build->weights_name ? NULL : build->weights_path,
                           .runtime_dir = runtime,
                           .header_extra = build->model ? header_constants(build) : "",
                           .header_example = build->model ? header_example(build) : NULL,
                           .temp_dir = build->temp_dir,
                           .system = build->options.system->name,
                           .interpreter = build->options.system->interpreter,
                           .install = system_static_packages(build->options.system, build->arena),
                           .symbols = build->options.symbols,
                           .static_libc = build->options.static_libc,
                           .verbose = build->options.verbose || build->options.dry_run,
                           .dry_run = build->options.dry_run};
    bool ok = link_artifact(&options, build->arena, build->diag);
    return stage_end(build, "link", start) && ok;
}

const char *build_linked(Build *build, ArtifactKind kind, const char *dir, const char *name)
{
    build->temp_dir = dir;
    build->prefix = prefix_from_path(build->arena, name);
    const char *path = arena_printf(build->arena, "%s/%s", dir, name);
    return build_schedules(build) && build_objects(build) && build_artifact(build, kind, path) ? path : NULL;
}
