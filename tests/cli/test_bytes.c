/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Writing at a place, where the system writes less than it is given, is interrupted, or refuses: this file's own pwrite. */
#include "compiler/build/bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t calls, room; /* room: bytes that the file may have */

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    if (++calls % 2) {
        errno = EINTR;
        return -1;
    }
    if (offset >= room) {
        errno = ENOSPC;
        return -1;
    }
    size = size < 3 ? size : 3;
    return lseek(file, offset, SEEK_SET) == offset ? write(file, bytes, size) : -1;
}

static FILE *file;

static int set_up(void **state)
{
    (void)state;
    file = tmpfile();
    calls = 0;
    return file ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return fclose(file);
}

static void test_short(void **state)
{
    (void)state;
    char read_back[15] = {0};
    room = 100;
    assert_true(bytes_write(fileno(file), "0123456789", 10, 5));
    assert_int_equal(pread(fileno(file), read_back, sizeof read_back, 0), 15);
    assert_memory_equal(read_back,
                        "\0\0\0\0\0"
                        "0123456789",
                        15);
    assert_true(calls > 4);
}

static void test_refused(void **state)
{
    (void)state;
    room = 4;
    errno = ENOTTY;
    assert_false(bytes_write(fileno(file), "0123456789", 10, 0));
    assert_int_equal(errno, ENOSPC);
}

static void test_hash(void **state)
{
    (void)state;
    uint64_t a, b, c;
    room = 100;
    assert_true(bytes_write(fileno(file), "0123456789", 10, 0));
    assert_true(bytes_hash(fileno(file), 0, 10, &a) && bytes_hash(fileno(file), 0, 10, &b) &&
                bytes_hash(fileno(file), 1, 10, &c));
    assert_true(a == b && a != c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hash, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
