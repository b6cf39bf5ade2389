/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Seeing what is multiplied: the float model compiled with more outputs, run on pictures.
 *
 *   h = Gelu(…)                                    h, also an output → calibrate.3.npy
 *   p = MatMul(h, w)                      →        of column j the largest |h|; some rows of h
 *
 * The values are those that the quantize pass would see: passes stop before it, values become outputs, the others follow. The
 * program runs on this machine, whatever system the result is for. */
#include "compiler/build/calibrate/observe.h"

#include <math.h>
#include <string.h>

enum { LEARN_ROWS = 1024, JUDGE_ROWS = 256 };

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
    for (int64_t i = 0; i < o->run.values.len; i++)
        if (o->run.values.at[i] == value)
            return;
    vec_push(arena, &o->run.values, value);
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
    o->run.program = build_optimize(build) ? build_linked(build, ARTIFACT_EXE, o->run.dir, "calibration") : NULL;
    return o->run.program;
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

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static void take(void *context, int64_t index, const Tensor *images, int64_t first)
{
    Observation *o = context;
    for (int64_t p = 0; p < o->products.len; p++)
        for (int64_t i = 0; o->products.at[p].q.input == o->run.values.at[index] && i < images->dims[0]; i++)
            take_image(&o->products.at[p], images, i, first + i, o->run.set);
}

bool host_build(Build *build, const Build *of, Arena *arena)
{
    const CpuProfile *cpu = cpu_host();
    *build = (Build){.options = of->options, .arena = arena, .diag = of->diag};
    BuildOptions *options = &build->options;
    options->pipeline = (PipelineOptions){.opt_level = of->options.pipeline.opt_level, .precision = DT_FLOAT};
    options->system = system_host();
    options->verbose = options->symbols = options->static_libc = false;
    vec_push(arena, &build->cpus, cpu);
    if (!cpu)
        diag_unsupported(of->diag, NO_SPAN, "none of the profiles runs on this machine, so that nothing can be calibrated here");
    return cpu;
}

bool observe(Observation *o, const Build *of, const CalibrationSet *set, const char *dir, Arena *arena)
{
    o->run = (SetRun){.set = set, .build = &o->build, .dir = dir, .what = "calibrate", .take = take, .context = o};
    return host_build(&o->build, of, arena) && compile(o, arena) && (!o->products.len || set_run(&o->run));
}
