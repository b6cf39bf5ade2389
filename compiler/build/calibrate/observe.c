/* Seeing what is multiplied: the float model compiled with more outputs, run on pictures.
 *
 *   h = Gelu(…)                                    h, also an output → calibrate.3.npy
 *   p = MatMul(h, w)                      →        of column j the largest |h|; some rows of h
 *
 * The values are those that the quantize pass would see: passes stop before it, values become outputs, the others follow. The
 * program runs on this machine, whatever system the result is for. A few pictures at a time, so that values have room. */
#include "compiler/build/calibrate/observe.h"
#include "compiler/build/artifact.h"
#include "compiler/build/process.h"
#include "ir/npy.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { LEARN_ROWS = 1024, JUDGE_ROWS = 256, MOST_IMAGES = 64 };
static const int64_t BYTES_AT_ONCE = 256 << 20; /* of values */

/* ── The model ───────────────────────────────────────────────────────────────────────────────────────── */

/* Dimension 0 counts pictures: the free batch, or one. */
static bool can_observe(const Value *value)
{
    const char *batch = graph_batch_symbol(value->graph);
    Shape rest = value->type.shape;
    if (!value->producer || rest.rank < 2 || (batch ? !str_equal(rest.dims[0].symbol, batch) : rest.dims[0].size != 1))
        return false;
    rest.dims[0] = (Dim){.size = 1};
    return shape_is_fixed(&rest);
}

static SampleRows room_for(int64_t rows, int64_t k, Arena *arena)
{
    return (SampleRows){.at = NEW_ARRAY(arena, float, rows *k), .room = rows};
}

static void add_value(Observation *o, Value *value, Arena *arena)
{
    for (int64_t i = 0; i < o->values.len; i++)
        if (o->values.at[i] == value)
            return;
    vec_push(arena, &o->values, value);
    if (!value->is_output)
        graph_add_output(value->graph, value);
}

static void find_products(Observation *o, Arena *arena)
{
    FOR_NODES (node, o->build.model->graph) {
        Observed p = {0};
        if (!quantizable(node, &p.q) || !can_observe(p.q.input))
            continue;
        p.name = node->outputs.at[0]->name;
        p.k = p.q.matrix->dims[0];
        p.n = p.q.matrix->dims[1];
        p.largest = NEW_ARRAY(arena, float, p.k);
        p.learn = room_for(LEARN_ROWS, p.k, arena);
        p.judge = room_for(JUDGE_ROWS, p.k, arena);
        vec_push(arena, &o->products, p);
        add_value(o, p.q.input, arena);
    }
}

static bool compile(Observation *o, Arena *arena)
{
    Build *build = &o->build;
    build->options.pipeline.before_quantize = true;
    if (!build_load(build) || !build_optimize(build))
        return false;
    find_products(o, arena);
    build->options.pipeline.before_quantize = false;
    if (!o->products.len)
        return true;
    o->program = build_optimize(build) ? build_executable(build, o->dir, "calibration") : NULL;
    return o->program;
}

/* ── Rows ────────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t rows_of_image(const Observed *p, const Tensor *value)
{
    const int64_t *patch = p->q.patch;
    if (patch[0])
        return (value->dims[1] / patch[0]) * (value->dims[2] / patch[1]);
    return value->count / value->dims[0] / p->k;
}

/* A patch as it lies in its row of the product: pixels, and of each all channels. */
static void read_patch(const Observed *p, const Tensor *value, int64_t image, int64_t row, float *to)
{
    const int64_t *patch = p->q.patch;
    int64_t height = value->dims[1], width = value->dims[2], channels = value->dims[3], across = width / patch[1];
    int64_t y = row / across * patch[0], x = row % across * patch[1], run = patch[1] * channels;
    for (int64_t i = 0; i < patch[0]; i++, to += run)
        memcpy(to, (const float *)value->data + ((image * height + y + i) * width + x) * channels, (size_t)run * sizeof *to);
}

static void read_row(const Observed *p, const Tensor *value, int64_t image, int64_t row, float *to)
{
    int64_t rows = rows_of_image(p, value);
    if (p->q.patch[0])
        read_patch(p, value, image, row, to);
    else
        memcpy(to, (const float *)value->data + (image * rows + row) * p->k, (size_t)p->k * sizeof *to);
}

