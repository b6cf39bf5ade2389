/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* ONNX text: what parses, and that printing what was parsed from a print changes nothing.
 *
 * Each text stands for a rule of the grammar that is easy to get wrong; `has` is what the print must contain,
 * which shows that it was understood and not merely accepted. */
#include "compiler/frontend/text/text.h"
#include "ir/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<ir_version: 8, opset_import: [\"\" : 17]>\n"

static char *print_text(const char *text, Arena *arena)
{
    Diag diag = {0};
    Source source = {"test.onnxtxt", text, (int64_t)strlen(text), false};
    Model *model = text_parse(&source, ".", arena, &diag);
    if (!model)
        fail_msg("does not parse:\n%s", text);
    char *printed;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    assert_true(model_print(model, out, NULL));
    fclose(out);
    return printed;
}

static void check_print(const char *text, const char *has)
{
    Arena *arena = arena_new();
    char *once = print_text(text, arena), *twice = print_text(once, arena);
    if (has && !strstr(once, has))
        fail_msg("expected %s in\n%s", has, once);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
    arena_free(arena);
}

static const struct {
    const char *rule, *text, *has;
} rules[] = {
    {"types of all ranks", HEAD "g (float a, float[] b, float[0] c, float[N,?,3] d, e) => (float y) { y = Relu (a) }",
     "(float a, float[] b, float[0] c, float[N,?,3] d, e) => (float y)"},
    {"words of types are names", HEAD "g (float float) => (float int64) { seq, inf = Split (float) int64 = Relu (inf) }",
     "\"seq\", \"inf\" = Split (\"float\")"},
    {"operators named like types", HEAD "g (float[1] x) => (y) { y = Relu (x) }", "y = Relu (x)"},
    {"quoted dimension", HEAD "g (float[\"(height//4)\",\"N\"] x) => (y) { y = Relu (x) }", "float[\"(height//4)\",N] x"},
    {"escapes: a backslash quotes one byte", HEAD "g (float \"a\\\"b\\\\c\\n\") => (y) { y = Relu (\"a\\\"b\\\\cn\") }",
     "\"a\\\"b\\\\cn\""},
    {"raw newline and UTF-8 in a name", HEAD "g (float \"a\n\xc3\xa9\") => (y) { y = Relu (\"a\n\xc3\xa9\") }",
     "\"a\n\xc3\xa9\""},
    {"comments, also in strings", HEAD "# one\ng (float x) # two\n=> (y) { y = Relu (x) [\"#\"] z = Relu (y) }# end",
     "[\"#\"] z"},
    {"blanks everywhere", "<\vir_version\f:\r8,\topset_import:[\"\":17]>g(float x)=>(y){y=Relu(x)}", "y = Relu (x)"},
    {"no inputs list", HEAD "g => (y) <float y = {1}> { }", "g () => (float y)"},
    {"slots", HEAD "g (float[1] x) => (y) { y = Clip (x, , x) z = Clip (x, \"\", x,) a, , b = Split (x,) = Relu (x) }",
     "z = Clip (x, \"\", x)"},
    {"slots that are left out first", HEAD "g (float[1] x) => (y) { y = Clip (, x) }", "y = Clip (\"\", x)"},
    {"labels", HEAD "g (float x) => (c) { [n] a = Relu (x) [\"n/1\"] b = Relu (a) [] c = Relu (b) }", "[\"n/1\"] b = Relu"},
    {"attributes after the inputs", HEAD "g (float x) => (y) { y = Flatten (x) <axis = 1> }", "<axis: int = 1>"},
    {"attribute kinds by literal",
     HEAD "g (float x) => (y) { y = Relu <a = 1, b = 1., c = \"s\", d = [1, -2], e = [1e3], f = [\"p\", \"q\"]> (x) }",
     "<a: int = 1, b: float = 1, c: string = \"s\", d: ints = [1, -2], e: floats = [1000], f: strings = [\"p\", \"q\"]>"},
    {"declared floats take integers",
     HEAD "g (float x) => (y) { y = Relu <a: float = 1, b: floats = [1, 2.5], c: ints = []> (x) }",
     "<a: float = 1, b: floats = [1, 2.5], c: ints = []>"},
    {"special floats in any case", HEAD "g (float x) => (y) { y = Relu <a = inf, b = -INFINITY, c = NaN, d = [-inf, nan]> (x) }",
     "<a: float = inf, b: float = -inf, c: float = nan, d: floats = [-inf, nan]>"},
    {"shortest floats", HEAD "g (float x) => (y) <float[5] w = {0.1, 1e-6, 16777216, 1.17549435e-38, -0.0}> { y = Add (x, w) }",
     "{0.1, 1e-06, 16777216, 1.1754944e-38, -0}"},
    {"doubles keep their digits", HEAD "g (double x) => (y) <double[2] w = {0.1, 3.141592653589793}> { y = Add (x, w) }",
     "{0.1, 3.141592653589793}"},
    {"half types are bit patterns", HEAD "g (float16 x) => (y) <float16[2] w = {15360, 0}> { y = Add (x, w) }",
     "float16[2] w = {15360, 0}"},
    {"extreme integers",
     HEAD
     "g (float x) => (x) <int64[2] a = {-9223372036854775808, 9223372036854775807}, uint64 b = {18446744073709551615}, bool[2] c = {0, 1}> { }",
     "uint64 b = {18446744073709551615}"},
    {"strings as data", HEAD "g (float x) => (x) <string[2] s = {\"a\", \"b\\\"\"}> { }", "string[2] s = {\"a\", \"b\\\"\"}"},
    {"empty data", HEAD "g (float x) => (x) <float[0] a = {}, float[2,0] b = > { }", "float[2,0] b = {}"},
    {"an input with a value is a constant", HEAD "g (float[1] x, float[1] w = {2}) => (y) { y = Add (x, w) }",
     "g (float[1] x) =>"},
    {"so is one that the list gives a value", HEAD "g (float[1] x, float[1] w) => (y) <float[1] w = {2}> { y = Add (x, w) }",
     "g (float[1] x) =>"},
    {"types of values between", HEAD "g (float[1] x) => (y) <float[1] h> { h = Relu (x) y = Relu (h) }", "float[1] h\n>"},
    {"tensor attributes",
     HEAD
     "g () => (y) { y = Constant <value: tensor = float[2] {1, 2}> () z = Constant <value = int64 name = {3}> () w = Constant <value = float \"a name\" {3}> () }",
     "Constant <value: tensor = int64 = {3}> ()"},
    {"the header's fields",
     "<ir_version: 9, opset_import: [\"ai.onnx\" : 18, \"cnxc\" : 1], producer_name: \"p\", producer_version: \"v\", domain: \"d\", model_version: 3, doc_string: \"doc\", metadata_props: [\"k\": \"v\", \"cnxc.task\": \"raw\"]> g (float x) => (x) {}",
     "metadata_props: [\"k\": \"v\", \"cnxc.task\": \"raw\"]"},
    {"ai.onnx is the empty domain", HEAD "g (float x) => (y) { y = ai.onnx.Relu (x) }", "y = Relu (x)"},
    {"bodies",
     "<ir_version: 8, opset_import: [\"\" : 17, \"cnxc\" : 1]> g (float[2] x) => (y) { y = cnxc.Region (x) <kind = \"map\", body: graph = b1 (float[2] u) => (v) <float[1] k = {1}> { v = Add (u, k) }> }",
     "body: graph = b1 (float[2] u) => (v)"},
    {"functions",
     "<ir_version: 8, opset_import: [\"\" : 17, \"local\" : 1]> g (float x) => (y) { y = local.f <a = 2.0> (x) }\n"
     "<domain: \"local\", opset_import: [\"\" : 17]> f <a, b: float = 3> (u) => (v) { h = LeakyRelu <alpha: float = @a> (u) v = LeakyRelu <alpha: float = @b> (h) }",
     "f <a, b: float = 3> (u) => (v)"},
    {"overloads",
     "<ir_version: 10, opset_import: [\"\" : 17, \"local\" : 1]> g (float x) => (y) { y = local.f:two (x) }\n"
     "<domain: \"local\", overload: \"two\"> f (u) => (v) { v = Relu (u) }",
     "y = local.f:two (x)"},
};

static void test_rules(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(rules); i++) {
        print_message("%s\n", rules[i].rule);
        check_print(rules[i].text, rules[i].has);
    }
}

/* Megabytes on one line, which flex's default of rescanning refilled tokens would make slow. */
static void test_long_line(void **state)
{
    (void)state;
    enum { COUNT = 300000 };
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, HEAD "g (float x) => (x) <float[%d] w = {", COUNT);
    for (int i = 0; i < COUNT; i++)
        fprintf(out, "%s%.9g", i ? "," : "", (float)i / 7);
    fprintf(out, "}, string s = {\"%0*d\"}> {}", 1 << 20, 7);
    fclose(out);
    Arena *arena = arena_new();
    Diag diag = {0};
    Source source = {"long.onnxtxt", text, (int64_t)size, false};
    Model *model = text_parse(&source, ".", arena, &diag);
    assert_non_null(model);
    const Tensor *w = graph_find(model->graph, "w")->constant, *s = graph_find(model->graph, "s")->constant;
    for (int i = 0; i < COUNT; i++)
        assert_true(((const float *)w->data)[i] == (float)i / 7);
    assert_int_equal(strlen(((const char *const *)s->data)[0]), 1 << 20);
    arena_free(arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_long_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
