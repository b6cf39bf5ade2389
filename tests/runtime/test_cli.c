/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The command line on a hand-written model: each case runs cnxrt_main in a child and checks exit code and output. */
#include "runtime/cli/cli.h"
#include "tests/runtime/fake_model.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PICTURES TEST_SOURCE_DIR "/tests/goldens/images/"
static char folder[] = "/tmp/cnxrt-cli-XXXXXX"; /* made by main, and the working folder */

typedef struct Said {
    int code;
    char out[65536], err[65536];
} Said;

static void read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = 0;
    fclose(file);
    unlink(path);
}

enum { CLOSED = 1, FULL = 2 }; /* standard output */
static const char *list = "/dev/null"; /* standard input */

static Said run_with(int output, const char *const *words)
{
    char *argv[32] = {"fake"};
    int argc = 1;
    Said said = {0};
    for (; words[argc - 1]; argc++)
        argv[argc] = strdup(words[argc - 1]); /* the parser writes into its arguments, as into main's */
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int out = open(output == FULL ? "/dev/full" : "said.out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int err = open("said.err", O_WRONLY | O_CREAT | O_TRUNC, 0600), in = open(list, O_RDONLY);
        dup2(in, 0);
        close(in);
        dup2(out, 1);
        dup2(err, 2);
        close(out);
        close(err);
        if (output == CLOSED)
            close(1);
        int code = cnxrt_main(argc, argv);
        for (int i = 1; i < argc; i++)
            free(argv[i]);
        exit(code); /* the sanitizer looks for leaks here */
    }
    int status;
    waitpid(child, &status, 0);
    for (int i = 1; i < argc; i++)
        free(argv[i]);
    said.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (output != FULL)
        read_text("said.out", said.out, sizeof said.out);
    read_text("said.err", said.err, sizeof said.err);
    return said;
}

#define run(...) run_with(0, (const char *const[]){__VA_ARGS__, NULL})

static void expect(Said said, int code, const char *out, const char *err)
{
    if (said.code != code || (out && !strstr(said.out, out)) || (err && !strstr(said.err, err)))
        fail_msg("exit code %d, expected %d; output '%s', expected '%s'; errors '%s', expected '%s'", said.code, code, said.out,
                 out ? out : "", said.err, err ? err : "");
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* ── Pictures ────────────────────────────────────────────────────────────────────────────────────────── */

static const char picture[] = PICTURES "png_rgb_bicubic/input.png", jpeg[] = PICTURES "jpg_exif_6/input.jpg";

static void test_lines(void **state)
{
    (void)state;
    Said said = run(picture, jpeg);
    expect(said, 0, "input.png\t", NULL);
    assert_string_equal(said.err, "");
    assert_int_equal(count_lines(said.out), 2 * FAKE_CLASSES); /* five, but there are four */
    said = run("-k", "1", picture);
    expect(said, 0, "\t0.", NULL);
    assert_int_equal(count_lines(said.out), 1);
    expect(run("-k2", "--threads=3", "--", picture), 0, "input.png\t", NULL);
    said = run("-threads", "3", "--k=2", picture); /* one dash or two */
    expect(said, 0, "input.png\t", NULL);
    assert_int_equal(count_lines(said.out), 2);
    expect(run("-h"), 0, "Examples:", NULL);
    expect(run("---json", picture), 2, NULL, "unknown option '---json'");
}

static void test_json(void **state)
{
    (void)state;
    Said said = run("--json", "-k", "4", picture);
    expect(said, 0, "[{\"path\": \"" PICTURES, NULL);
    expect(said, 0, "{\"label\": \"blue \\\"sky\\\"\", \"score\": 0.", NULL);
    expect(run("--json", "missing.png"), 4,
           "[{\"path\": \"missing.png\", \"error\": \"cannot read: No such file or directory\"}]\n",
           "missing.png: error: cannot read: No such file");
}

static void test_bad_pictures(void **state)
{
    (void)state;
    Said said = run("missing.png", picture, "-k", "1");
    expect(said, 4, "input.png\t", "missing.png: error:");
    assert_int_equal(count_lines(said.out), 1);
    FILE *file = fopen("text.png", "w");
    fputs("hello\n", file);
    fclose(file);
    expect(run("text.png", picture), 1, "input.png\t", "text.png: error: not a JPEG, PNG or WebP picture");
    assert_int_equal(mkdir("empty", 0700), 0);
    expect(run("empty"), 1, "", "error: no pictures in 'empty'");
    rmdir("empty");
    expect(run("/dev/zero"), 4, NULL, "/dev/zero: error:");
}

/* What a terminal would obey is shown, not sent, and can be read back. */
static void test_control_characters(void **state)
{
    static const char name[] = "a\tb\nc\x1b]0;title\a\r\\ \x7f \xc2\x9b \xff \xc3\xa9.png";
    static const char shown[] = "a\\tb\\nc\\x1b]0;title\\x07\\r\\\\ \\x7f \\xc2\\x9b \\xff \xc3\xa9.png";
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "cp %s \"$0\"", picture);
    pid_t child = fork();
    if (child == 0)
        execl("/bin/sh", "sh", "-c", command, name, NULL);
    waitpid(child, NULL, 0);
    char line[256];
    snprintf(line, sizeof line, "%s\t", shown);
    expect(run(name), 0, line, "");
    expect(run("--json", name), 0, "\\u001b]0;title\\u0007\\u000d\\\\ \\u007f \\u009b", "");
    unlink(name);
    snprintf(line, sizeof line, "%s: error: cannot read", shown);
    expect(run(name), 4, "", line);
    expect(run("--input", "a\x1b[2J=x.npy", "--output", "logits=y.npy"), 2, "", "no input 'a\\x1b[2J'");
}

