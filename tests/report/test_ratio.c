/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The ratio of pairs, beside numbers that SciPy gives: the values that scipy.stats.wilcoxon(logs - value, method="exact") does not
 * refuse, and numpy.median of the means of two. */
#include "compiler/report/ratio.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_ratio(Ratio ratio, double value, double low, double high)
{
    assert_true(fabs(ratio.value - value) < 1e-12);
    assert_true(fabs(ratio.low - low) < 1e-12);
    assert_true(ratio.high == high || fabs(ratio.high - high) < 1e-12);
}

static const double six[] = {0.0213, 0.0507, 0.0119, 0.0331, 0.9011, 0.0402};

static const double fifteen[] = {0.03,   0.036,  0.0245, 0.0122, 0.0209, 0.0102, 0.0312, 0.0568,
                                 0.0202, 0.0176, 0.0398, 0.0371, 0.0321, 0.0114, 0.0294};

static const double twenty[] = {0.0039, -0.029,  -0.0025, 0.0111, -0.0021, -0.0078, 0.001,  -0.0088, -0.0102, -0.0886,
                                0.0177, -0.0006, 0.0003,  0.0005, -0.0281, 0.0011,  0.0561, -0.0116, 0.0184,  0.005};

/* One outlier of six moves the upper bound alone. */
static void test_few(void **state)
{
    (void)state;
    assert_ratio(ratio_of_pairs(six, 6, 0.05), 1.0373298918321467, 1.011971086697384, 2.4623101631848767);
}

static void test_too_few(void **state)
{
    (void)state;
    assert_ratio(ratio_of_pairs(six, 6, 0.01), 1.0373298918321467, 0, INFINITY);
    assert_ratio(ratio_of_pairs(six, FEWEST_PAIRS - 1, 0.05), exp(0.036), 0, INFINITY);
}

static void test_more(void **state)
{
    (void)state;
    assert_ratio(ratio_of_pairs(fifteen, 15, 0.05), 1.0266745634911998, 1.0207626050975165, 1.0346880703618861);
    assert_ratio(ratio_of_pairs(fifteen, 15, 0.001), 1.0266745634911998, 1.0139970541629217, 1.0443555535347209);
    assert_ratio(ratio_of_pairs(twenty, 20, 0.05), 0.9986259448793806, 0.9898518435820949, 1.0049622714896027);
}

/* B by A is the reverse of A by B. */
static void test_reverse(void **state)
{
    (void)state;
    double reversed[20];
    for (int i = 0; i < 20; i++)
        reversed[i] = -twenty[i];
    Ratio ratio = ratio_of_pairs(twenty, 20, 0.05);
    assert_ratio(ratio_of_pairs(reversed, 20, 0.05), 1 / ratio.value, 1 / ratio.high, 1 / ratio.low);
}

/* Of true differences the interval holds 95 %: pseudo-random ones, evenly spread about 0.01, with an outlier in each. */
static void test_coverage(void **state)
{
    (void)state;
    uint32_t random = 2463534242u;
    int held = 0;
    enum { TRIALS = 2000, PAIRS = 12 };
    for (int trial = 0; trial < TRIALS; trial++) {
        double logs[PAIRS];
        for (int i = 0; i < PAIRS; i++) {
            random ^= random << 13, random ^= random >> 17, random ^= random << 5;
            double even = (double)random / 4294967296.0 - 0.5;
            logs[i] = 0.01 + even * (i ? 0.02 : 2);
        }
        Ratio ratio = ratio_of_pairs(logs, PAIRS, 0.05);
        held += ratio.low <= exp(0.01) && exp(0.01) <= ratio.high;
    }
    assert_in_range(held, TRIALS * 0.935, TRIALS * 0.975);
}

static void test_most(void **state)
{
    (void)state;
    static double logs[1000];
    for (int i = 0; i < 1000; i++)
        logs[i] = (i * 37 % 101 - 50) * 0.001;
    Ratio ratio = ratio_of_pairs(logs, 1000, 0.05);
    assert_true(ratio.low > 0.997 && ratio.low < 1 && ratio.high > 1 && ratio.high < 1.003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_few),      cmocka_unit_test(test_too_few),
                                       cmocka_unit_test(test_more),     cmocka_unit_test(test_reverse),
                                       cmocka_unit_test(test_coverage), cmocka_unit_test(test_most)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
