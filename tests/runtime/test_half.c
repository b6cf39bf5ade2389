/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Every half, what lies around it and halfway to the next, beside the format's definition. */
#include "runtime/half.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { INFINITE = 0x7c00, COUNT = 0x8000 };

static _Float16 half(unsigned bits)
{
    uint16_t low = (uint16_t)bits;
    _Float16 h;
    memcpy(&h, &low, sizeof h);
    return h;
}

static unsigned bits_of(_Float16 h)
{
    uint16_t bits;
    memcpy(&bits, &h, sizeof bits);
    return bits;
}

/* By definition; of infinity what would be the next number. */
static double value_of(unsigned bits)
{
    int exponent = (int)(bits >> 10), fraction = bits & 0x3ff;
    return exponent ? ldexp(0x400 + fraction, exponent - 25) : ldexp(fraction, -24);
}

static void test_widening(void **state)
{
    (void)state;
    for (unsigned i = 0; i < INFINITE; i++) {
        assert_true((double)__extendhfsf2(half(i)) == value_of(i));
        assert_true((double)__extendhfsf2(half(i | COUNT)) == -value_of(i));
    }
    assert_true(signbit(__extendhfsf2(half(COUNT))));
    assert_true(__extendhfsf2(half(INFINITE)) == INFINITY && __extendhfsf2(half(INFINITE | COUNT)) == -INFINITY);
    for (unsigned i = INFINITE + 1; i < COUNT; i++)
        assert_true(isnan(__extendhfsf2(half(i))));
}

static void expect(double value, unsigned bits)
{
    for (int negative = 0; negative < 2; negative++) {
        double signed_value = negative ? -value : value;
        unsigned wanted = bits | (negative ? COUNT : 0);
        assert_int_equal(bits_of(__truncdfhf2(signed_value)), wanted);
        if ((double)(float)value == value)
            assert_int_equal(bits_of(__truncsfhf2((float)signed_value)), wanted);
    }
}

static void test_narrowing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < INFINITE; i++) {
        double value = value_of(i), halfway = (value + value_of(i + 1)) / 2;
        expect(value, i);
        expect(halfway, i + (i & 1));
        expect((double)nextafterf((float)halfway, 0), i);
        expect((double)nextafterf((float)halfway, INFINITY), i + 1);
        expect(nextafter(halfway, 0), i);
        expect(nextafter(halfway, INFINITY), i + 1);
    }
    expect(1e30, INFINITE);
    expect(INFINITY, INFINITE);
    expect(0x1p-149, 0);
    assert_true(isnan(__extendhfsf2(__truncsfhf2(NAN))) && isnan(__extendhfsf2(__truncdfhf2(NAN))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_widening), cmocka_unit_test(test_narrowing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
