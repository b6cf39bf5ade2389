/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* --max-drop=P: of what the float32 model gets right, int8 may lose P points on the pictures that judge: of top-1 where folders are
 * named by labels, of agreement with float32 elsewhere.
 *
 * A layer is a block's two products, or one that stands alone. While too much is lost, the layer goes back to bf16 or float32 whose
 * return makes the logits of the other pictures better by most for its time. What a return is worth is measured once, alone: the errors
 * of layers have little to do with each other, so their squares add up. Times are the cost model's, of the CPU that is compiled for.
 *
 *   int8                                            lost 1.20   error 0.0303   time 100.0 %
 *   tried  encoder.stages.0.layers.0.pwconv1.matmul  bf16       error 0.0288   time 103.0 %
 *   back   encoder.stages.3.layers.1.pwconv1.matmul  f32    lost 0.00   error 0.0121   time 107.9 % */
#include "compiler/build/calibrate/mix.h"
#include "compiler/build/artifact.h"
#include "compiler/build/classes.h"
#include "compiler/schedule/cost.h"
#include "ir/base/clock.h"
#include "ir/base/progress.h"
#include "ir/base/terminal.h"
#include "ir/base/path.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 3 };
static const DType levels[LEVELS] = {DT_UNDEFINED, DT_BFLOAT16, DT_FLOAT}; /* undefined: of integers */
static const char *const level_names[LEVELS] = {"int8", "bf16", "f32"};
static const double LEAST_COST = 1e-3; /* of all time: what a return costs at least */

typedef struct Measured {
    double error, cycles; /* the mean square of the logits' error, over that of the logits; of an image on one thread */
    double lost; /* points */
} Measured;

typedef struct Layer {
    const char *name; /* of its first product */
    ProductPlan *plans[2];
    int n, level;
    Measured at[LEVELS]; /* with this layer alone at that level */
} Layer;

typedef struct Mix {
    const Observation *o;
    const Build *build;
    QuantizePlan *plan;
    Arena *arena;
    double start; /* seconds */
    VEC(Layer) layers;
    const float *expected; /* the float model's logits, [images, classes] */
    int64_t classes;
    const int64_t *truth; /* class of each image; NULL: not known */
    Measured now;
    StrBuf table;
} Mix;

/* ── Layers ──────────────────────────────────────────────────────────────────────────────────────────── */

static bool are_block(const Observed *up, const Observed *down)
{
    return up->q.normal && !up->q.patch[0] && !down->q.patch[0] && up->k == down->n && up->n == down->k;
}

static void find_layers(Mix *m)
{
    const Observation *o = m->o;
    for (int64_t i = 0; i < o->products.len; i++) {
        const Observed *p = &o->products.at[i];
        Layer layer = {.name = p->name, .plans = {strmap_get(&m->plan->products, p->name)}, .n = 1};
        if (i + 1 < o->products.len && are_block(p, p + 1))
            layer.plans[layer.n++] = strmap_get(&m->plan->products, o->products.at[++i].name);
        vec_push(m->arena, &m->layers, layer);
    }
}

static void set_level(const Layer *layer, int level)
{
    for (int i = 0; i < layer->n; i++)
        layer->plans[i]->precision = levels[level];
}

/* ── Classes ─────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t class_of_file(const Mix *m, const SetFile *file, const char *const *labels, int64_t n_labels)
{
    const char *folder = path_directory(m->arena, file->path);
    StrList one = {0};
    if (file->is_batch || strcmp(folder, m->build->options.calibrate) == 0)
        return -1;
    vec_push(m->arena, &one, path_base(folder));
    return classes_of_folders(labels, n_labels, &one, m->arena)[0];
}

/* Sets truth where every picture lies in a folder that is named by a label. */
static void find_truth(Mix *m)
{
    const CalibrationSet *set = m->o->run.set;
    const char *const *labels;
    int64_t n_labels = prop_strings(m->build->model, "cnxc.labels", &labels);
    int64_t *truth = NEW_ARRAY(m->arena, int64_t, set->images);
    for (int64_t i = 0; i < set->files.len; i++) {
        int64_t class = class_of_file(m, &set->files.at[i], labels, n_labels);
        if (class < 0)
            return;
        truth[set->files.at[i].first] = class;
    }
    m->truth = truth;
}

