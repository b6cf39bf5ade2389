/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cpu.max, in a folder that stands for /sys/fs/cgroup. */
#include "runtime/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/cnxrt-quota-XXXXXX"; /* made by main, and the working folder */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Of a group's limit and that of the group above it. */
static int64_t quota(const char *groups, const char *above, const char *own)
{
    write_text("groups", groups);
    write_text("mount/a/cpu.max", above);
    write_text("mount/a/b/cpu.max", own);
    return quota_cpus("groups", "mount");
}

static void test_limits(void **state)
{
    static const char group[] = "9:name=systemd:/x\n0::/a/b\n", none[] = "max 100000\n";
    (void)state;
    assert_int_equal(quota(group, none, none), INT64_MAX);
    assert_int_equal(quota(group, none, "100000 100000\n"), 1);
    assert_int_equal(quota(group, none, "150000 100000\n"), 2);
    assert_int_equal(quota(group, none, "1000 100000\n"), 1);
    assert_int_equal(quota(group, "400000 100000\n", "800000 100000\n"), 4); /* the tightest */
    assert_int_equal(quota(group, "800000 100000\n", "300000 100000\n"), 3);
    assert_int_equal(quota("0::/a\n", "200000 100000\n", "100000 100000\n"), 2); /* not what is below */
    assert_int_equal(quota("9:cpu:/a/b\n", none, "100000 100000\n"), INT64_MAX); /* version 1 */
}

/* What a container sees: its own limit at the root, and perhaps a path that only the host has. */
static void test_container(void **state)
{
    (void)state;
    write_text("mount/cpu.max", "200000 100000\n");
    assert_int_equal(quota("0::/\n", "", ""), 2);
    assert_int_equal(quota("0::/host/only\n", "", ""), 2);
    unlink("mount/cpu.max");
}

static void test_nonsense(void **state)
{
    static const char *const limits[] = {"", "\n", "100000", "-1 100000", "100000 0", "0 100000", "text", "max"};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        assert_int_equal(quota("0::/a/b\n", limits[i], limits[i]), INT64_MAX);
    assert_int_equal(quota("", "", ""), INT64_MAX);
    assert_int_equal(quota_cpus("no file", "mount"), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limits), cmocka_unit_test(test_container),
                                       cmocka_unit_test(test_nonsense)};
    if (!mkdtemp(folder) || chdir(folder) != 0 || mkdir("mount", 0700) || mkdir("mount/a", 0700) || mkdir("mount/a/b", 0700))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 ? 1 : failed;
}
