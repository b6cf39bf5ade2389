/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The base library: memory, strings, maps, suggestions, and what a diagnostic looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/base/diag.h"
#include "ir/base/str.h"
#include "ir/base/utf8.h"
#include "ir/base/vec.h"

#include <stdlib.h>
#include <string.h>

static void test_arena(void **state)
{
    Arena *arena = arena_new();
    for (size_t size = 1; size < 20000; size += 37) {
        unsigned char *p = arena_alloc(arena, size);
        assert_int_equal((uintptr_t)p % (size >= 4096 ? 64 : 16), 0);
        assert_true(p[0] == 0 && p[size - 1] == 0);
        memset(p, 0xff, size);
    }
    assert_string_equal(arena_printf(arena, "%s-%d", "a", 5), "a-5");
    assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
    arena_free(arena);
    arena_free(NULL);
    (void)state;
}

static void count_release(void *object) { ++*(int *)object; }

static void test_on_free(void **state)
{
    Arena *arena = arena_new();
    int released = 0;
    arena_on_free(arena, count_release, &released);
    arena_on_free(arena, count_release, &released);
    assert_int_equal(released, 0);
    arena_free(arena);
    assert_int_equal(released, 2);
    (void)state;
}

static void test_vec(void **state)
{
    Arena *arena = arena_new();
    VEC(int64_t) numbers = {0};
    for (int64_t i = 0; i < 1000; i++)
        vec_push(arena, &numbers, i * i);
    assert_int_equal(numbers.len, 1000);
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(numbers.at[i], i * i);
    arena_free(arena);
    (void)state;
}

static void test_map(void **state)
{
    Arena *arena = arena_new();
    StrMap map = {.arena = arena};
    static int values[2000];
    assert_null(strmap_get(&map, "absent"));
    for (int i = 0; i < 2000; i++)
        assert_true(strmap_put(&map, arena_printf(arena, "key%d", i), &values[i]));
    for (int i = 0; i < 2000; i++)
        assert_ptr_equal(strmap_get(&map, arena_printf(arena, "key%d", i)), &values[i]);
    assert_false(strmap_put(&map, "key7", &values[8]));
    assert_ptr_equal(strmap_get(&map, "key7"), &values[8]);
    assert_null(strmap_get(&map, "key2000"));
    arena_free(arena);
    (void)state;
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"Relu", "Selu", "Reshape", "Softmax"};
    assert_string_equal(nearest_name("Rellu", names, 4), "Relu");
    assert_string_equal(nearest_name("Sotfmax", names, 4), "Softmax");
    assert_null(nearest_name("Gather", names, 4));
    assert_null(nearest_name("", names, 4));
    (void)state;
}

/* The first and the last character of each length, and what lies just outside: from the middle of eight plain bytes on. */
static void test_utf8(void **state)
{
    static const struct {
        const char *text;
        int64_t length, span;
    } cases[] = {
        {"", 0, 0},
        {"x\xc2\x80\xdf\xbf", 5, 5},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 12, 12},
        {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, 8},
        {"a\x80", 2, 1},
        {"a\xc1\xbf", 3, 1},
        {"a\xe0\x9f\xbf", 4, 1},
        {"a\xed\xa0\x80", 4, 1},
        {"a\xf0\x8f\xbf\xbf", 5, 1},
        {"a\xf4\x90\x80\x80", 5, 1},
        {"a\xf5\x80\x80\x80", 5, 1},
        {"abc\xe2\x82", 5, 3},
        {"abc\xe2\x82\xac", 5, 3},
        {"\xe2\x82z", 3, 0},
        {"abcdefgh\0ijklmnop", 17, 8},
        {"abc\0defgh", 9, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(utf8_span(cases[i].text, cases[i].length), cases[i].span);
    (void)state;
}

static void test_strings(void **state)
{
    Arena *arena = arena_new();
    StrBuf sb = {.arena = arena};
    for (int i = 0; i < 300; i++)
        sb_printf(&sb, "%d,", i);
    sb_put(&sb, "end");
    assert_int_equal(sb.len, strlen(sb.text));
    assert_true(str_starts_with(sb.text, "0,1,2,") && str_ends_with(sb.text, "299,end"));
    assert_false(str_ends_with("d", "end"));
    assert_true(str_equal(NULL, NULL) && !str_equal(NULL, "") && str_equal("a", "a"));
    arena_free(arena);
    (void)state;
}

/* What say prints to a diagnostic sink. */
static char *said(Diag *diag, void (*say)(Diag *, Span), Span span)
{
    char *text = NULL;
    size_t size;
    diag->out = open_memstream(&text, &size);
    say(diag, span);
    fclose(diag->out);
    return text;
}

static void say_error(Diag *diag, Span span) { diag_error(diag, span, "%s expects %d inputs", "Conv", 2); }

static void say_many(Diag *diag, Span span)
{
    for (int i = 0; i < 50; i++)
        diag_unsupported(diag, span, "no");
}

static void test_text_diagnostic(void **state)
{
    const char *text = "first\n\ty = Conv(x)\nlast";
    Source source = {"m.onnxtxt", text, (int64_t)strlen(text), false};
    Diag diag = {0};
    char *out = said(&diag, say_error, (Span){&source, 11, 15});
    assert_string_equal(out, "m.onnxtxt:2:6: error: Conv expects 2 inputs\n   \ty = Conv(x)\n   \t    ^~~~\n");
    assert_true(diag_failed(&diag));
    assert_int_equal(diag.exit_code, EXIT_INPUT);
    free(out);
    (void)state;
}

static void test_other_diagnostics(void **state)
{
    Source binary = {"m.onnx", "abc", 3, true}, odd = {"a\"b", "x", 1, false};
    Diag diag = {0}, json = {.json = true};
    char *out = said(&diag, say_error, (Span){&binary, 2, 2});
    assert_string_equal(out, "m.onnx: error: at byte 2: Conv expects 2 inputs\n");
    free(out);
    out = said(&diag, say_error, NO_SPAN);
    assert_string_equal(out, "cnxc: error: Conv expects 2 inputs\n");
    free(out);
    out = said(&json, say_error, (Span){&odd, 0, 1});
    assert_string_equal(out, "{\"severity\": \"error\", \"path\": \"a\\\"b\", \"line\": 1, \"column\": 1, \"message\": "
                             "\"Conv expects 2 inputs\"}\n");
    free(out);
    (void)state;
}

/* The first error decides the exit code; after 20 they are only counted. */
static void test_limit(void **state)
{
    Diag diag = {0};
    char *out = said(&diag, say_many, NO_SPAN);
    int lines = 0;
    for (char *p = out; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 20);
    assert_int_equal(diag.n_errors, 50);
    assert_int_equal(diag.exit_code, EXIT_UNSUPPORTED);
    free(out);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),   cmocka_unit_test(test_on_free),         cmocka_unit_test(test_vec),
        cmocka_unit_test(test_map),     cmocka_unit_test(test_nearest),         cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_strings), cmocka_unit_test(test_text_diagnostic), cmocka_unit_test(test_other_diagnostics),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
