/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Weights in a file: the right ones are taken, each flipped bit and each wrong field is noticed. */
#define FAKE_WEIGHTS_FILE "fake.weights"
#include "runtime/hash.h"
#include "runtime/weights.h"
#include "tests/runtime/fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/cnxrt-weights-XXXXXX"; /* made by main */

static void write_file(const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static cnxrt_status status_of(const void *bytes, size_t size)
{
    Weights weights;
    write_file(bytes, size);
    cnxrt_status status = weights_open(&compiled_model, path, false, &weights);
    assert_true(status == CNXRT_OK || !weights.data);
    if (status == CNXRT_OK) {
        assert_int_equal((uintptr_t)weights.data % 64, 0);
        assert_memory_equal(weights.data, fake_weights.w, sizeof fake_weights.w);
    }
    weights_close(&weights);
    return status;
}

static void test_right(void **state)
{
    (void)state;
    assert_int_equal(status_of(&fake_weights, sizeof fake_weights), CNXRT_OK);
}

static void test_each_bit(void **state)
{
    uint8_t bytes[sizeof fake_weights];
    (void)state;
    memcpy(bytes, &fake_weights, sizeof bytes);
    for (size_t i = 0; i < 8 * sizeof bytes; i++) {
        if (i / 8 >= offsetof(CnxrtWeightsHeader, reserved) && i / 8 < sizeof(CnxrtWeightsHeader))
            continue; /* nothing reads these */
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        cnxrt_status status = status_of(bytes, sizeof bytes);
        if (i / 8 < offsetof(CnxrtWeightsHeader, abi) || i / 8 / 8 == offsetof(CnxrtWeightsHeader, bytes) / 8)
            assert_int_equal(status, CNXRT_ERROR_WEIGHTS_FORMAT);
        else if (i / 8 < offsetof(CnxrtWeightsHeader, weights_hash))
            assert_int_equal(status, CNXRT_ERROR_WEIGHTS_MODEL);
        else
            assert_int_equal(status, CNXRT_ERROR_WEIGHTS_DAMAGED);
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

/* Another checkpoint's, packed for this graph: taken by its own hash, which a look at the header tells. */
static void test_others(void **state)
{
    FakeWeights other = fake_weights;
    Weights weights;
    uint64_t hash = 0;
    (void)state;
    other.w[0] = -other.w[0];
    other.header.weights_hash = hash_bytes(other.w, sizeof other.w);
    write_file(&other, sizeof other);
    assert_int_equal(weights_open(&compiled_model, path, false, &weights), CNXRT_OK);
    assert_memory_equal(weights.data, other.w, sizeof other.w);
    assert_int_equal(weights_verify(&compiled_model, &weights), CNXRT_OK);
    weights_close(&weights);
    assert_int_equal(weights_look(&compiled_model, path, &hash), CNXRT_OK);
    assert_int_equal(hash, other.header.weights_hash);
    other.header.graph_hash++;
    write_file(&other, sizeof other);
    assert_int_equal(weights_look(&compiled_model, path, &hash), CNXRT_ERROR_WEIGHTS_MODEL);
    write_file(&other, sizeof other - 1);
    assert_int_equal(weights_look(&compiled_model, path, &hash), CNXRT_ERROR_WEIGHTS_FORMAT);
    assert_int_equal(weights_look(&compiled_model, "/", &hash), CNXRT_ERROR_FILE);
    /* Embedded ones are those that it was compiled with, or damaged. */
    other.header.graph_hash--;
    weights = (Weights){(const uint8_t *)other.w, (const uint8_t *)&other, .file = -1};
    assert_int_equal(weights_verify(&compiled_model, &weights), CNXRT_ERROR_WEIGHTS_MODEL);
}

static void test_sizes(void **state)
{
    uint8_t longer[sizeof fake_weights + 1] = {0};
    (void)state;
    memcpy(longer, &fake_weights, sizeof fake_weights);
    for (size_t size = 0; size < sizeof fake_weights; size += 7)
        assert_int_equal(status_of(longer, size), CNXRT_ERROR_WEIGHTS_FORMAT);
    assert_int_equal(status_of(longer, sizeof longer), CNXRT_ERROR_WEIGHTS_FORMAT);
}

static void test_not_a_file(void **state)
{
    Weights weights;
    char pipe_path[64];
    (void)state;
    assert_int_equal(weights_open(&compiled_model, "/", false, &weights), CNXRT_ERROR_FILE);
    assert_int_equal(weights_open(&compiled_model, "/dev/zero", false, &weights), CNXRT_ERROR_FILE);
    assert_int_equal(weights_open(&compiled_model, "/nonexistent", false, &weights), CNXRT_ERROR_FILE);
    assert_int_equal(weights_open(&compiled_model, NULL, false, &weights), CNXRT_ERROR_FILE); /* none beside the program */
    snprintf(pipe_path, sizeof pipe_path, "%s.fifo", path);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(weights_open(&compiled_model, pipe_path, false, &weights), CNXRT_ERROR_FILE); /* at once: no waiting */
    unlink(pipe_path);
}

/* Written in place, or cut: the next look tells, without touching a page that may be gone. A copy does not notice. */
static void test_changed(void **state)
{
    (void)state;
    for (int copy = 0; copy < 2; copy++)
        for (int cut = 0; cut < 2; cut++) {
            Weights weights;
            write_file(&fake_weights, sizeof fake_weights);
            assert_int_equal(weights_open(&compiled_model, path, copy, &weights), CNXRT_OK);
            assert_false(weights_changed(&weights));
            usleep(20000); /* the clock of modification times is coarse */
            if (cut)
                assert_int_equal(truncate(path, 0), 0);
            else
                write_file(&fake_weights, sizeof fake_weights);
            assert_int_equal(weights_changed(&weights), !copy);
            if (copy)
                assert_memory_equal(weights.data, fake_weights.w, sizeof fake_weights.w);
            weights_close(&weights);
        }
}

/* Renamed over: whoever has the old one keeps it. */
static void test_replaced(void **state)
{
    Weights weights;
    char other[64];
    (void)state;
    write_file(&fake_weights, sizeof fake_weights);
    assert_int_equal(weights_open(&compiled_model, path, false, &weights), CNXRT_OK);
    snprintf(other, sizeof other, "%s.new", path);
    fclose(fopen(other, "wb"));
    assert_int_equal(rename(other, path), 0);
    assert_false(weights_changed(&weights));
    assert_memory_equal(weights.data, fake_weights.w, sizeof fake_weights.w);
    weights_close(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),    cmocka_unit_test(test_each_bit),   cmocka_unit_test(test_others),
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_not_a_file), cmocka_unit_test(test_changed),
        cmocka_unit_test(test_replaced),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
