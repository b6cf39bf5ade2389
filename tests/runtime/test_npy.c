/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* .npy: what is written is read back, headers of every version, and every way to be malformed. */
#include "ir/base/npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file with this header text, version 1, and n bytes of data, in its own allocation. */
static bool parse(const char *header, size_t n, NpyArray *array, const char **problem)
{
    size_t length = strlen(header), size = 10 + length + n;
    uint8_t *bytes = calloc(1, size);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (uint8_t)length;
    bytes[9] = (uint8_t)(length >> 8);
    memcpy(bytes + 10, header, length);
    bool ok = npy_parse(bytes, size, array, problem);
    free(bytes);
    return ok;
}

static void test_round_trip(void **state)
{
    static const int64_t dims[] = {2, 3, 1};
    float data[6] = {1, 2, 3, 4, 5, 6};
    (void)state;
    for (int64_t rank = 0; rank <= 3; rank++) {
        char *text;
        size_t size, bytes = rank == 0 ? 4 : rank == 1 ? 8 : 24;
        FILE *out = open_memstream(&text, &size);
        assert_true(npy_write(out, 1, rank, dims, data, bytes));
        fclose(out);
        NpyArray array;
        const char *problem;
        assert_true(npy_parse((uint8_t *)text, size, &array, &problem));
        assert_int_equal(array.dtype, 1);
        assert_int_equal(array.rank, rank);
        assert_memory_equal(array.dims, dims, (size_t)rank * sizeof *dims);
        assert_int_equal(array.bytes, bytes);
        assert_memory_equal(array.data, data, bytes);
        assert_int_equal((array.data - (uint8_t *)text) % 64, 0);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *exact = malloc(cut + 1);
            memcpy(exact, text, cut);
            assert_false(npy_parse(exact, cut, &array, &problem));
            free(exact);
        }
        free(text);
    }
}

static void test_accepted(void **state)
{
    NpyArray array;
    const char *problem;
    (void)state;
    assert_true(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, &array, &problem));
    assert_true(parse("{\"shape\":(2,),\"descr\":\"<i8\",\"fortran_order\":False}", 16, &array, &problem));
    assert_int_equal(array.dtype, 7);
    assert_true(parse("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", 1, &array, &problem));
    assert_int_equal(array.rank, 0);
    assert_true(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}", 0, &array, &problem));
}

static void test_refused(void **state)
{
    static const char *const headers[] = {
        "",
        "{",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1e0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}",
    };
    NpyArray array;
    const char *problem;
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        assert_false(parse(headers[i], 4, &array, &problem));
        assert_non_null(problem);
    }
    static const char good[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}";
    assert_true(parse(good, 4, &array, &problem));
    assert_false(parse(good, 3, &array, &problem));
    assert_false(parse(good, 5, &array, &problem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
