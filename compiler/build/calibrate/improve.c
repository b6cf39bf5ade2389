/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What pictures can do for a product of integers. A trial is the product in some form; its error is that of its results beside
 * the float ones, on rows of pictures that nothing was learned from. The best trial stays:
 *
 *   nearest        what the pass makes without a plan
 *   multipliers    columns divided by (largest magnitude)^½ over the median of that, weights' rows multiplied by it: those that
 *                  run hot no longer set the scale of all
 *   rounding       by second moments (rounding.c)
 *   correction     the mean error of each result, into the bias
 *
 * In decibels, of a second product of kanji whose hidden channels run hot:
 *
 *   encoder.stages.0.layers.0.pwconv2.matmul  to nearest 37.0, multipliers 52.5, rounding 54.8 dB */
#include "compiler/build/calibrate/improve.h"
#include "compiler/build/calibrate/rounding.h"
#include "ir/base/parallel.h"
#include "ir/quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, COLUMNS = 256 /* of sums at a time */ };
/* Of the squared error, for which a form is worth it: multipliers of hidden columns cost a multiplication of each element. */
static const double LEAST_GAIN = 0.01, LEAST_GAIN_OF_HIDDEN = 0.1;
static const double MOST_SPREAD = 64;  /* of a multiplier from 1: what pictures did not show may still come */

typedef struct Trial {
    ProductPlan plan;
    const float *weights; /* [k,n] with multipliers: what is rounded */
    const int8_t *rounded;
    const float *scales;
    double error;
} Trial;

typedef struct Improving {
    const Observed *p;
    const ProductPlan *like; /* NULL: none */
    Arena *arena;         /* of trials */
    const float *expected; /* [judge.n, n] */
    double signal;          /* of that, the sum of squares */
    StrBuf said;            /* what was kept */
} Improving;

/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Multiplying {
    const float *a, *b;   /* [m,k], [k,n] */
    int64_t m, k, n;
    float *to;            /* [m,n] */
} Multiplying;