/* Rows i·step + a phase that differs from image to image, until there are enough. */
static void sample(const Observed *p, SampleRows *to, const Tensor *value, int64_t image, int64_t number, int64_t images)
{
    int64_t rows = rows_of_image(p, value), wanted = (to->room + images - 1) / images;
    int64_t step = wanted < rows ? rows / wanted : 1;
    for (int64_t row = number % step; row < rows && wanted > 0 && to->n < to->room; row += step, wanted--)
        read_row(p, value, image, row, to->at + to->n++ * p->k);
}

static void note_largest(const Observed *p, const Tensor *value, int64_t image)
{
    int64_t rows = p->q.patch[0] ? 0 : rows_of_image(p, value);
    const float *at = (const float *)value->data + image * rows * p->k;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < p->k; j++, at++)
            p->largest[j] = fabsf(*at) > p->largest[j] ? fabsf(*at) : p->largest[j];
}

static void take_image(Observed *p, const Tensor *value, int64_t image, int64_t number, const CalibrationSet *set)
{
    int64_t judging = set->images / 2, half = number / 2;
    if (set_judges(number)) {
        sample(p, &p->judge, value, image, half, judging);
        return;
    }
    sample(p, &p->learn, value, image, half, set->images - judging);
    note_largest(p, value, image);
}

/* ── Running ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Chunk {
    const SetFile *files;  /* pictures; or one batch, of which: */
    int64_t begin, images; /* number of the first */
} Chunk;

static const char *value_path(const Observation *o, int64_t value, Arena *arena)
{
    return arena_printf(arena, "%s/calibration.%lld.npy", o->dir, (long long)value);
}

/* Images of a batch as a file of their own; NULL after a diagnostic. */
static const char *write_part(const Observation *o, const Chunk *chunk, Arena *arena)
{
    const char *path = arena_printf(arena, "%s/calibration.pixels.npy", o->dir);
    const Tensor *batch = tensor_read_npy(chunk->files->path, arena);
    if (batch && batch->rank == 4 && batch->dims[0] == chunk->files->images) {
        Tensor part = *batch;
        part.count = batch->count / batch->dims[0] * chunk->images;
        part.dims[0] = chunk->images;
        part.data = (const char *)batch->data +
                    batch->count / batch->dims[0] * (chunk->begin - chunk->files->first) * dtype_size(batch->dtype);
        if (tensor_write_npy(&part, path))
            return path;
    }
    diag_resource(o->build.diag, NO_SPAN, "can't read '%s' or write '%s': %s", chunk->files->path, path, strerror(errno));
    return NULL;
}

static bool put_pixels(const Observation *o, const Chunk *chunk, StrList *words, Arena *arena)
{
    const Value *input = artifact_pixels(o->build.model->graph);
    if (!chunk->files->is_batch) {
        vec_push(arena, words, "--");
        for (int64_t i = 0; i < chunk->images; i++)
            vec_push(arena, words, chunk->files[i].path);
        return true;
    }
    const char *path = write_part(o, chunk, arena);
    if (!path)
        return false;
    vec_push(arena, words, "--input");
    vec_push(arena, words, arena_printf(arena, "%s=%s", input ? input->name : "pixel_values", path));
    return true;
}

static bool run_program(const Observation *o, const Chunk *chunk, Arena *arena)
{
    StrList words = {0};
    Diag *diag = o->build.diag;
    vec_push(arena, &words, o->program);
    for (int64_t i = 0; i < o->values.len; i++) {
        vec_push(arena, &words, "--output");
        vec_push(arena, &words, arena_printf(arena, "%s=%s", o->values.at[i]->name, value_path(o, i, arena)));
    }
    if (!put_pixels(o, chunk, &words, arena))
        return false;
    vec_push(arena, &words, NULL);
    int code = process_run(words.at, NULL, diag);
    if (code > 0) {
        diag_error(diag, NO_SPAN, "the model can't be calibrated with '%s'%s", chunk->files->path,
                   chunk->images > 1 && !chunk->files->is_batch ? " and those after it" : "");
        diag->exit_code = (ExitCode)code;
    }
    return code == 0;
}

