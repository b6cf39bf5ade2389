/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Types and tensors: sizes that overflow, half precision against exact arithmetic, elements of every type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/tensor.h"

#include <math.h>
#include <string.h>

static int setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 1; i <= DT_LAST; i++)
        assert_int_equal(dtype_from_name(dtype_name((DType)i)), i);
    assert_int_equal(dtype_from_name("flaot"), DT_UNDEFINED);
    assert_string_equal(dtype_name((DType)99), "?");
    assert_string_equal(dtype_name((DType)-1), "?");
    assert_int_equal(dtype_size((DType)99), 0);
    assert_false(dtype_is_computable(DT_STRING));
}

static void test_shapes(void **state)
{
    Shape shape = {.rank = 3, .dims = {{-1, "N"}, {3, NULL}, {-1, NULL}}}, same = shape;
    assert_string_equal(shape_text(*state, &shape), "[N,3,?]");
    assert_false(shape_equal(&shape, &same)); /* an unknown dimension equals nothing */
    shape.rank = same.rank = 2;
    assert_true(shape_equal(&shape, &same));
    assert_int_equal(shape_count(&shape), -1);
    assert_string_equal(type_text(*state, &(Type){DT_FLOAT, {.rank = 0}}), "float");
    assert_string_equal(type_text(*state, &(Type){DT_INT64, {.rank = -1}}), "int64[]");
    Shape huge = shape_of(3, (int64_t[]){1LL << 40, 1LL << 40, 2}), zero = shape_of(3, (int64_t[]){1LL << 40, 1LL << 40, 0});
    assert_int_equal(shape_count(&huge), -1);
    assert_int_equal(shape_count(&zero), 0);
}

static void test_new(void **state)
{
    assert_null(tensor_new(*state, DT_FLOAT, 1, (int64_t[]){1LL << 61}));
    assert_null(tensor_new(*state, DT_FLOAT, 2, (int64_t[]){1LL << 40, 1LL << 40}));
    assert_null(tensor_new(*state, DT_FLOAT, 1, (int64_t[]){-1}));
    assert_null(tensor_new(*state, DT_STRING, 0, NULL));
    assert_null(tensor_new(*state, DT_FLOAT, MAX_RANK + 1, (int64_t[MAX_RANK + 1]){0}));
    Tensor *tensor = tensor_new(*state, DT_DOUBLE, 2, (int64_t[]){2, 3});
    assert_int_equal(tensor->count, 6);
    assert_true(tensor_get(tensor, 5) == 0);
}

/* Every f16 is exact as a float, and comes back. */
static void test_f16_round_trip(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float value = f16_to_f32((uint16_t)bits);
        if (isnan(value))
            assert_true(isnan(f16_to_f32(f32_to_f16(value))));
        else
            assert_int_equal(f32_to_f16(value), bits);
        float wide = bf16_to_f32((uint16_t)bits);
        if (!isnan(wide))
            assert_int_equal(f32_to_bf16(wide), bits);
    }
}

/* Between two neighbours, the middle goes to the even one, and a little more or less to the nearer one, even if
 * the little is less than a float can tell. */
static void test_f16_rounding(void **state)
{
    Tensor *tensor = tensor_new(*state, DT_FLOAT16, 0, NULL);
    for (uint16_t bits = 0; bits < 0x7bff; bits++) {
        double low = (double)f16_to_f32(bits), high = (double)f16_to_f32((uint16_t)(bits + 1)), middle = (low + high) / 2;
        double even = bits & 1 ? high : low;
        tensor_set(tensor, 0, middle);
        assert_true(tensor_get(tensor, 0) == even);
        tensor_set(tensor, 0, nextafter(middle, INFINITY));
        assert_true(tensor_get(tensor, 0) == high);
        tensor_set(tensor, 0, -nextafter(middle, 0));
        assert_true(tensor_get(tensor, 0) == -low);
    }
    assert_int_equal(f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(f32_to_f16(65519.99f), 0x7bff);
    assert_int_equal(f32_to_f16(0x1p-25f), 0);
    assert_int_equal(f32_to_f16(0x1.000002p-25f), 1);
    assert_int_equal(f32_to_bf16(-INFINITY), 0xff80);
    assert_true(isnan(bf16_to_f32(f32_to_bf16(NAN))));
}

static void test_elements(void **state)
{
    static const DType types[] = {DT_FLOAT, DT_DOUBLE, DT_FLOAT16, DT_BFLOAT16, DT_INT8,   DT_INT16,
                                  DT_INT32, DT_INT64,  DT_UINT8,   DT_UINT16,   DT_UINT32, DT_UINT64};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        Tensor *tensor = tensor_new(*state, types[i], 1, (int64_t[]){3});
        tensor_set(tensor, 1, 100.0);
        tensor_set_int(tensor, 2, 7);
        assert_true(tensor_get(tensor, 0) == 0 && tensor_get(tensor, 1) == 100 && tensor_get(tensor, 2) == 7);
        assert_int_equal(tensor_get_int(tensor, 1), 100);
    }
    Tensor *big = tensor_new(*state, DT_INT64, 1, (int64_t[]){2});
    tensor_set_int(big, 0, INT64_MAX);
    tensor_set(big, 1, 1e300);
    assert_int_equal(tensor_get_int(big, 0), INT64_MAX);
    assert_int_equal(tensor_get_int(big, 1), INT64_MAX);
    tensor_set(big, 1, NAN);
    assert_int_equal(tensor_get_int(big, 1), 0);
    Tensor *natural = tensor_new(*state, DT_UINT64, 0, NULL);
    tensor_set(natural, 0, 0x1p63);
    assert_true(tensor_get(natural, 0) == 0x1p63);
}

/* Data in a mapped file may begin anywhere, and a bool there may be any byte. */
static void test_unaligned(void **state)
{
    unsigned char bytes[16] = {0};
    float value = 1.5f;
    memcpy(bytes + 3, &value, sizeof value);
    Tensor tensor = {.dtype = DT_FLOAT, .count = 1, .data = bytes + 3};
    assert_true(tensor_get(&tensor, 0) == 1.5);
    bytes[0] = 2;
    Tensor flag = {.dtype = DT_BOOL, .count = 1, .data = bytes};
    assert_int_equal(tensor_get_int(&flag, 0), 1);
    (void)state;
}

static void test_equal(void **state)
{
    Tensor *a = tensor_from_i64(*state, (int64_t[]){1, 2}, 2), *b = tensor_from_i64(*state, (int64_t[]){1, 2}, 2);
    double value;
    assert_true(tensor_equal(a, b));
    assert_false(tensor_equal(a, tensor_reshaped(*state, b, 2, (int64_t[]){2, 1})));
    tensor_set_int(b, 1, 3);
    assert_false(tensor_equal(a, b));
    assert_false(tensor_is_scalar(a, &value));
    assert_true(tensor_is_scalar(tensor_scalar_f32(*state, 2.5f), &value) && value == 2.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_shapes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new, setup, teardown),
        cmocka_unit_test(test_f16_round_trip),
        cmocka_unit_test_setup_teardown(test_f16_rounding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unaligned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