/* ── Answers ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Scores {
    float *at;
    int64_t classes;
} Scores;

static void take_scores(void *context, int64_t index, const Tensor *images, int64_t first)
{
    const Scores *scores = context;
    (void)index;
    memcpy(scores->at + first * scores->classes, images->data, (size_t)images->count * sizeof *scores->at);
}

/* What a program answers to all pictures; NULL after a diagnostic. */
static const float *scores_of(const Mix *m, const Build *build, const char *program, const char *what, Arena *arena)
{
    const SetRun *observed = &m->o->run;
    Scores scores = {NEW_ARRAY(arena, float, observed->set->images * m->classes), m->classes};
    SetRun run = {.set = observed->set,
                  .build = build,
                  .program = program,
                  .dir = observed->dir,
                  .what = what,
                  .take = take_scores,
                  .context = &scores};
    vec_push(arena, &run.values, artifact_scores(build->model->graph));
    return set_run(&run) ? scores.at : NULL;
}

static int64_t best(const float *scores, int64_t n)
{
    int64_t at = 0;
    for (int64_t i = 1; i < n; i++)
        at = scores[i] > scores[at] ? i : at;
    return at;
}

/* Points that got loses on the pictures that judge. */
static double points_lost(const Mix *m, const float *got)
{
    int64_t lost = 0, n = 0;
    for (int64_t i = 0; i < m->o->run.set->images; i++) {
        if (!set_judges(i))
            continue;
        int64_t now = best(got + i * m->classes, m->classes), was = best(m->expected + i * m->classes, m->classes);
        lost += m->truth ? (was == m->truth[i]) - (now == m->truth[i]) : now != was;
        n++;
    }
    return 100 * (double)lost / (double)n;
}

/* On the pictures to learn from. */
static double square_error(const Mix *m, const float *got)
{
    double error = 0, signal = 0;
    for (int64_t i = 0; i < m->o->run.set->images * m->classes; i++) {
        double e = (double)got[i] - m->expected[i];
        if (set_judges(i / m->classes))
            continue;
        error += e * e;
        signal += (double)m->expected[i] * m->expected[i];
    }
    return signal > 0 ? error / signal : 0;
}

/* ── Trials ──────────────────────────────────────────────────────────────────────────────────────────── */

static double program_cycles(const Program *program)
{
    double cycles = 0;
    for (int64_t i = 0; i < program->image.len; i++)
        cycles += phase_cycles(program->image.at[i], program->cpu, 1);
    return cycles;
}

/* Of the plan as it is. */
static bool measure_in(const Mix *m, Measured *to, const char *what, Arena *arena)
{
    Build trial;
    TileLimits limits = {0};
    if (!host_build(&trial, m->build, arena))
        return false;
    trial.options.pipeline.precision = DT_INT8;
    trial.options.pipeline.plan = m->plan;
    if (!build_load(&trial) || !build_optimize(&trial))
        return false;
    const CpuProfile *cpu = m->build->cpus.len ? m->build->cpus.at[0] : trial.cpus.at[0];
    const Program *scheduled = schedule_graph(trial.model->graph, DT_INT8, cpu, &limits, false, arena, trial.diag);
    const char *program = scheduled ? build_linked(&trial, ARTIFACT_EXE, m->o->run.dir, "trial") : NULL;
    const float *got = program ? scores_of(m, &trial, program, what, arena) : NULL;
    if (got)
        *to = (Measured){square_error(m, got), program_cycles(scheduled), points_lost(m, got)};
    return got;
}

static bool in_time(Mix *m)
{
    double budget = m->build->options.budget;
    if (clock_seconds() - m->start <= budget)
        return true;
    diag_unsupported(m->build->diag, NO_SPAN,
                     "--max-drop=%g: more is lost still, and %g seconds are over; --budget gives it more time",
                     m->build->options.max_drop, budget);
    return false;
}

/* part: of the search that is done, as progress_show takes it. */
static bool measure(Mix *m, Measured *to, double part, const char *what)
{
    if (!in_time(m))
        return false;
    Arena *arena = arena_new();
    build_progress(m->build, part, what);
    progress_hold();
    bool ok = measure_in(m, to, what, arena);
    progress_release();
    arena_free(arena);
    return ok;
}

/* ── The table ───────────────────────────────────────────────────────────────────────────────────────── */

static void say(Mix *m, const char *what, const char *name, int level, const Measured *at, double all_cycles)
{
    sb_printf(&m->table, "  %-5s %-44s %-4s  ", what, name, level_names[level]);
    if (what[0] == 't')
        sb_printf(&m->table, "%11s", "");
    else
        sb_printf(&m->table, "lost %6.2f", at->lost);
    sb_printf(&m->table, "  error %.5f  time %6.1f %%\n", sqrt(at->error), 100 * at->cycles / all_cycles);
}

