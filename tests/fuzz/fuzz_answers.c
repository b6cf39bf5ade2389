/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What programs answer to the compiler: any file can call itself one. The answers stand in the order of `Question`, with a NUL
 * between them; a program that has none left ends with 1. What is made of them is a report that can be read again, a comparison,
 * shares of right answers or a timeline, or a refusal.
 *
 * No program runs: child_start and child_wait are this file's (CMakeLists.txt), as is the clock, by which turns take seconds. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include "compiler/report/answers.h"
#include "compiler/report/bench.h"
#include "compiler/report/bench_pair.h"
#include "compiler/report/json.h"
#include "compiler/report/machine.h"
#include "compiler/report/parts.h"
#include "compiler/report/report.h"
#include "compiler/report/saved.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef enum Question { INFO, BENCH, TURNS, LABELS, TRACE, OUTPUT, N_QUESTIONS } Question;

typedef struct Part {
    const uint8_t *data; /* NULL: there is none */
    size_t size;
} Part;

static Part parts[N_QUESTIONS];
static int last_status; /* of the child that was started last */

static void split(const uint8_t *data, size_t size)
{
    for (int i = 0; i < N_QUESTIONS; i++) {
        const uint8_t *nul = data ? memchr(data, 0, size) : NULL;
        size_t part = nul && i < N_QUESTIONS - 1 ? (size_t)(nul - data) : size;
        parts[i] = (Part){data, data ? part : 0};
        data = nul ? data + part + 1 : NULL;
        size -= nul ? part + 1 : size;
    }
}

/* ── Programs ────────────────────────────────────────────────────────────────────────────────────────── */

int __wrap_child_start(char *const *words, int pipes, Child *child);
bool __wrap_child_wait(Child *child, int *status);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

