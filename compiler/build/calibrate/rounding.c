/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Rounding by second moments (Frantar et al., GPTQ, 2022): the error of a weight is made up for by those that are rounded after
 * it, as far as what they multiply goes together.
 *
 *   H = XᵀX + damping = R Rᵀ, U = R⁻¹, both upper triangular
 *   for i:  q_i = round(w_i / scale);  e = (w_i - q_i scale) / U_ii;  for j > i:  w_j -= e U_ij
 *
 * Columns of X go together in groups, so that a model of thousands of channels takes no longer than its pictures. */
#include "compiler/build/calibrate/rounding.h"

#include "ir/base/arena.h"
#include "ir/base/parallel.h"
#include "ir/quantize.h"

#include <math.h>
#include <string.h>

enum { GROUP = 768, COLUMNS = 32 /* of weights at a time */ };
static const double DAMPING = 0.4; /* of the mean of H's diagonal, where there are as many rows as columns (measured) */

typedef struct Group {
    const float *rows;      /* [m,k] */
    int64_t m, k, first, g; /* columns [first, first + g) of the rows */
    double *h;              /* [g,g] H, then R, then U */
    const float *weights;   /* [k,n] */
    int64_t n;
    const float *scales;
    int8_t *rounded;
} Group;

static double *at(const Group *group, int64_t i, int64_t j) { return &group->h[i * group->g + j]; }

static void add_moments(void *context, int64_t begin, int64_t end)
{
    const Group *group = context;
    for (int64_t r = 0; r < group->m; r++) {
        const float *row = group->rows + r * group->k + group->first;
        for (int64_t i = begin; i < end; i++)
            for (int64_t j = i; j < group->g; j++)
                *at(group, i, j) += (double)row[i] * row[j];
    }
}

static void damp(Group *group)
{
    double mean = 0, share = DAMPING * (double)group->g / (double)group->m;
    for (int64_t i = 0; i < group->g; i++)
        mean += *at(group, i, i) / (double)group->g;
    for (int64_t i = 0; i < group->g; i++)
        *at(group, i, i) += mean > 0 ? share * mean : 1;
}

/* H, of which the upper half is there, becomes R: from the last column to the first. */
static void factor(Group *group)
{
    double column[GROUP];
    for (int64_t j = group->g - 1; j >= 0; j--) {
        double root = *at(group, j, j) = sqrt(*at(group, j, j));
        for (int64_t i = 0; i < j; i++)
            column[i] = *at(group, i, j) /= root;
        for (int64_t i = 0; i < j; i++)
            for (int64_t l = i; l < j; l++)
                *at(group, i, l) -= column[i] * column[l];
    }
}

/* R becomes its inverse: from the first column to the last. */
static void invert(Group *group)
{
    double column[GROUP];
    for (int64_t j = 0; j < group->g; j++) {
        double last = 1 / *at(group, j, j);
        for (int64_t i = 0; i < j; i++)
            column[i] = *at(group, i, j);
        for (int64_t i = 0; i < j; i++) {
            double sum = 0;
            for (int64_t l = i; l < j; l++)
                sum += *at(group, i, l) * column[l];
            *at(group, i, j) = -sum * last;
        }
        *at(group, j, j) = last;
    }
}

/* ── Rounding ────────────────────────────────────────────────────────────────────────────────────────── */

/* Row i of some columns, and what is left of the rows after it. */
static void round_row(const Group *group, int64_t i, int64_t begin, int64_t columns, double w[][COLUMNS])
{
    double errors[COLUMNS];
    int8_t *to = group->rounded + (group->first + i) * group->n + begin;
    for (int64_t c = 0; c < columns; c++) {
        double scale = group->scales[begin + c], q = scale > 0 ? rint(w[i][c] / scale) : 0;
        q = fmin(fmax(q, -WEIGHT_STEPS), WEIGHT_STEPS);
        to[c] = (int8_t)q;
        errors[c] = (w[i][c] - q * scale) / *at(group, i, i);
    }
    for (int64_t j = i + 1; j < group->g; j++)
        for (int64_t c = 0; c < columns; c++)
            w[j][c] -= errors[c] * *at(group, i, j);
}

static void round_columns(void *context, int64_t begin, int64_t end)
{
    const Group *group = context;
    double w[GROUP][COLUMNS];
    for (int64_t columns; begin < end; begin += columns) {
        columns = end - begin < COLUMNS ? end - begin : COLUMNS;
        for (int64_t i = 0; i < group->g; i++)
            for (int64_t c = 0; c < columns; c++)
                w[i][c] = group->weights[(group->first + i) * group->n + begin + c];
        for (int64_t i = 0; i < group->g; i++)
            round_row(group, i, begin, columns, w);
    }
}

static void round_group(Group *group)
{
    memset(group->h, 0, (size_t)(group->g * group->g) * sizeof *group->h);
    parallel_ranges(group->g, GROUP / 4, add_moments, group);
    damp(group);
    factor(group);
    invert(group);
    parallel_ranges(group->n, COLUMNS, round_columns, group);
}

void round_by_rows(const float *rows, int64_t m, const float *weights, int64_t k, int64_t n, const float *scales, int8_t *rounded)
{
    Arena *arena = arena_new();
    Group group = {rows, m, k, 0, 0, NEW_ARRAY(arena, double, GROUP *GROUP), weights, n, scales, rounded};
    int64_t parts = (k + GROUP - 1) / GROUP;
    for (int64_t i = 0; i < parts; i++) {
        group.first = k * i / parts;
        group.g = k * (i + 1) / parts - group.first;
        round_group(&group);
    }
    arena_free(arena);
}
