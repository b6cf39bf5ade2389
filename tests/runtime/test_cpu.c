/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Which variant a machine gets: the first that it runs, and none where it runs none. */
#include "runtime/cpu.h"
#include "tests/runtime/fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define NOBODY_HAS (INT64_C(1) << 62)

static const CnxrtVariant future = {.cpu_name = "future", .cpu_features = NOBODY_HAS};
static const CnxrtVariant baseline = {.cpu_name = "baseline"};

static const CnxrtVariant *pick(const CnxrtVariant *const *variants, int64_t n)
{
    CnxrtModel model = {.n_variants = n, .variants = variants};
    return cpu_variant(&model);
}

static void first_that_runs_is_taken(void **state)
{
    (void)state;
    CnxrtVariant own = {.cpu_name = "own", .cpu_features = cpu_features() & ~CNXRT_CPU_AMX};
    CnxrtVariant more = {.cpu_name = "more", .cpu_features = cpu_features() | NOBODY_HAS};
    assert_ptr_equal(pick((const CnxrtVariant *const[]){&future, &more, &own, &baseline}, 4), &own);
    assert_ptr_equal(pick((const CnxrtVariant *const[]){&future, &baseline}, 2), &baseline);
    assert_ptr_equal(pick((const CnxrtVariant *const[]){&baseline}, 1), &baseline);
}

static void none_where_none_runs(void **state)
{
    (void)state;
    assert_null(pick((const CnxrtVariant *const[]){&future}, 1));
}

static void missing_is_told(void **state)
{
    (void)state;
    int64_t here = cpu_features() & ~CNXRT_CPU_AMX; /* tiles may be there and not be granted */
    assert_int_equal(cpu_missing(here), 0);
    assert_int_equal(cpu_missing(here | NOBODY_HAS), NOBODY_HAS);
    assert_int_equal(cpu_missing(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_that_runs_is_taken),
        cmocka_unit_test(none_where_none_runs),
        cmocka_unit_test(missing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