/* ── Folders, lists ──────────────────────────────────────────────────────────────────────────────────── */

static void shell(const char *command) { assert_int_equal(system(command), 0); }

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

/* photos: b.PNG, a folder b.d with a.jpg (no picture) and c.png, a link to itself, a GIF, and what does not count. */
static void make_photos(void)
{
    char command[512];
    snprintf(command, sizeof command,
             "mkdir -p photos/b.d photos/.hidden photos/empty && cp %s photos/b.PNG && cp %s photos/b.d/c.png && "
             "cp %s photos/.hidden/d.png && ln -sfn . photos/b.d/again",
             picture, picture, picture);
    shell(command);
    write_text("photos/b.d/a.jpg", "no picture");
    write_text("photos/a.gif", "GIF89a");
    write_text("photos/notes.txt", "no name of a picture");
}

static void test_folders(void **state)
{
    static const char lines[] = "{\"path\": \"photos/a.gif\", \"error\": \"not a JPEG, PNG or WebP picture but a GIF\"}\n"
                                "{\"path\": \"photos/b.PNG\", \"predictions\": [{\"label\": ";
    (void)state;
    make_photos();
    expect(run("photos", "-k", "1", "--jsonl"), 3, lines, "photos/a.gif: error: not a JPEG, PNG or WebP picture but a GIF");
    Said said = run("photos//", "-k", "1", "--csv");
    expect(said, 3, "path,error,label_1,score_1\nphotos/a.gif,\"not a JPEG, PNG or WebP picture but a GIF\",,\nphotos/b.PNG,,",
           NULL);
    expect(said, 3, "\nphotos/b.d/a.jpg,\"not a JPEG, PNG or WebP picture\",,\nphotos/b.d/c.png,,", NULL);
    assert_int_equal(count_lines(said.out), 5);
    for (int threads = 1; threads < 5; threads++) {
        char n[2] = {(char)('0' + threads), 0};
        Said again = run("photos", "-k", "1", "--csv", "--threads", n);
        assert_string_equal(again.out, said.out);
    }
    said = run("photos/b.PNG", "photos/empty", "photos/b.d", "-k", "1");
    expect(said, 1, "photos/b.PNG\t", "photos/b.d/a.jpg: error:");
    assert_int_equal(count_lines(said.out), 2);
    expect(run("photos/empty"), 1, "", "error: no pictures in 'photos/empty'");
    expect(run("--json", "photos/empty"), 1, "[]\n", NULL);
}

