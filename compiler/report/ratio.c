/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Ratio: how much longer B takes than A, from pairs of times of which some met a busy machine.
 *
 *   log ratios of pairs  0.0213 0.0507 0.0119 0.0331 0.9011 0.0402 …   →   1.037; of six alone, between 1.012 and 2.462
 *
 * What slows both of a pair cancels in its ratio; what slows one is an outlier. So neither mean nor normal distribution: the
 * estimate is the median of the means of any two log ratios, x_i and x_j with i <= j (Hodges and Lehmann, Annals of Mathematical
 * Statistics 34, 1963), and the interval is that of Wilcoxon's signed-rank test turned round: of those M = n(n+1)/2 means in
 * order, the q-th and the (M+1-q)-th, where q is the least for which a sum of ranks V is at most q with a probability of at
 * least error/2 (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd edition, 3.3; R's wilcox.test). V is the
 * sum of those of 1 … n that n tosses of a coin pick. Nothing is asked of the pairs but that they are independent, and
 * equally likely as far above the true ratio as below. */
#include "compiler/report/ratio.h"
#include "ir/base/arena.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The q of above; 0: V = 0 alone is likelier than that. */
static int64_t least_rank_sum(int64_t n, double tail, double *chance)
{
    int64_t most = n * (n + 1) / 2, q = 0;
    for (int64_t v = 0; v <= most; v++)
        chance[v] = v == 0;
    for (int64_t rank = 1, sum = 1; rank <= n; sum += ++rank) /* sum: the most that ranks so far make */
        for (int64_t v = sum; v >= 0; v--)
            chance[v] = (chance[v] + (v >= rank ? chance[v - rank] : 0)) / 2;
    double at_most = chance[0];
    while (at_most < tail)
        at_most += chance[++q];
    return q;
}

/* In order. */
static void means_of_two(const double *x, int64_t n, double *means)
{
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i; j < n; j++)
            means[at++] = (x[i] + x[j]) / 2;
    qsort(means, (size_t)at, sizeof *means, by_value);
}

Ratio ratio_of_pairs(const double *logs, int64_t count, double error)
{
    Arena *arena = arena_new();
    int64_t n_means = count * (count + 1) / 2;
    double *means = NEW_ARRAY(arena, double, n_means + 1);
    int64_t q = least_rank_sum(count, error / 2, means); /* which borrows the room */
    means_of_two(logs, count, means);
    Ratio ratio = {.value = exp((means[(n_means - 1) / 2] + means[n_means / 2]) / 2), .low = 0, .high = INFINITY};
    if (q > 0) {
        ratio.low = exp(means[q - 1]);
        ratio.high = exp(means[n_means - q]);
    }
    arena_free(arena);
    return ratio;
}
