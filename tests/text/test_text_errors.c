/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Mistakes in ONNX text: one line each, with the place and the words of the diagnostic and the exit code. */
#include "compiler/frontend/text/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<ir_version: 8, opset_import: [\"\" : 17]>\n"
#define NODE(node) HEAD "g (float[2] x) => (float[2] y) {\n" node "}"
#define ITEM(item) HEAD "g (float[2] x) => (float[2] x) <\n" item "> { }"

static const struct {
    const char *text, *message;
    int exit_code;
} mistakes[] = {
    /* syntax */
    {"", ":1:1: error: expected a name or '<', found the end of the file", 1},
    {"# a comment", ":1:12: error: expected a name or '<', found the end of the file", 1},
    {"<>", ":1:2: error: expected an identifier, found >", 1},
    {"<ir_version: 8,>", ":1:16: error: expected an identifier, found >", 1},
    {HEAD "g (x) = (y) {}", ":2:7: error: expected =>, found =", 1},
    {HEAD "g (float) => (y) {}", ":2:9: error: expected a name or '[', found )", 1},
    {HEAD "g (float[a b] x) => (y) {}", ":2:12: error: expected ',' or ']', found b", 1},
    {NODE("y = Relu (x"), ":3:12: error: expected ',' or ')', found }", 1},
    {NODE("y = Relu (x);"), ":3:13: error: unexpected character ';'", 1},
    {NODE("y = \"Relu\" (x)"), ":3:5: error: expected an identifier, found \"Relu\"", 1},
    {NODE("y = Relu <> (x)"), ":3:11: error: expected an identifier, found >", 1},
    {NODE("y = Relu <a = 1> (x) <b = 1>"), ":3:22: error: expected a name, ',', '[', '=' or '}', found <", 1},
    {NODE("y = Relu <a = .5> (x)"), ":3:15: error: expected a value, '[' or '@', found .", 1},
    {NODE("y = Relu <a = - 5> (x)"), ":3:15: error: expected digits directly after '-'", 1},
    {NODE("y = Relu <a = +5> (x)"), ":3:15: error: unexpected character '+'", 1},
    {NODE("y = Relu (\"x)"), ":3:11: error: unterminated string", 1},
    {NODE("y = Relu (\"x\\"), ":3:11: error: unterminated string", 1},
    {ITEM("float[2] w = {1, 2,}"), ":3:20: error: expected a string or a number, found }", 1},
    {HEAD "g (x) => (x) {} <", ":2:18: error: expected an identifier, found the end of the file", 1},
    {HEAD "g (seq(seq(x)) y) => (y) {}", ":2:12: error: expected a type, found x", 1},
    {HEAD "g (x) => (x) {} }", ":2:17: error: expected a name, end of file or '<', found }", 1},
    {"\xef\xbb\xbfg (x) => (x) {}", ":1:1: error: the text begins with a byte order mark", 1},
    {HEAD "g (\"\xc0\xaf\") => (y) {}", ":2:5: error: byte 0xc0 is not valid UTF-8", 1},
    {HEAD "g (\"\xed\xa0\x80\") => (y) {}", ":2:5: error: byte 0xed is not valid UTF-8", 1},
    {HEAD "g (\xc3\xa9) => (y) {}", ":2:4: error: unexpected byte 0xc3 outside a string", 1},
    /* headers */
    {"g (x) => (x) {}", ":1:1: error: opset_import is missing", 1},
    {"<ir_version: 8> g (x) => (x) {}", ":1:17: error: opset_import is missing", 1},
    {"<ir_version: 99, opset_import: [\"\": 17]> g (x) => (x) {}", ":1:14: error: unknown ir_version 99, expected 3 to 14", 1},
    {"<ir_version: \"8\", opset_import: [\"\": 17]> g (x) => (x) {}",
     ":1:14: error: ir_version: expected an integer, found a string", 1},
    {"<ir_versoin: 8> g (x) => (x) {}", ":1:2: error: unknown header key ir_versoin, did you mean ir_version", 1},
    {"<opset_import: [\"\": 17, \"ai.onnx\": 18]> g (x) => (x) {}", ":1:25: error: opset \"ai.onnx\" is imported twice", 1},
    {"<opset_import: [\"\": 99]> g (x) => (x) {}", ":1:21: error: opset 99 is not known, the newest one is 28", 3},
    {"<opset_import: [\"\": 0]> g (x) => (x) {}", ":1:21: error: opset version is out of range", 1},
    {"<opset_import: [\"\": 9223372036854775808]> g (x) => (x) {}", ":1:21: error: opset version is out of range", 1},
    /* names */
    {NODE("y = Relu (xx)"), ":3:11: error: unknown value \"xx\", did you mean \"x\"?", 1},
    {NODE("y = Relu (t) t = Relu (x)"), ":3:11: error: \"t\" is used before it is defined at test.onnxtxt:3:14", 1},
    {NODE("y = Add (x, t) t = Relu (y)"), ":3:13: error: \"t\" is used before it is defined at test.onnxtxt:3:16", 1},
    {NODE("y = Relu (x) y = Relu (x)"), ":3:14: error: \"y\" is defined twice, first at test.onnxtxt:2:29", 1},
    {NODE("x = Relu (x) y = Relu (x)"), ":3:1: error: \"x\" is defined twice, first at test.onnxtxt:2:13", 1},
    {NODE("t = Relu (x)"), ":2:29: error: nothing produces the output \"y\"", 1},
    {HEAD "g (float[2] x, float[2] x) => (x) {}", ":2:25: error: \"x\" is defined twice", 1},
    {HEAD "g (float[2] \"\") => () {}", ":2:13: error: a value must have a name", 1},
    /* operators */
    {NODE("y = Rleu (x)"), ":3:5: error: unknown operator Rleu, did you mean Relu", 3},
    {NODE("y = com.example.Relu (x)"), ":3:5: error: unknown operator com.example.Relu", 3},
    {NODE("y = cnxc.Call (x)"), ":3:5: error: unknown operator cnxc.Call", 3},
    {NODE("y = cnxc.ConvNHWC (x, x)"), ":3:5: error: the model does not import the domain \"cnxc\" of ConvNHWC", 1},
    /* types and data */
    {HEAD "g (float[-1] x) => (x) {}", ":2:10: error: dimension is out of range, expected 0 to 9223372036854775807, found -1", 1},
    {HEAD "g (float[1,1,1,1,1,1,1,1,1] x) => (x) {}", ":2:26: error: a rank above 8 is not supported", 3},
    {HEAD "g (seq(float) x) => (x) {}", ":2:4: error: seq types are not supported, only tensors", 3},
    {ITEM("float[2] w = {1}"), ":3:1: error: float[2] has 2 elements, but 1 are given", 1},
    {ITEM("float[2] w = {1, 2, 3}"), ":3:1: error: float[2] has 2 elements, but 3 are given", 1},
    {ITEM("float[2] w = "), ":3:1: error: float[2] has 2 elements, but 0 are given", 1},
    {ITEM("float[1000000000000000] w = {1}"),
     ":3:1: error: float[1000000000000000] has 1000000000000000 elements, but 1 are given", 1},
    {ITEM("float[4611686018427387904,4] w = {1}"), "has more than 2^63 - 1 elements", 1},
    {ITEM("float[N] w = {1}"), ":3:1: error: the type of a constant must have numbers for dimensions, found float[N]", 1},
    {ITEM("float[] w = {1}"), ":3:1: error: the type of a constant must have a known rank", 1},
    {ITEM("float w = {1e39}"), ":3:12: error: 1e39 is too large for float", 1},
    {ITEM("double w = {1e999}"), ":3:13: error: 1e999 is too large for double", 1},
    {ITEM("int8 w = {128}"), ":3:11: error: int8 element is out of range, expected -128 to 127, found 128", 1},
    {ITEM("bool w = {2}"), ":3:11: error: bool element is out of range, expected 0 to 1, found 2", 1},
    {ITEM("uint64 w = {-1}"), ":3:13: error: uint64 element is out of range", 1},
    {ITEM("int64 w = {9223372036854775808}"), ":3:12: error: int64 element is out of range", 1},
    {ITEM("int64 w = {1.0}"), ":3:12: error: int64 element must be an integer, found a float", 1},
    {ITEM("float16 w = {1.0}"), ":3:14: error: float16 element must be an integer, its bit pattern, found a float", 1},
    {ITEM("float w = {\"1\"}"), ":3:12: error: float element must be a number, found a string", 1},
    {ITEM("string w = {1}"), ":3:13: error: string element must be a string, found an integer", 1},
    {ITEM("float4e2m1[2] w = {1, 2}"), ":3:1: error: float4e2m1 constants are not supported", 3},
    /* attributes */
    {NODE("y = Relu <a = 9223372036854775808> (x)"), ":3:15: error: a is out of range", 1},
    {NODE("y = Relu <a = 1e999> (x)"), ":3:15: error: 1e999 is too large for float", 1},
    {NODE("y = Relu <a = [1, 2.0]> (x)"), ":3:19: error: attribute a: expected ints, found a float", 1},
    {NODE("y = Relu <a = []> (x)"), ":3:11: error: attribute a: an empty list needs a type", 1},
    {NODE("y = Relu <a: int = 1.5> (x)"), ":3:20: error: attribute a: expected int, found a float", 1},
    {NODE("y = Relu <a: int = [1]> (x)"), ":3:11: error: attribute a: expected int, found a list", 1},
    {NODE("y = Relu <a: flot = 1> (x)"), ":3:14: error: unknown attribute type flot, did you mean float", 1},
    {NODE("y = Relu <a = 1, a = 2> (x)"), ":3:18: error: attribute a is given twice", 1},
    {NODE("y = Relu <a: type_proto = float[2]> (x)"),
     ":3:11: error: attribute a: lists of tensors or graphs, sparse tensors and types are not supported", 3},
};