static void test_lists(void **state)
{
    (void)state;
    make_photos();
    write_text("list.txt", "photos/b.PNG\n\nphotos/b.d\nmissing.png\n-\nphotos/b.PNG");
    Said said = run("--files-from=list.txt", "-k", "1", "--csv", "photos/b.d/c.png");
    expect(said, 1, "score_1\nphotos/b.d/c.png,,", "photos/b.d/a.jpg: error:");
    expect(said, 1, "\nphotos/b.d/c.png,,", "missing.png: error:");
    expect(said, 1,
           "\nmissing.png,cannot read: No such file or directory,,\n-,cannot read: No such file or directory,,\nphotos/b.PNG,,",
           NULL);
    assert_int_equal(count_lines(said.out), 8);
    list = "list.txt";
    Said standard = run("--files-from=-", "-k", "1", "--csv", "photos/b.d/c.png");
    list = "/dev/null";
    assert_string_equal(standard.out, said.out);
    expect(run("--files-from=-"), 0, "", "");
    expect(run("--files-from", "no.txt"), 4, "", "no.txt: error: cannot read: No such file");
    expect(run("--files-from", "photos"), 4, "", "photos: error: cannot read: Is a directory");
    expect(run("--files-from=-", "-"), 2, "", "standard input");
    shell("printf 'photos/b.PNG\\0photos/b.d/c.png\\0' >nul.txt; head -c 20000 /dev/zero | tr '\\0' x >long.txt");
    said = run("--files-from=nul.txt", "-k1");
    expect(said, 0, "photos/b.d/c.png\t", "");
    assert_int_equal(count_lines(said.out), 2);
    expect(run("--files-from=long.txt", "-k1"), 4, "", "File name too long");
}

static void test_forms(void **state)
{
    (void)state;
    expect(run("--json", "--csv", picture), 2, "", "exclude each other");
    expect(run("--json", picture, "missing.png", picture), 4, "]},\n {\"path\": \"missing.png\", \"error\": \"cannot read", NULL);
    Said said = run("--csv", "-k", "9", picture);
    expect(said, 0, "label_4,score_4\n", NULL); /* there are four */
    expect(said, 0, ",\"blue \"\"sky\"\"\",0.", NULL);
    expect(said, 0, ",\"green, leaf\",0.", NULL);
}

static void test_rows(void **state)
{
    char header[4096] = {0}, paths[512];
    float rows[4][FAKE_CLASSES];
    (void)state;
    make_photos();
    Said said = run("photos", "-k1", "--jsonl", "--output", "logits=r.npy", "--dump-pixels=p.npy");
    expect(said, 3, "{\"path\": \"photos/b.d/c.png\", \"predictions\"", NULL);
    assert_int_equal(count_lines(said.out), 4);
    FILE *file = fopen("r.npy", "rb");
    assert_int_equal(fread(header, 1, 128, file), 128);
    assert_non_null(strstr(header + 10, "'shape': (4, 4)"));
    assert_int_equal(fread(rows, 1, sizeof rows + 1, file), sizeof rows);
    fclose(file);
    for (int r = 0; r < 4; r++)
        assert_int_equal(isnan(rows[r][0]) != 0, r % 2 == 0); /* a.gif, b.PNG, a.jpg, c.png */
    assert_memory_equal(rows[1], rows[3], sizeof rows[1]);
    read_text("r.npy.paths.txt", paths, sizeof paths);
    assert_string_equal(paths, "photos/a.gif\nphotos/b.PNG\nphotos/b.d/a.jpg\nphotos/b.d/c.png\n");
    file = fopen("p.npy", "rb");
    assert_int_equal(fread(header, 1, sizeof header, file), 128 + 4 * 3 * 8 * 8 * 4);
    fclose(file);
    assert_non_null(strstr(header + 10, "'shape': (4, 3, 8, 8)"));
    assert_int_equal(access("p.npy.paths.txt", F_OK), -1);

    expect(run("photos", "--output", "logits=-"), 2, NULL, "name the pictures one by one");
    said = run(picture, "missing.png", "--output", "logits=-");
    expect(said, 4, "\x93NUMPY", "missing.png: error:");
    assert_null(strstr(said.out + 128, "input.png")); /* no answers between */
}

/* Nothing after the first failure, and no file. */
static void test_strict(void **state)
{
    (void)state;
    make_photos();
    unlink("s.npy");
    Said said = run("--strict", "--jsonl", picture, "photos", picture, "--output", "logits=s.npy");
    expect(said, 3, "\n{\"path\": \"photos/a.gif\", \"error\": ", "photos/a.gif: error:");
    assert_int_equal(count_lines(said.out), 2);
    assert_int_equal(access("s.npy", F_OK), -1);
    assert_int_equal(access("s.npy.paths.txt", F_OK), -1);
    write_text("s.npy.paths.txt", "mine");
    expect(run(picture, "--output", "logits=s.npy"), 4, "", "s.npy.paths.txt: error: cannot write: it is there already");
    assert_int_equal(access("s.npy", F_OK), -1);
    expect(run("--dump-pixels", "x.npy", picture), 0, NULL, NULL);
    expect(run("--input", "pixel_values=x.npy", "--output", "logits=s.npy"), 0, "", ""); /* no rows, so it is in nobody's way */
    unlink("s.npy");
}