static bool take_values(Observation *o, const Chunk *chunk, const CalibrationSet *set, Arena *arena)
{
    for (int64_t i = 0; i < o->values.len; i++) {
        const char *path = value_path(o, i, arena);
        const Tensor *value = tensor_read_npy(path, arena);
        if (!value || value->dims[0] != chunk->images) {
            diag_resource(o->build.diag, NO_SPAN, "can't read '%s'", path);
            return false;
        }
        for (int64_t p = 0; p < o->products.len; p++)
            for (int64_t image = 0; o->products.at[p].q.input == o->values.at[i] && image < chunk->images; image++)
                take_image(&o->products.at[p], value, image, chunk->begin + image, set);
    }
    return true;
}

static bool run_chunk(Observation *o, const Chunk *chunk, const CalibrationSet *set)
{
    Arena *arena = arena_new();
    build_progress(&o->build, arena_printf(arena, "calibrate %lld of %lld pictures", (long long)(chunk->begin + chunk->images),
                                           (long long)set->images));
    bool ok = run_program(o, chunk, arena) && take_values(o, chunk, set, arena);
    arena_free(arena);
    return ok;
}

static int64_t images_at_once(const Observation *o)
{
    int64_t bytes = 1;
    for (int64_t i = 0; i < o->values.len; i++) {
        Shape shape = o->values.at[i]->type.shape;
        shape.dims[0] = (Dim){.size = 1};
        bytes += shape_count(&shape) * (int64_t)sizeof(float);
    }
    int64_t images = graph_batch_symbol(o->build.model->graph) ? BYTES_AT_ONCE / bytes : 1;
    return images < 1 ? 1 : images < MOST_IMAGES ? images : MOST_IMAGES;
}

/* From file i on, of which the first `done` images were seen: pictures together, or a part of a batch. */
static Chunk next_chunk(const CalibrationSet *set, int64_t i, int64_t done, int64_t most)
{
    const SetFile *file = &set->files.at[i];
    Chunk chunk = {.files = file, .begin = file->first + done, .images = file->is_batch ? file->images - done : 0};
    while (!file->is_batch && i + chunk.images < set->files.len && !file[chunk.images].is_batch && chunk.images < most)
        chunk.images++;
    chunk.images = chunk.images < most ? chunk.images : most;
    return chunk;
}

static bool takes(const Observation *o, const CalibrationSet *set)
{
    for (int64_t i = 0; i < set->files.len; i++)
        if (!set->files.at[i].is_batch && !model_prop(o->build.model, "cnxc.preprocessor")) {
            diag_unsupported(o->build.diag, NO_SPAN,
                             "'%s': nothing says how pictures are prepared for this model; it takes .npy batches",
                             set->files.at[i].path);
            return false;
        }
    return true;
}

static bool run_all(Observation *o, const CalibrationSet *set)
{
    int64_t most = images_at_once(o);
    for (int64_t i = 0, done = 0; i < set->files.len;) {
        Chunk chunk = next_chunk(set, i, done, most);
        if (!run_chunk(o, &chunk, set))
            return false;
        done += chunk.images;
        if (!chunk.files->is_batch)
            i += done, done = 0;
        else if (done == chunk.files->images)
            i++, done = 0;
    }
    return true;
}

/* What is not needed any more makes room for the result. */
static void remove_files(const Observation *o, Arena *arena)
{
    for (int64_t i = 0; i < o->values.len; i++)
        unlink(value_path(o, i, arena));
    unlink(o->program);
}

bool observe(Observation *o, const Build *of, const CalibrationSet *set, Arena *arena)
{
    const CpuProfile *cpu = cpu_host();
    o->build = (Build){.options = of->options, .arena = arena, .diag = of->diag};
    BuildOptions *options = &o->build.options;
    options->pipeline = (PipelineOptions){.opt_level = of->options.pipeline.opt_level, .precision = DT_FLOAT};
    options->system = system_host();
    options->calibrate = NULL;
    options->verbose = options->symbols = options->static_libc = false;
    if (!cpu) {
        diag_unsupported(of->diag, NO_SPAN, "none of the profiles runs on this machine, so that nothing can be calibrated here");
        return false;
    }
    vec_push(arena, &o->build.cpus, cpu);
    bool ok = compile(o, arena) && (!o->products.len || (takes(o, set) && run_all(o, set)));
    if (ok && o->products.len)
        remove_files(o, arena);
    return ok;
}