static void multiply_part(const Multiplying *x, int64_t row, int64_t column)
{
    float sums[ROWS][COLUMNS] = {0};
    int64_t rows = x->m - row < ROWS ? x->m - row : ROWS, columns = x->n - column < COLUMNS ? x->n - column : COLUMNS;
    for (int64_t k = 0; k < x->k; k++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                sums[i][j] += x->a[(row + i) * x->k + k] * x->b[k * x->n + column + j];
    for (int64_t i = 0; i < rows; i++)
        memcpy(x->to + (row + i) * x->n + column, sums[i], (size_t)columns * sizeof **sums);
}

static void multiply_columns(void *context, int64_t begin, int64_t end)
{
    const Multiplying *x = context;
    for (int64_t part = begin; part < end; part++)
        for (int64_t row = 0; row < x->m; row += ROWS)
            multiply_part(x, row, part * COLUMNS);
}

static const float *multiply(const float *a, int64_t m, const float *b, int64_t k, int64_t n, Arena *arena)
{
    Multiplying x = {a, b, m, k, n, NEW_ARRAY(arena, float, m *n)};
    parallel_ranges((n + COLUMNS - 1) / COLUMNS, 1, multiply_columns, &x);
    return x.to;
}

/* ── Trials ──────────────────────────────────────────────────────────────────────────────────────────── */

/* A row as the program's integers have it, back in float. */
static void requantize_row(const Observed *p, double *row, float *to)
{
    int64_t range = p->q.range ? p->q.range : p->k;
    for (int64_t from = 0; from < p->k; from += range) {
        RowScale scale = quantize_scale(row + from, range);
        for (int64_t i = from; i < from + range; i++)
            to[i] = scale.low + (float)quantize_element(&scale, row[i]) * scale.step;
    }
}

static const float *divided_rows(const Observed *p, const SampleRows *rows, const float *multipliers, Arena *arena)
{
    float *to = NEW_ARRAY(arena, float, rows->n * p->k);
    for (int64_t i = 0; i < rows->n * p->k; i++)
        to[i] = multipliers ? rows->at[i] / multipliers[i % p->k] : rows->at[i];
    return to;
}

static const float *integer_rows(const Observed *p, const SampleRows *rows, const float *multipliers, Arena *arena)
{
    float *to = NEW_ARRAY(arena, float, rows->n * p->k);
    double *row = NEW_ARRAY(arena, double, p->k);
    const float *from = divided_rows(p, rows, multipliers, arena);
    for (int64_t i = 0; i < rows->n; i++) {
        for (int64_t j = 0; j < p->k; j++)
            row[j] = from[i * p->k + j];
        requantize_row(p, row, to + i * p->k);
    }
    return to;
}

static const float *integer_weights(const Observed *p, const Trial *t, Arena *arena)
{
    float *to = NEW_ARRAY(arena, float, p->k * p->n);
    for (int64_t i = 0; i < p->k * p->n; i++)
        to[i] = (float)t->rounded[i] * t->scales[i % p->n];
    return to;
}

/* The sum of squared errors. */
static void judge(const Improving *x, Trial *t)
{
    const Observed *p = x->p;
    Arena *arena = arena_new();
    const float *rows = integer_rows(p, &p->judge, t->plan.multipliers, arena);
    const float *got = multiply(rows, p->judge.n, integer_weights(p, t, arena), p->k, p->n, arena);
    t->error = 0;
    for (int64_t i = 0; i < p->judge.n * p->n; i++) {
        double error = (double)got[i] - x->expected[i] + (t->plan.correction ? (double)t->plan.correction[i % p->n] : 0);
        t->error += error * error;
    }
    arena_free(arena);
}

static double decibels(const Improving *x, const Trial *t) { return t->error > 0 ? 10 * log10(x->signal / t->error) : INFINITY; }

static void keep_better(Improving *x, Trial *best, Trial *t, double least_gain, const char *what)
{
    judge(x, t);
    if (!(t->error < best->error * (1 - least_gain)))
        return;
    *best = *t;
    sb_printf(&x->said, ", %s %.1f", what, decibels(x, t));
}

/* With weights and multipliers set, to nearest. False: not finite. */
static bool to_nearest(const Improving *x, Trial *t)
{
    const Observed *p = x->p;
    int8_t *rounded = NEW_ARRAY(x->arena, int8_t, p->k * p->n);
    float *scales = NEW_ARRAY(x->arena, float, p->n);
    t->rounded = rounded;
    t->scales = scales;
    return quantize_weights(t->weights, p->k, p->n, rounded, scales);
}

/* ── Multipliers ─────────────────────────────────────────────────────────────────────────────────────── */

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float median(const float *numbers, int64_t n, Arena *arena)
{
    float *sorted = NEW_ARRAY(arena, float, n);
    memcpy(sorted, numbers, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    return sorted[n / 2];
}

/* NULL: there are none, because most columns are zero. */
static const float *multipliers_of(const Observed *p, Arena *arena)
{
    float *multipliers = NEW_ARRAY(arena, float, p->k);
    for (int64_t i = 0; i < p->k; i++)
        multipliers[i] = sqrtf(p->largest[i]);
    double middle = median(multipliers, p->k, arena);
    for (int64_t i = 0; i < p->k; i++)
        multipliers[i] = (float)fmin(fmax(multipliers[i] / middle, 1 / MOST_SPREAD), MOST_SPREAD);
    return middle > 0 && isfinite(middle) ? multipliers : NULL;
}

static void try_multipliers(Improving *x, Trial *best)
{
    const Observed *p = x->p;
    bool wanted = !p->q.patch[0] && (!x->like || x->like->multipliers);
    Trial t = {.plan.multipliers = wanted ? multipliers_of(p, x->arena) : NULL};
    if (!t.plan.multipliers)
        return;
    float *weights = NEW_ARRAY(x->arena, float, p->k * p->n);
    for (int64_t i = 0; i < p->k * p->n; i++)
        weights[i] = best->weights[i] * t.plan.multipliers[i / p->n];
    t.weights = weights;
    double least_gain = x->like ? -INFINITY : p->q.normal ? LEAST_GAIN : LEAST_GAIN_OF_HIDDEN;
    if (to_nearest(x, &t))
        keep_better(x, best, &t, least_gain, "multipliers");
}

/* ── Rounding, correction ────────────────────────────────────────────────────────────────────────────── */

static void try_rounding(Improving *x, Trial *best)
{
    const Observed *p = x->p;
    Trial t = *best;
    int8_t *rounded = NEW_ARRAY(x->arena, int8_t, p->k * p->n);
    const float *rows = divided_rows(p, &p->learn, t.plan.multipliers, x->arena);
    round_by_rows(rows, p->learn.n, t.weights, p->k, p->n, t.scales, rounded);
    t.rounded = t.plan.rounded = rounded;
    keep_better(x, best, &t, LEAST_GAIN, "rounding");
}

static void mean_row(const float *rows, int64_t m, int64_t k, double *mean)
{
    memset(mean, 0, (size_t)k * sizeof *mean);
    for (int64_t i = 0; i < m * k; i++)
        mean[i % k] += rows[i] / (double)m;
}

/* sums += sign · mean row · weights */
static void add_product(const double *mean, const float *weights, int64_t k, int64_t n, double sign, double *sums)
{
    for (int64_t i = 0; i < k * n; i++)
        sums[i % n] += sign * mean[i / n] * (double)weights[i];
}

static void try_correction(Improving *x, Trial *best)
{
    const Observed *p = x->p;
    Arena *arena = x->arena;
    Trial t = *best;
    if (!p->q.bias || !p->q.bias->constant || p->q.bias->constant->count != p->n)
        return;
    double *mean = NEW_ARRAY(arena, double, p->k), *sums = NEW_ARRAY(arena, double, p->n);
    mean_row(p->learn.at, p->learn.n, p->k, mean);
    add_product(mean, p->q.matrix->data, p->k, p->n, 1, sums);
    mean_row(integer_rows(p, &p->learn, t.plan.multipliers, arena), p->learn.n, p->k, mean);
    add_product(mean, integer_weights(p, &t, arena), p->k, p->n, -1, sums);
    float *correction = NEW_ARRAY(arena, float, p->n);
    for (int64_t i = 0; i < p->n; i++)
        correction[i] = (float)sums[i];
    t.plan.correction = correction;
    keep_better(x, best, &t, LEAST_GAIN, "bias");
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static const void *kept(const void *data, int64_t bytes, Arena *arena)
{
    return data ? memcpy(arena_alloc(arena, (size_t)bytes), data, (size_t)bytes) : NULL;
}

static ProductPlan *copy_plan(const Observed *p, const ProductPlan *from, Arena *arena)
{
    ProductPlan *plan = NEW(arena, ProductPlan);
    plan->multipliers = kept(from->multipliers, p->k * (int64_t)sizeof(float), arena);
    plan->rounded = kept(from->rounded, p->k * p->n, arena);
    plan->correction = kept(from->correction, p->n * (int64_t)sizeof(float), arena);
    return plan;
}

static void try_all(Improving *x, Trial *best)
{
    judge(x, best);
    sb_printf(&x->said, "to nearest %.1f", decibels(x, best));
    try_multipliers(x, best);
    try_rounding(x, best);
    try_correction(x, best);
}

ProductPlan *improve(const Observed *p, const ProductPlan *like, Arena *arena, const char **said)
{
    Improving x = {.p = p, .like = like, .arena = arena_new()};
    Trial best = {.weights = p->q.matrix->data};
    x.said.arena = x.arena;
    x.expected = multiply(p->judge.at, p->judge.n, best.weights, p->k, p->n, x.arena);
    for (int64_t i = 0; i < p->judge.n * p->n; i++)
        x.signal += (double)x.expected[i] * x.expected[i];
    if (to_nearest(&x, &best) && isfinite(x.signal))
        try_all(&x, &best);
    ProductPlan *plan = copy_plan(p, &best.plan, arena);
    plan->decibels = x.said.len ? decibels(&x, &best) : 0;
    plan->precision = like ? like->precision : DT_UNDEFINED;
    *said = arena_strdup(arena, x.said.len ? x.said.text : "not finite");
    arena_free(x.arena);
    return plan;
}