/* ── Tensors ─────────────────────────────────────────────────────────────────────────────────────────── */

static void test_tensors(void **state)
{
    (void)state;
    expect(run("--dump-pixels", "x.npy", picture, jpeg), 0, NULL, NULL);
    expect(run("--input", "pixel_values=x.npy", "--output", "logits=y.npy"), 0, NULL, NULL);
    expect(run("--output", "logits=z.npy", picture, jpeg), 0, NULL, NULL);
    char y[1024] = {0}, z[1024] = {0};
    FILE *file = fopen("y.npy", "rb");
    size_t size = fread(y, 1, sizeof y, file);
    fclose(file);
    assert_int_equal(size, 128 + 2 * FAKE_CLASSES * 4);
    assert_non_null(strstr(y + 10, "'shape': (2, 4)"));
    file = fopen("z.npy", "rb");
    assert_int_equal(fread(z, 1, sizeof z, file), size);
    fclose(file);
    assert_memory_equal(y, z, size);
}

static void write_labels(const char *descr, const void *data, size_t bytes)
{
    char header[118];
    FILE *file = fopen("l.npy", "wb");
    memset(header, ' ', sizeof header);
    int n = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }", descr);
    header[n] = ' ';
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fwrite(header, 1, sizeof header, file);
    fwrite(data, 1, bytes, file);
    fclose(file);
}

static void test_labels(void **state)
{
    (void)state;
    expect(run("--dump-pixels", "x.npy", picture, jpeg), 0, NULL, NULL);
    expect(run("--input", "pixel_values=x.npy", "--output", "loss=l1.npy"), 2, NULL, "input 'labels' is missing");
    const int64_t whole[2] = {1, 3};
    write_labels("<i8", whole, sizeof whole);
    expect(run("--input", "pixel_values=x.npy", "--input", "labels=l.npy", "--output", "loss=l1.npy"), 0, NULL, NULL);
    const float floats[2] = {1, 3};
    write_labels("<f4", floats, sizeof floats);
    expect(run("--input", "pixel_values=x.npy", "--input", "labels=l.npy", "--output", "loss=l2.npy"), 0, NULL, NULL);
    char a[256], b[256];
    read_text("l1.npy", a, sizeof a);
    read_text("l2.npy", b, sizeof b);
    assert_memory_equal(a, b, 132);
    const float part[2] = {1, 2.5f};
    write_labels("<f4", part, sizeof part);
    expect(run("--input", "pixel_values=x.npy", "--input", "labels=l.npy", "--output", "loss=l3.npy"), 1, NULL,
           "not a whole number");
    assert_int_equal(access("l3.npy", F_OK), -1);
}

static void test_bad_tensors(void **state)
{
    (void)state;
    expect(run("--dump-pixels", "x.npy", picture), 0, NULL, NULL);
    expect(run("--input", "pixel_valeus=x.npy", "--output", "logits=y.npy"), 2, NULL, "did you mean 'pixel_values'");
    expect(run("--input", "pixel_values=x.npy", "--output", "logit=y.npy"), 2, NULL, "did you mean 'logits'");
    expect(run("--input", "pixel_values=x.npy"), 2, NULL, "needs --output");
    expect(run("--input", "pixel_values"), 2, NULL, "NAME=FILE");
    expect(run("--input", "labels=x.npy", "--output", "logits=y.npy"), 1, NULL, "its shape is 1x3x8x8, 'labels' takes N");
    expect(run("--input", "pixel_values=none.npy", "--output", "logits=y.npy"), 4, NULL, "none.npy: error:");
    expect(run("--input", "pixel_values=x.npy", "--output", "logits=no/such/y.npy"), 4, NULL, "cannot write");
    expect(run("--input", "pixel_values=x.npy", "--output", "logits=/dev/full"), 4, NULL, "No space left");
    const int64_t labels[2] = {0};
    write_labels("<i8", labels, sizeof labels);
    expect(run("--output", "logits=keep.npy", "--output", "loss=/dev/full", "--input", "labels=l.npy", picture, jpeg), 4, NULL,
           "/dev/full: error:");
    assert_int_equal(access("keep.npy", F_OK), -1); /* whole or not at all */
}