static void check_mistake(const char *text, const char *message, int exit_code)
{
    char *said;
    size_t size;
    Diag diag = {.out = open_memstream(&said, &size)};
    Arena *arena = arena_new();
    Source source = {"test.onnxtxt", text, (int64_t)strlen(text), false};
    assert_null(text_parse(&source, ".", arena, &diag));
    fclose(diag.out);
    if (!strstr(said, message) || diag.n_errors != 1 || (int)diag.exit_code != exit_code)
        fail_msg("expected only %s (exit %d) from\n%s\nfound (exit %d)\n%s", message, exit_code, text, (int)diag.exit_code, said);
    free(said);
    arena_free(arena);
}

static void test_mistakes(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(mistakes); i++)
        check_mistake(mistakes[i].text, mistakes[i].message, mistakes[i].exit_code);
}

/* The same piece of text many times over, with the rest of a graph before it. */
static void check_repeated(const char *start, const char *piece, int64_t times, const char *message, int exit_code)
{
    Arena *arena = arena_new();
    StrBuf text = {.arena = arena};
    sb_put(&text, start);
    for (int64_t i = 0; i < times; i++)
        sb_put(&text, piece);
    check_mistake(text.text, message, exit_code);
    arena_free(arena);
}

static void test_nesting(void **state)
{
    (void)state;
    check_repeated(HEAD "g (", "seq(", 100000, "brackets nest deeper than 200", 1);
    check_repeated(HEAD "g (x) => (y) {", "y = If <t: graph = b () => (y) {", 100000, "brackets nest deeper than 200", 1);
    check_repeated(HEAD "g (x) => (y) { y = Relu <a = ", "[", 100000, "expected a value", 1);
}

static void test_size(void **state)
{
    (void)state;
    check_repeated(HEAD "g (x) => (y) { y = ", "Relu", 2 << 20, "a word of 8388608 bytes, expected at most 4096", 1);
    check_repeated(HEAD "g (x) => (y) { y = Relu (", ",", 2 << 20, "a list of more than 1048576 entries is not supported", 3);
    check_repeated(HEAD "g (x) => (y) { y = Relu <a = [", "1", 8 << 20, "found the end of the file", 1);
    check_repeated(HEAD "g (x) => (y) { y = Relu (\"", "a", 8 << 20, ":2:26: error: unterminated string", 1);
    check_repeated(HEAD "#", "##", 4 << 20, "found the end of the file", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