static void print_table(const Mix *m)
{
    Diag *diag = m->build->diag;
    terminal_clear();
    for (const char *line = m->table.text; *line; line = strchr(line, '\n') + 1) {
        int length = (int)(strchr(line, '\n') - line);
        if (diag->json)
            diag_note(diag, NO_SPAN, "%.*s", length, line);
        else
            fprintf(stderr, "%s\n", escaped(m->arena, arena_strndup(m->arena, line, (size_t)length)));
    }
}

/* ── The search ──────────────────────────────────────────────────────────────────────────────────────── */

/* -O0 has no regions that could say bf16. */
static bool has_level(const Mix *m, int level)
{
    return levels[level] != DT_BFLOAT16 || m->build->options.pipeline.opt_level > 0;
}

static bool try_layers(Mix *m, const Measured *all)
{
    for (int64_t i = 0; i < m->layers.len; i++) {
        Layer *layer = &m->layers.at[i];
        layer->at[0] = *all;
        for (int level = 1; level < LEVELS; level++) {
            if (!has_level(m, level))
                continue;
            set_level(layer, level);
            double done = (double)(i * (LEVELS - 1) + level - 1) / (double)(m->layers.len * (LEVELS - 1));
            bool ok = measure(m, &layer->at[level], done,
                              arena_printf(m->arena, "try %lld of %lld layers in %s", (long long)i + 1, (long long)m->layers.len,
                                           level_names[level]));
            set_level(layer, 0);
            if (!ok)
                return false;
            say(m, "tried", layer->name, level, &layer->at[level], all->cycles);
        }
    }
    return true;
}

/* What a layer's step to a level takes from the squared error, for its time. */
static double worth(const Layer *layer, int level, const Measured *all)
{
    const Measured *from = &layer->at[layer->level], *to = &layer->at[level];
    double cost = fmax((to->cycles - from->cycles) / all->cycles, LEAST_COST);
    return (from->error - to->error) / cost;
}

/* NULL: all layers are float32. */
static Layer *next_back(const Mix *m, const Measured *all, int *level)
{
    Layer *found = NULL;
    double most = -INFINITY;
    for (int64_t i = 0; i < m->layers.len; i++) {
        Layer *layer = &m->layers.at[i];
        for (int to = layer->level + 1; to < LEVELS; to++)
            if (has_level(m, to) && worth(layer, to, all) > most) {
                most = worth(layer, to, all);
                found = layer;
                *level = to;
            }
    }
    return found;
}

static bool go_back(Mix *m, const Measured *all)
{
    int level;
    Layer *layer = next_back(m, all, &level);
    if (!layer) {
        diag_unsupported(m->build->diag, NO_SPAN, "--max-drop=%g: %.2f points are lost with all layers in float32, too",
                         m->build->options.max_drop, m->now.lost);
        return false;
    }
    layer->level = level;
    set_level(layer, level);
    if (!measure(m, &m->now, -1, arena_printf(m->arena, "judge %s in %s", layer->name, level_names[level])))
        return false;
    say(m, "back", layer->name, level, &m->now, all->cycles);
    return true;
}

static bool search(Mix *m)
{
    Measured all;
    if (!measure(m, &all, -1, "judge int8"))
        return false;
    m->now = all;
    say(m, "all", "", 0, &all, all.cycles);
    bool ok = m->now.lost <= m->build->options.max_drop || try_layers(m, &all);
    while (ok && m->now.lost > m->build->options.max_drop)
        ok = go_back(m, &all);
    return ok;
}

bool mix_precisions(const Observation *o, const Build *build, QuantizePlan *plan, Arena *arena)
{
    Mix m = {.o = o, .build = build, .plan = plan, .arena = arena, .start = clock_seconds(), .table.arena = arena};
    const Value *scores = artifact_scores(o->build.model->graph);
    if (!scores || !dim_is_fixed(scores->type.shape.dims[1]) || !o->run.program) {
        diag_unsupported(build->diag, NO_SPAN,
                         "--max-drop needs logits or probabilities to judge by, and products that can be int8");
        return false;
    }
    m.classes = scores->type.shape.dims[1].size;
    m.expected = scores_of(&m, &o->build, o->run.program, "ask float32", arena);
    if (!m.expected)
        return false;
    find_layers(&m);
    find_truth(&m);
    int64_t judges = o->run.set->images / 2;
    sb_printf(&m.table, "max-drop %g: points of %s on %lld %s\n", build->options.max_drop,
              m.truth ? "top-1" : "agreement with float32", (long long)judges, COUNTED(judges, "picture"));
    bool ok = search(&m);
    print_table(&m);
    return ok;
}
