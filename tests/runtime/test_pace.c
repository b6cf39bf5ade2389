/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* How many threads a run uses, on machines made of numbers: what a run takes on so many threads, and whether it is disturbed. */
#include "runtime/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Runs, and the sum of what they took; the last choice in *last. */
static double run(Pace *pace, int64_t n_threads, int runs, double (*ns)(int64_t threads), bool disturbed, int64_t *last)
{
    double sum = 0;
    for (int i = 0; i < runs; i++) {
        *last = pace_choose(pace, n_threads);
        assert_true(*last >= 1 && *last <= n_threads);
        sum += ns(*last);
        pace_note(pace, ns(*last), disturbed);
    }
    return sum;
}

static double shared(int64_t threads) { return 1000.0 / (double)threads; }
static double slower(int64_t threads) { return 1000.0 * (double)threads; }
static double half_best(int64_t threads) { return threads == 4 ? 300 : 1000; }

static void test_quiet(void **state)
{
    Pace pace = {0};
    int64_t last;
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(run(&pace, 2, 20, shared, false, &last) == 20 * shared(2));
        run(&pace, 2, 1, slower, true, &last); /* now and then: nothing changes */
        assert_int_equal(last, 2);
        assert_false(pace_is_busy(&pace));
    }
}

static void test_busy(void **state)
{
    Pace pace = {0};
    int64_t last;
    (void)state;
    run(&pace, 2, 10, slower, true, &last);
    assert_true(pace_is_busy(&pace));
    assert_true(run(&pace, 2, 1000, slower, true, &last) < 1000 * slower(1) * 1.05);
    run(&pace, 2, 100, shared, false, &last); /* the others have gone */
    assert_false(pace_is_busy(&pace));
    assert_true(run(&pace, 2, 100, shared, false, &last) == 100 * shared(2));
}

/* Busy, but more threads are faster all the same. */
static void test_still_faster(void **state)
{
    Pace pace = {0};
    int64_t last;
    (void)state;
    run(&pace, 2, 10, shared, true, &last);
    assert_true(run(&pace, 2, 1000, shared, true, &last) < 1000 * shared(2) * 1.05);
}

static void test_many(void **state)
{
    Pace pace = {0};
    int64_t last;
    (void)state;
    run(&pace, 8, 100, half_best, true, &last);
    assert_true(run(&pace, 8, 1000, half_best, true, &last) < 1000 * 300 * 1.2);
    pace = (Pace){0};
    run(&pace, 1024, 200, slower, true, &last);
    assert_int_equal(last, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quiet), cmocka_unit_test(test_busy),
                                       cmocka_unit_test(test_still_faster), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
