/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A report in its page and out of it again, whatever its names are. */
#include "compiler/report/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static char *page_of(const char *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    page_print(out, report);
    fclose(out);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char report[] = "{\"a\": \"</script><!--<script>\", \"b\": \"\\u202e \\\" @report@\", \"c\": [1.5, null]}";
    char *text = page_of(report);
    json_t *before = json_loads(report, 0, NULL), *after = json_loads(page_report(text), JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(after);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    free(text);
}

static void test_names_are_no_markup(void **state)
{
    (void)state;
    char *plain = page_of("{}"), *hostile = page_of("[\"</script><script>\", \"</SCRIPT >\", \"<!--\"]");
    assert_int_equal(count(hostile, "<"), count(plain, "<"));
    assert_int_equal(count(hostile, "</script>"), 2);
    free(plain);
    free(hostile);
}

static void test_no_page(void **state)
{
    (void)state;
    assert_null(page_report("{\"format\": \"cnxc-report\"}"));
    assert_null(page_report(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_names_are_no_markup),
        cmocka_unit_test(test_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