static bool has_word(char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static Question question_of(char *const *words)
{
    return has_word(words, "--info")     ? INFO
           : has_word(words, "--turns")  ? TURNS
           : has_word(words, "--bench")  ? BENCH
           : has_word(words, "--output") ? OUTPUT
                                         : LABELS;
}

static void put(int file, const void *data, size_t size)
{
    fuzz_require(write(file, data, size) == (ssize_t)size, "a file in memory can be written");
}

/* A greeting, and the lines behind it for as many turns as a start has. */
static void put_part(int file, Question question, Part part)
{
    enum { TIMES = 4 };
    const uint8_t *end = question == TURNS ? memchr(part.data, '\n', part.size) : NULL;
    size_t once = end ? (size_t)(end - part.data) + 1 : part.size;
    put(file, part.data, once);
    for (int i = 0; end && i < TIMES; i++)
        put(file, part.data + once, part.size - once);
}

int __wrap_child_start(char *const *words, int pipes, Child *child)
{
    Question question = question_of(words);
    *child = (Child){.pid = 1, .input = -1, .output = -1};
    last_status = parts[question].data ? 0 : 1 << 8;
    if (pipes & CHILD_INPUT)
        child->input = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (!(pipes & CHILD_OUTPUT))
        return 0;
    child->output = memfd_create("answer", MFD_CLOEXEC);
    fuzz_require(child->output >= 0, "a file in memory can be made");
    if (parts[question].data && question != OUTPUT)
        put_part(child->output, question, parts[question]);
    lseek(child->output, 0, SEEK_SET);
    return 0;
}

bool __wrap_child_wait(Child *child, int *status)
{
    if (child->input >= 0)
        close(child->input);
    if (child->output >= 0)
        close(child->output);
    *status = last_status;
    return true;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    static time_t seconds;
    (void)clock;
    *time = (struct timespec){.tv_sec = ++seconds};
    return 0;
}

/* ── What is made of the answers ─────────────────────────────────────────────────────────────────────── */

static const char *program_path(Fuzz *fuzz)
{
    const char *path = arena_printf(fuzz->arena, "%s/program", fuzz_folder());
    if (access(path, F_OK) != 0)
        fuzz_write("program", (const uint8_t *)"#!", 2);
    return path;
}

static void read_again(const json_t *report)
{
    Fuzz fuzz = fuzz_begin();
    Printed text;
    printed_begin(&text);
    json_write(report, JSON_COMPACT | JSON_REAL_PRECISION(17), text.out);
    printed_end(&text);
    fuzz_write("report.json", (const uint8_t *)text.text, text.length);
    json_t *again = saved_read(arena_printf(fuzz.arena, "%s/report.json", fuzz_folder()), &fuzz.diag);
    fuzz_require(json_equal(report, again), "a report of a program can be read again");
    json_decref(again);
    free(text.text);
    fuzz_end(&fuzz);
}

static void report(void)
{
    Fuzz fuzz = fuzz_begin();
    const ReportOptions options = {.threads = 2};
    json_t *report = report_of_program(program_path(&fuzz), &options, fuzz.arena, &fuzz.diag);
    fuzz_require_said(&fuzz, report != NULL);
    if (report)
        read_again(report);
    json_decref(report);
    fuzz_end(&fuzz);
}

static void bench(void)
{
    Fuzz fuzz = fuzz_begin();
    const Build build = {.arena = fuzz.arena, .diag = &fuzz.diag};
    json_t *answer = bench_ask(&build, program_path(&fuzz), &(BenchOptions){.threads = 2, .per_op = true});
    fuzz_require_said(&fuzz, answer != NULL);
    if (answer)
        bench_print(answer);
    json_decref(answer);
    fuzz_end(&fuzz);
}

static bool describe(Fuzz *fuzz, json_t *side)
{
    json_t *info = machine_program(program_path(fuzz), fuzz->arena, &fuzz->diag);
    json_object_update(side, info);
    json_object_set_new(side, "name", json_text("a"));
    json_decref(info);
    return info;
}

static void bench_two(void)
{
    Fuzz fuzz = fuzz_begin();
    const char *program = program_path(&fuzz);
    const PairOptions options = {.player = {.threads = 2, .per_op = true}};
    json_t *answer = bench_pair(program, program, &options, fuzz.arena, &fuzz.diag);
    fuzz_require_said(&fuzz, answer != NULL);
    if (answer && describe(&fuzz, json_object_get(answer, "a")) && describe(&fuzz, json_object_get(answer, "b"))) {
        bench_pair_print(answer);
        bench_pair_judge(answer, 0.02, &fuzz.diag);
    }
    json_decref(answer);
    fuzz_end(&fuzz);
}

static const char *album_path(Fuzz *fuzz)
{
    static const char *const names[] = {"album", "album/one", "album/two"};
    for (int64_t i = 0; i < countof(names); i++)
        if (mkdir(arena_printf(fuzz->arena, "%s/%s", fuzz_folder(), names[i]), 0700) == 0 && i > 0)
            for (int picture = 0; picture < 2; picture++)
                fuzz_write(arena_printf(fuzz->arena, "%s/%d.png", names[i], picture), NULL, 0);
    return arena_printf(fuzz->arena, "%s/album", fuzz_folder());
}

static void ask(void)
{
    static const char *const labels[] = {"one", "two", "one"};
    Fuzz fuzz = fuzz_begin();
    Album album = {.arena = fuzz.arena, .diag = &fuzz.diag, .labels = labels, .n_labels = countof(labels)};
    Answers answers = {.program = program_path(&fuzz)};
    OutputErrors errors;
    fuzz_require(album_read(&album, album_path(&fuzz)), "the album can be read");
    fuzz_write("output.npy", parts[OUTPUT].data, parts[OUTPUT].size);
    bool ok = answers_ask(&answers, &album) && answers_compare(&answers, &answers, &album, "logits", 2, fuzz_folder(), &errors);
    fuzz_require_said(&fuzz, ok);
    fuzz_end(&fuzz);
}

static void trace(void)
{
    Fuzz fuzz = fuzz_begin();
    const Groups groups = {0};
    fuzz_write("trace.json", parts[TRACE].data, parts[TRACE].size);
    json_t *timeline = parts_timeline(arena_printf(fuzz.arena, "%s/trace.json", fuzz_folder()), &groups, &fuzz.diag);
    json_t *time = json_object();
    fuzz_require_said(&fuzz, timeline != NULL);
    if (timeline)
        parts_account(timeline, time);
    json_decref(timeline);
    json_decref(time);
    fuzz_end(&fuzz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    split(data, size);
    report();
    bench();
    bench_two();
    ask();
    trace();
    return 0;
}