/* An output is no input and no stranger's file. */
static void test_precious(void **state)
{
    char command[256];
    (void)state;
    snprintf(command, sizeof command, "cp %s p.png && cp %s q.png && ln -f p.png hard.npy", picture, picture);
    assert_int_equal(system(command), 0);
    expect(run("--dump-pixels", "p.png", "q.png"), 4, NULL, "p.png: error: cannot write: it is there and not a .npy file");
    expect(run("--output", "logits=p.png", "p.png"), 4, NULL, "p.png: error: cannot write: it is an input, too");
    expect(run("--output", "logits=hard.npy", "p.png"), 4, NULL, "hard.npy: error: cannot write: it is an input, too");
    expect(run("--dump-pixels", "x.npy", "p.png"), 0, NULL, NULL);
    expect(run("--dump-pixels", "x.npy", "q.png"), 0, NULL, NULL); /* an older result may go */
    expect(run("--input", "pixel_values=x.npy", "--output", "logits=x.npy"), 4, NULL,
           "x.npy: error: cannot write: it is an input");
    assert_int_equal(system("cmp -s p.png q.png"), 0);
    expect(run("--input", "pixel_values=x.npy", "--output", "logits=y.npy", "p.png"), 2, NULL, "'pixel_values' is given twice");
    expect(run("--bench", "p.png"), 2, NULL, "--bench takes no pictures");
}

/* A disk that fills up is not kept full by what was begun. */
static void test_full_disk(void **state)
{
    struct rlimit before, small;
    glob_t left;
    (void)state;
    expect(run("--dump-pixels", "x.npy", picture), 0, NULL, NULL);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 256;
    setrlimit(RLIMIT_FSIZE, &small);
    expect(run("--dump-pixels", "d.npy", picture), 4, NULL, "d.npy: error: cannot write: File too large");
    expect(run("--dump-pixels", "d.npy", "--input", "pixel_values=x.npy", "--output", "logits=e.npy", picture), 4, NULL, "d.npy");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(glob("*[de].npy*", 0, NULL, &left), GLOB_NOMATCH);
}

/* ── Options ─────────────────────────────────────────────────────────────────────────────────────────── */

static void test_usage(void **state)
{
    static const char *const threads[] = {"0", "-1", "1000000", "abc", "", "2x", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        expect(run("--threads", threads[i], picture), 2, NULL, "--threads takes a number from 1 to 1024");
    expect(run("--thraeds", "1"), 2, NULL, "did you mean '--threads'");
    expect(run("--threads"), 2, NULL, "--threads needs a value");
    expect(run("--json=1"), 2, NULL, "takes no value");
    expect(run("-k", "0", picture), 2, NULL, "-k takes");
    expect(run("--json"), 2, NULL, "no picture");
}

static void test_reports(void **state)
{
    (void)state;
    expect(run("--help"), 0, "Examples:", NULL);
    expect(run("--version"), 0, "fake (cnxc 0)", NULL);
    expect(run("--info"), 0, "input    pixel_values float32 Nx3x8x8", NULL);
    expect(run("--info", "--json"), 0, "{\"name\": \"fake\"}", NULL);
    expect(run("--selftest"), 0, "agree to the bit", NULL);
    Said said = run("--bench", "--json", "--per-op", "--threads", "2");
    expect(said, 0, "\"threads\": 2", NULL);
    expect(said, 0, "{\"median_ms\": ", NULL);
    expect(said, 0, "{\"name\": \"rows\", \"ms\": ", NULL);
}

static void test_closed_output(void **state)
{
    (void)state;
    const char *const words[] = {picture, NULL};
    expect(run_with(FULL, words), 4, NULL, "cannot write to standard output: No space left");
    expect(run_with(CLOSED, words), 4, NULL, "cannot write to standard output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),     cmocka_unit_test(test_json),          cmocka_unit_test(test_bad_pictures),
        cmocka_unit_test(test_folders),   cmocka_unit_test(test_lists),         cmocka_unit_test(test_forms),
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_strict),        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_labels),    cmocka_unit_test(test_bad_tensors),   cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_precious),      cmocka_unit_test(test_usage),
        cmocka_unit_test(test_reports),   cmocka_unit_test(test_closed_output),
    };
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 ? 1 : failed;
}
