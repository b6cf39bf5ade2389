/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Linking the hand-written model every way: what is visible, what the headers say, and two models in one process. */
#include "compiler/link/link.h"
#include "compiler/target/system.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/cnxc-link-XXXXXX"; /* made by main, and the working folder */
static char runtime_dir[PATH_MAX];              /* lib/cnxc of the build that this test belongs to */

static int shell(const char *format, ...)
{
    char command[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command);
}

static bool link_with(LinkOptions options, Diag *diag)
{
    Arena *arena = arena_new();
    options.runtime_dir = options.runtime_dir ? options.runtime_dir : runtime_dir;
    options.system = options.system ? options.system : system_host()->name;
    options.interpreter = system_host()->interpreter;
    options.install = "packages";
    options.temp_dir = "temp";
    options.prefix = options.prefix ? options.prefix : "fake";
    static const char *const fake[] = {"fake.o"};
    if (!options.n_model_objects) {
        options.model_objects = fake;
        options.n_model_objects = 1;
    }
    options.header_extra = "#define CNXRT_ARENA_BYTES 104\n#define CNXRT_SCRATCH_BYTES 64\n#define CNXRT_BY_IMAGE 0\n";
    *diag = (Diag){.out = fopen("said", "w")};
    bool ok = link_artifact(&options, arena, diag);
    fclose(diag->out);
    arena_free(arena);
    return ok;
}

static void link_ok(ArtifactKind kind, const char *prefix, const char *output)
{
    Diag diag;
    assert_true(link_with((LinkOptions){.kind = kind, .prefix = prefix, .output = output}, &diag));
}

static void test_executable(void **state)
{
    (void)state;
    link_ok(ARTIFACT_EXE, "fake", "fake");
    assert_int_equal(shell("./fake --selftest > said && grep -q 'agree to the bit' said"), 0);
    assert_int_equal(shell("ldd ./fake | grep -vE 'linux-vdso|libm[.]|libc[.]|ld-linux'"), 256); /* nothing else */
    assert_int_equal(access("fake.h", F_OK), -1);
    Diag diag;
    assert_true(link_with((LinkOptions){.kind = ARTIFACT_EXE, .output = "whole", .static_libc = true}, &diag));
    assert_int_equal(shell("./whole --selftest > said && ! ldd ./whole 2> said | grep -q libc[.]"), 0);
}

static void test_visible_symbols(void **state)
{
    (void)state;
    link_ok(ARTIFACT_SHARED, "one", "libone.so");
    link_ok(ARTIFACT_STATIC, "one", "libone.a");
    link_ok(ARTIFACT_OBJ, "one", "one.o");
    assert_int_equal(shell("nm -D --defined-only libone.so > said && [ $(wc -l < said) = 26 ] && ! grep -v ' T one_' said"), 0);
    assert_int_equal(
        shell(
            "nm -g --defined-only libone.a one.o | grep -v : | grep . > said && [ $(wc -l < said) = 52 ] && ! grep -v ' T one_' said"),
        0);
}

/* Symbols that api.h declares are those that are exported, so the two lists cannot part. */
static void test_header_names_what_is_there(void **state)
{
    (void)state;
    link_ok(ARTIFACT_SHARED, "one", "libone.so");
    assert_int_equal(shell("grep -o '\\bone_[a-z_]*(' libone.h | tr -d '(' | sort -u > declared && "
                           "nm -D --defined-only libone.so | cut -d' ' -f3 | sort -u > defined && cmp declared defined"),
                     0);
}

static void test_header_compiles(void **state)
{
    (void)state;
    link_ok(ARTIFACT_OBJ, "one", "one.o");
    assert_int_equal(shell("! grep -i cnxrt one.h"), 0);
    assert_int_equal(shell("cc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c one.h"), 0);
    assert_int_equal(shell("! command -v c++ > said || c++ -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ one.h"), 0);
    assert_int_equal(shell("printf '#include \"one.h\"\\nchar c[ONE_WORKSPACE_BYTES(3) == 128 + 3 * 64 ? 1 : -1];' > c.c && "
                           "cc -fsyntax-only c.c"),
                     0);
}

