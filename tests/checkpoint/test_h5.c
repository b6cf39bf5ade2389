/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* HDF5: the bytes that were mapped are read, whatever their name leads to; and answers of a child process that lies. */
#define _GNU_SOURCE /* memfd_create */
#include "compiler/frontend/checkpoint/h5.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_BYTES = 64 };
static const uint8_t nothing[FILE_BYTES];

typedef struct Compilation {
    Arena *arena;
    Diag diag;
    TensorIndex index;
} Compilation;

static Compilation begin(void)
{
    Compilation c = {.arena = arena_new(), .diag = {.out = fopen("/dev/null", "w")}};
    c.index = tensor_index_new(c.arena);
    return c;
}

static void end(Compilation *c)
{
    fclose(c->diag.out);
    arena_free(c->arena);
}

static bool collect(Compilation *c, const void *answers, size_t size)
{
    ExternalFile file = {"m/x.h5", "x.h5", nothing, FILE_BYTES, 1};
    int told = memfd_create("told", 0);
    assert_int_equal(write(told, answers, size), size);
    lseek(told, 0, SEEK_SET);
    bool ok = h5_collect(&file, told, &c->index, &c->diag);
    assert_int_equal(ok, !diag_failed(&c->diag));
    close(told);
    return ok;
}

static void test_reads_the_mapping(void **state)
{
    (void)state;
    Compilation c = begin();
    if (!h5_module(c.arena))
        skip();
    const char *dir = TEST_SOURCE_DIR "/tests/goldens/tf/tf_reg";
    const ExternalFile *mapped = external_open(dir, "tf_model.h5", NO_SPAN, c.arena, &c.diag);
    assert_non_null(mapped);
    ExternalFile file = *mapped;
    file.path = "/dev/null";
    assert_true(h5_read(&file, &c.index, &c.diag));
    const StoredTensor *beta = tensor_index_find(&c.index, "convnext.layernorm.beta");
    assert_non_null(beta);
    assert_int_equal(beta->tensor.length, beta->tensor.dims[0] * 4);
    end(&c);
}

static void test_answers(void **state)
{
    static const struct {
        bool ok;
        H5Record record;
    } rows[] = {
        {true, {DT_FLOAT, 1, 2, {2, 3}, 8, 24, "layer/model/x:0"}},
        {true, {DT_FLOAT, 1, 2, {2, 3}, 40, 24, "ends with the file"}},
        {true, {DT_UNDEFINED, 1, 1, {9}, 0, 64, "of a type that is none of ours"}},
        {true, {12345, 1, 1, {9}, 0, 64, "of no type at all"}},
        {true, {-1, 1, 1, {9}, 0, 64, "of a negative type"}},
        {false, {DT_FLOAT, 1, 2, {2, 3}, 41, 24, "goes past the end"}},
        {false, {DT_FLOAT, 1, 2, {2, 3}, -8, 24, "begins before the file"}},
        {false, {DT_FLOAT, 1, 2, {2, 3}, INT64_MAX, 24, "far away"}},
        {false, {DT_FLOAT, 1, 2, {2, 3}, 8, 20, "has too few bytes"}},
        {false, {DT_FLOAT, 1, 2, {2, 3}, 8, INT64_MIN, "has a negative length"}},
        {false, {DT_FLOAT, 1, 2, {-2, -3}, 8, 24, "has negative dimensions"}},
        {false, {DT_FLOAT, 1, 2, {INT64_MAX, 4}, 8, 24, "has more elements than can be counted"}},
        {false, {DT_FLOAT, 1, 1, {(int64_t)1 << 62}, 8, 0, "has bytes that wrap to 0"}},
        {false, {DT_FLOAT, 1, MAX_RANK + 1, {1}, 8, 4, "has too high a rank"}},
        {false, {DT_FLOAT, 1, INT64_MAX, {1}, 8, 4, "has a rank past int"}},
        {false, {DT_FLOAT, 0, 1, {1}, 8, 4, "is elsewhere"}},
    };
    (void)state;
    for (int64_t i = 0; i < countof(rows); i++) {
        Compilation c = begin();
        if (collect(&c, &rows[i].record, sizeof rows[i].record) != rows[i].ok)
            fail_msg("what %s is %s", rows[i].record.path, rows[i].ok ? "refused" : "taken");
        end(&c);
    }
}

/* A path without an end, half a record, the same name twice, and no end of records. */
static void test_streams(void **state)
{
    (void)state;
    H5Record record = {DT_FLOAT, 1, 1, {1}, 8, 4, ""}, twice[2];
    memset(record.path, 'x', sizeof record.path);
    Compilation c = begin();
    assert_true(collect(&c, &record, sizeof record));
    assert_int_equal(strlen(c.index.tensors.at[0]->name), H5_LONGEST_PATH - 1);
    assert_true(collect(&c, &record, sizeof record / 2));
    assert_int_equal(c.index.tensors.len, 1);
    twice[0] = twice[1] = (H5Record){DT_FLOAT, 1, 1, {1}, 8, 4, "x"};
    assert_false(collect(&c, twice, sizeof twice));
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_the_mapping),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