static void test_two_models(void **state)
{
    static const char program[] =
        "#include \"libone.h\"\n#include \"two.h\"\n"
        "int main(void) {\n"
        "    one_model *a; two_model *b;\n"
        "    return one_create(0, &a) != ONE_OK || two_create(0, &b) != TWO_OK || (one_destroy(a), two_destroy(b), 0);\n"
        "}\n";
    (void)state;
    link_ok(ARTIFACT_STATIC, "one", "libone.a");
    link_ok(ARTIFACT_OBJ, "two", "two.o");
    FILE *file = fopen("two_models.c", "w");
    fputs(program, file);
    fclose(file);
    assert_int_equal(shell("cc -Wall -Werror two_models.c libone.a two.o -lm -pthread -o two_models && ./two_models"), 0);
}

/* The same input gives the same bytes, wherever the temporary files are. */
static void test_deterministic(void **state)
{
    (void)state;
    link_ok(ARTIFACT_EXE, "fake", "a");
    link_ok(ARTIFACT_EXE, "fake", "b");
    assert_int_equal(shell("cmp a b"), 0);
    link_ok(ARTIFACT_SHARED, "fake", "temp/../liba.so");
    assert_int_equal(shell("mv liba.so kept && cp liba.h kept.h"), 0);
    link_ok(ARTIFACT_SHARED, "fake", "liba.so");
    assert_int_equal(shell("cmp liba.so kept && cmp liba.h kept.h"), 0);
}

/* Nothing is run but what is in this program. */
static void test_alone(void **state)
{
    static const char *const outputs[] = {"alone", "alone.so", "alone.a", "alone.o"};
    (void)state;
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    for (int kind = ARTIFACT_EXE; kind <= ARTIFACT_OBJ; kind++)
        link_ok((ArtifactKind)kind, "alone", outputs[kind]);
    setenv("PATH", path, 1);
    free(path);
}

static void test_failures(void **state)
{
    Diag diag;
    (void)state;
    assert_false(link_with(
        (LinkOptions){
            .kind = ARTIFACT_EXE, .output = "none", .model_objects = (const char *const[]){"no.o"}, .n_model_objects = 1},
        &diag));
    assert_int_equal(diag.exit_code, EXIT_RESOURCE);
    assert_false(link_with((LinkOptions){.kind = ARTIFACT_EXE, .output = "temp"}, &diag)); /* a folder */
    assert_int_equal(diag.exit_code, EXIT_RESOURCE);
    assert_false(link_with((LinkOptions){.kind = ARTIFACT_EXE, .output = "/dev/full"}, &diag));
    assert_int_equal(diag.exit_code, EXIT_RESOURCE);
    assert_false(link_with((LinkOptions){.kind = ARTIFACT_EXE, .output = "no/such/none"}, &diag));
    assert_false(link_with((LinkOptions){.kind = ARTIFACT_SHARED, .output = "none.so", .runtime_dir = "nowhere"}, &diag));
    assert_false(
        link_with((LinkOptions){.kind = ARTIFACT_EXE, .output = "none", .system = "no-system", .static_libc = true}, &diag));
    assert_int_equal(shell("grep -q -- '--static needs rcrt1.o, which is not installed: install packages' said"), 0);
    assert_int_equal(shell("ls | grep -E '^none|tmp'"), 256); /* nothing is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_executable),
        cmocka_unit_test(test_visible_symbols),
        cmocka_unit_test(test_header_names_what_is_there),
        cmocka_unit_test(test_header_compiles),
        cmocka_unit_test(test_two_models),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_failures),
    };
    ssize_t n = readlink("/proc/self/exe", runtime_dir, sizeof runtime_dir - 32); /* BUILD/tests/… */
    for (int up = 0; n > 0 && up < 2; up++)
        *strrchr(runtime_dir, '/') = 0;
    strcat(runtime_dir, "/lib/cnxc");
    if (n <= 0 || !mkdtemp(folder) || chdir(folder) != 0 || mkdir("temp", 0700) != 0)
        return 1;
    if (shell("echo '#include \"tests/runtime/fake_model.h\"' > fake.c && cc -O1 -fPIC -I%s -c fake.c", TEST_SOURCE_DIR) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return shell("rm -r %s", folder) != 0 ? 1 : failed;
}
