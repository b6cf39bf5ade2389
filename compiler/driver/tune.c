/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc tune: measures other schedules than the model's, and keeps the clear winners in a CPU profile.
 *
 *   for each step                        all shapes of the model at once: they are phases of their own
 *     candidate = best, with the next knob of each shape turned      schedule/candidates.c
 *     compile it; best and candidate take turns; compare the time of each shape's phases, turn by turn
 *     shapes that win clearly keep the candidate's choice; write the profile
 *   at last the whole program against the one before tuning: if it does not win, nothing is kept
 *
 * Other work on the machine makes both of a turn slow, so ratios within a turn count, and a shape must win most turns.
 * `tried` in a choice says how far its list was searched: the next tune goes on from there. */
#include "compiler/build/output.h"
#include "compiler/build/resource.h"
#include "compiler/driver/driver.h"
#include "compiler/report/json.h"
#include "ir/base/clock.h"
#include "ir/base/progress.h"
#include "ir/base/str.h"
#include "ir/base/terminal.h"
#include "ir/base/parallel.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURNS = 6, FIRST_TURNS = 2, FINAL_TURNS = 7, FEWEST_FINAL_TURNS = 3, FEWEST_RUNS = 8, MOST_RUNS = 1000 };
static const double hopeless = 0.995, clear_win = 0.985, smallest_share = 0.01, default_budget = 60, longest_turn_ms = 300;
static const double turns_in_budget = 100; /* of a short one */

typedef struct Task {
    ScheduleChoice best;       /* what is kept; with the shape */
    ScheduleChoice candidate;  /* what is tried */
    bool tuned;                /* best came from measurements of this run */
    bool trying;               /* candidate differs from best in what the program does */
    double ms, first_ms;       /* of best, in the last measurement and in the first */
    double ratios[TURNS];      /* candidate's time over best's */
} Task;

typedef struct Artifact {
    const char *path;          /* an executable */
    Program *program;
} Artifact;

typedef struct Times {
    double median_ms;          /* of a run */
    double *tasks;             /* ms, of each shape's phases */
} Times;

typedef struct Tuner {
    Driver *driver;
    Arena *arena;
    Build build;               /* the optimised model */
    const CpuProfile *cpu;     /* as it was given, with the choices of an earlier tune */
    VEC(Task) tasks;
    int64_t threads, runs;     /* runs: of a measurement */
    double start, budget;      /* seconds */
    double make_seconds, turn_seconds; /* what the last ones took */
    int64_t n_compared, n_made;
    Artifact first, best;
} Tuner;

/* ── Budget and progress ─────────────────────────────────────────────────────────────────────────────── */

static double seconds_left(const Tuner *t) { return t->start + t->budget - clock_seconds(); }

/* Is there time for so many turns more, and after them for the program of what won and its last comparison? */
static bool is_time_for(const Tuner *t, int turns)
{
    return seconds_left(t) > turns * t->turn_seconds + t->make_seconds + FEWEST_FINAL_TURNS * t->turn_seconds;
}

static const char *choice_text(const Tuner *t, const ScheduleChoice *choice)
{
    Printed printed;
    printed_begin(&printed);
    choice_write(choice, printed.out);
    printed_end(&printed);
    const char *copy = arena_strdup(t->arena, printed.text);
    free(printed.text);
    return copy;
}

static double total_ms(const Tuner *t, bool first)
{
    double ms = 0;
    for (int64_t i = 0; i < t->tasks.len; i++)
        ms += first ? t->tasks.at[i].first_ms : t->tasks.at[i].ms;
    return ms;
}

/* "tune: 7 compared, 2 shapes better, 80.1 → 78.9 ms, 0:31 left" */
static void show_progress(const Tuner *t)
{
    int64_t better = 0;
    for (int64_t i = 0; i < t->tasks.len; i++)
        better += t->tasks.at[i].tuned;
    const char *text = arena_printf(t->arena, "%lld compared, %lld %s better, %.2f → %.2f ms", (long long)t->n_compared,
                                    (long long)better, COUNTED(better, "shape"), total_ms(t, true), total_ms(t, false));
    if (t->driver->options.verbose)
        fprintf(stderr, "cnxc: tune: %s\n", text);
    progress_show(fmin(1 - seconds_left(t) / t->budget, 1), "%s", text);
}

/* ── Profiles ────────────────────────────────────────────────────────────────────────────────────────── */

static void merge_choice(ScheduleChoice *list, int64_t *n, const ScheduleChoice *choice)
{
    for (int64_t i = 0; i < *n; i++)
        if (schedule_shape_equal(&list[i].shape, &choice->shape)) {
            list[i] = *choice;
            return;
        }
    list[(*n)++] = *choice;
}

static CpuProfile *with_choices(Arena *arena, const CpuProfile *cpu, int64_t more)
{
    CpuProfile *copy = NEW(arena, CpuProfile);
    ScheduleChoice *choices = NEW_ARRAY(arena, ScheduleChoice, cpu->n_choices + more + 1);
    *copy = *cpu;
    if (cpu->n_choices)
        memcpy(choices, cpu->choices, (size_t)cpu->n_choices * sizeof *choices);
    copy->choices = choices;
    return copy;
}

/* The profile with what is best, or with what is being tried. */
static const CpuProfile *profile_of(const Tuner *t, bool candidates)
{
    CpuProfile *cpu = with_choices(t->arena, t->cpu, t->tasks.len);
    for (int64_t i = 0; i < t->tasks.len; i++) {
        const Task *s = &t->tasks.at[i];
        merge_choice((ScheduleChoice *)cpu->choices, &cpu->n_choices, candidates && s->trying ? &s->candidate : &s->best);
    }
    return cpu;
}

/* What -mcpu says, and the choices of the profile that is there already. */
static const CpuProfile *starting_profile(Driver *driver)
{
    const CpuProfile *cpu = options_profile(driver), *old = NULL;
    if (!cpu || access(driver->options.output, F_OK) != 0)
        return cpu;
    old = cpu_read(driver->options.output, driver->arena, &driver->diag);
    if (!old)
        return NULL;
    CpuProfile *merged = with_choices(driver->arena, cpu, old->n_choices);
    for (int64_t i = 0; i < old->n_choices; i++)
        merge_choice((ScheduleChoice *)merged->choices, &merged->n_choices, &old->choices[i]);
    return merged;
}

/* Written whole after each step that changed something: whoever ends the search keeps what was found. */
static bool save(const Tuner *t)
{
    Driver *driver = t->driver;
    const char *path = arena_printf(t->arena, "%s/profile.xml", t->build.temp_dir);
    FILE *out = fopen(path, "we");
    if (out)
        cpu_write(profile_of(t, false), out);
    bool ok = out && !ferror(out);
    if (out && fclose(out) != 0)
        ok = false;
    if (!ok)
        diag_resource(&driver->diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return ok && output_commit(path, driver->options.output, &driver->diag);
}

/* ── Compiling ───────────────────────────────────────────────────────────────────────────────────────── */

static Program *schedule_with(Tuner *t, const CpuProfile *cpu)
{
    t->build.cpus = (CpuList){0};
    vec_push(t->arena, &t->build.cpus, cpu);
    return build_schedules(&t->build) ? t->build.program : NULL;
}

/* Of the program that was scheduled last. Each has its own name, so that the one before stays. */
static bool make(Tuner *t, Artifact *made)
{
    const char *name = arena_printf(t->arena, "%s/tuned%lld", t->build.temp_dir, (long long)t->n_made++);
    double start = clock_seconds();
    if (!build_objects(&t->build) || !build_artifact(&t->build, ARTIFACT_EXE, name))
        return false;
    *made = (Artifact){name, t->build.program};
    t->make_seconds = clock_seconds() - start;
    return true;
}

static void discard(const Tuner *t, const Artifact *artifact)
{
    if (artifact->path && artifact->path != t->first.path && artifact->path != t->best.path)
        unlink(artifact->path);
}

/* ── Measuring ───────────────────────────────────────────────────────────────────────────────────────── */

static bool measure(Tuner *t, const Artifact *artifact, Times *times)
{
    const char *runs = arena_printf(t->arena, "%lld", (long long)t->runs);
    const char *threads = arena_printf(t->arena, "%lld", (long long)t->threads);
    const char *arguments[] = {artifact->path, "--bench", "--json", "--per-op", "--runs", runs, "--threads", threads, NULL};
    json_t *answer = json_answer(arguments, t->arena, &t->driver->diag);
    if (!answer)
        return false;
    PhaseList phases = program_phases(artifact->program, t->arena);
    const json_t *list = json_object_get(answer, "per_op");
    times->median_ms = json_number_value(json_object_get(answer, "median_ms"));
    times->tasks = NEW_ARRAY(t->arena, double, t->tasks.len);
    for (int64_t p = 0; p < phases.len; p++)
        for (int64_t i = 0; phases.at[p]->shaped && i < t->tasks.len; i++)
            if (schedule_shape_equal(&t->tasks.at[i].best.shape, &phases.at[p]->shape))
                times->tasks[i] += json_number_value(json_object_get(json_array_get(list, (size_t)p), "ms"));
    json_decref(answer);
    return true;
}

/* One turn, the order changing from turn to turn. */
static bool take_turn(Tuner *t, const Artifact *a, const Artifact *b, int turn, Times *of_a, Times *of_b)
{
    double start = clock_seconds();
    bool ok = turn % 2 ? measure(t, b, of_b) && measure(t, a, of_a) : measure(t, a, of_a) && measure(t, b, of_b);
    t->turn_seconds = clock_seconds() - start;
    return ok;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int n)
{
    double sorted[TURNS > FINAL_TURNS ? TURNS : FINAL_TURNS];
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* ── Shapes ──────────────────────────────────────────────────────────────────────────────────────────── */

static bool has_task(const Tuner *t, const Phase *phase)
{
    for (int64_t i = 0; i < t->tasks.len; i++)
        if (schedule_shape_equal(&t->tasks.at[i].best.shape, &phase->shape))
            return true;
    return false;
}

static void collect_tasks(Tuner *t, const Program *program)
{
    PhaseList phases = program_phases(program, t->arena);
    for (int64_t i = 0; i < phases.len; i++) {
        const Phase *phase = phases.at[i];
        if (!phase->shaped || has_task(t, phase))
            continue;
        const ScheduleChoice *known = cpu_choice(t->cpu, &phase->shape);
        Task task = {.best = {.shape = phase->shape, .prefetch = PREFETCH_UNSAID}};
        if (known)
            task.best = *known;
        vec_push(t->arena, &t->tasks, task);
    }
}

/* The first measurement: what each shape takes; those that take next to nothing are left alone. */
static bool measure_first(Tuner *t)
{
    Times times;
    if (!measure(t, &t->best, &times))
        return false;
    int64_t kept = 0;
    for (int64_t i = 0; i < t->tasks.len; i++) {
        t->tasks.at[i].ms = t->tasks.at[i].first_ms = times.tasks[i];
        if (times.tasks[i] >= smallest_share * times.median_ms)
            t->tasks.at[kept++] = t->tasks.at[i];
    }
    t->tasks.len = kept;
    double turn_ms = fmin(longest_turn_ms, t->budget * 1e3 / turns_in_budget);
    double wanted = times.median_ms > 0 ? turn_ms / times.median_ms : MOST_RUNS;
    t->runs = wanted < FEWEST_RUNS ? FEWEST_RUNS : wanted > MOST_RUNS ? MOST_RUNS : (int64_t)wanted;
    return true;
}

/* What the program does for the shape, as text. */
static const char *program_text(const Tuner *t, const Program *program, const Task *task)
{
    Printed printed;
    printed_begin(&printed);
    PhaseList phases = program_phases(program, t->arena);
    for (int64_t i = 0; i < phases.len; i++)
        if (phases.at[i]->shaped && schedule_shape_equal(&task->best.shape, &phases.at[i]->shape))
            phase_print(phases.at[i], printed.out);
    printed_end(&printed);
    const char *copy = arena_strdup(t->arena, printed.text);
    free(printed.text);
    return copy;
}

/* ── A step of the search ────────────────────────────────────────────────────────────────────────────── */

/* The next candidate of a shape that says something else than its best; false: the list is at its end. */
static bool next_candidate(const Tuner *t, Task *s)
{
    while (schedule_candidate(t->cpu, &s->best, s->best.tried, &s->candidate)) {
        if (memcmp(&s->candidate, &s->best, sizeof s->best) != 0)
            return true;
        s->best.tried++;
    }
    return false;
}

/* Candidates for all shapes whose program they change. Returns how many shapes have one, -1 after a diagnostic. */
static int64_t choose_candidates(Tuner *t)
{
    int64_t n = 0;
    for (int64_t i = 0; i < t->tasks.len; i++)
        n += t->tasks.at[i].trying = next_candidate(t, &t->tasks.at[i]);
    for (bool again = n > 0; again;) {
        const Program *program = schedule_with(t, profile_of(t, true));
        if (!program)
            return -1;
        again = false;
        for (int64_t i = 0; i < t->tasks.len; i++) {
            Task *s = &t->tasks.at[i];
            const char *text = s->trying ? program_text(t, program, s) : NULL;
            if (!text || (*text && strcmp(text, program_text(t, t->best.program, s)) != 0))
                continue;
            s->best.tried++; /* nothing would change: the next one */
            s->trying = next_candidate(t, s);
            n -= !s->trying;
            again = true;
        }
    }
    return n;
}

static bool wins(const Task *s)
{
    int won = 0;
    for (int i = 0; i < TURNS; i++)
        won += s->ratios[i] < 1;
    return won >= TURNS - 1 && median(s->ratios, TURNS) <= clear_win;
}

/* True while some shape may still win after so many turns. */
static bool is_promising(const Tuner *t, int turns)
{
    for (int64_t i = 0; i < t->tasks.len; i++)
        if (t->tasks.at[i].trying && median(t->tasks.at[i].ratios, turns) < hopeless)
            return true;
    return false;
}

typedef enum Verdict { NOTHING_WINS, SOME_MAY_WIN, OUT_OF_TIME } Verdict;

/* All turns, or as many as it takes to see that nothing wins. The first comparison is never cut off, or a short budget would not get
 * on. */
static bool compare(Tuner *t, const Artifact *candidate, Verdict *verdict)
{
    *verdict = NOTHING_WINS;
    for (int turn = 0; turn < TURNS; turn++) {
        Times best, other;
        if (turn && t->n_compared && !is_time_for(t, 1)) {
            *verdict = OUT_OF_TIME;
            return true;
        }
        if (!take_turn(t, &t->best, candidate, turn, &best, &other))
            return false;
        for (int64_t i = 0; i < t->tasks.len; i++) {
            Task *s = &t->tasks.at[i];
            s->ms = best.tasks[i];
            s->ratios[turn] = best.tasks[i] > 0 ? other.tasks[i] / best.tasks[i] : 1;
        }
        if (turn + 1 >= FIRST_TURNS && !is_promising(t, turn + 1))
            return true;
    }
    *verdict = SOME_MAY_WIN;
    return true;
}

/* Takes over what won. Sets how many shapes did, and how many of those tried did not. What there was no time for is tried next time. */
static void settle(Tuner *t, Verdict verdict, int64_t *won, int64_t *lost)
{
    *won = *lost = 0;
    for (int64_t i = 0; i < t->tasks.len; i++) {
        Task *s = &t->tasks.at[i];
        int64_t tried = s->best.tried + 1;
        bool trying = s->trying;
        s->trying = false;
        if (!trying || verdict == OUT_OF_TIME)
            continue;
        t->n_compared++;
        if (verdict == SOME_MAY_WIN && wins(s)) {
            s->best = s->candidate;
            s->ms *= median(s->ratios, TURNS);
            s->tuned = true;
            ++*won;
        } else {
            ++*lost;
        }
        s->best.tried = tried;
    }
}

/* The program of what is best now: the candidate itself if all of it won. */
static bool take_over(Tuner *t, Artifact *candidate, int64_t lost)
{
    Artifact old = t->best, made = *candidate;
    if (lost && (!schedule_with(t, profile_of(t, false)) || !make(t, &made)))
        return false;
    t->best = made;
    discard(t, &old);
    return true;
}

static bool search_step(Tuner *t, bool *more)
{
    int64_t n = choose_candidates(t), won, lost;
    *more = n > 0;
    Artifact candidate;
    Verdict verdict;
    if (n < 0)
        return false;
    if (!n)
        return save(t); /* it says that all was tried */
    if (!make(t, &candidate) || !compare(t, &candidate, &verdict))
        return false;
    settle(t, verdict, &won, &lost);
    bool ok = (!won || take_over(t, &candidate, lost)) && save(t);
    discard(t, &candidate);
    return ok;
}

static bool step(Tuner *t, bool *more)
{
    progress_hold();
    bool ok = search_step(t, more);
    progress_release();
    show_progress(t);
    return ok;
}

/* ── The result ──────────────────────────────────────────────────────────────────────────────────────── */

/* Whole runs of the first and the best program in turn: their medians, and false in *better if tuning did not pay. */
static bool compare_whole(Tuner *t, double *before, double *after, bool *better)
{
    double first[FINAL_TURNS], best[FINAL_TURNS], ratios[FINAL_TURNS];
    int turn = 0;
    for (; turn < FINAL_TURNS && (turn < FEWEST_FINAL_TURNS || seconds_left(t) > t->turn_seconds); turn++) {
        Times a, b;
        if (!take_turn(t, &t->first, &t->best, turn, &a, &b))
            return false;
        first[turn] = a.median_ms;
        best[turn] = b.median_ms;
        ratios[turn] = b.median_ms / a.median_ms;
    }
    *before = median(first, turn);
    *after = median(best, turn);
    *better = median(ratios, turn) < 1;
    return true;
}

/* Back to what was known before, remembering how far the search came. */
static void forget(Tuner *t)
{
    for (int64_t i = 0; i < t->tasks.len; i++) {
        Task *s = &t->tasks.at[i];
        int64_t tried = s->best.tried;
        const ScheduleChoice *known = cpu_choice(t->cpu, &s->best.shape);
        if (known)
            s->best = *known;
        else
            s->best.tile_rows = s->best.tile_columns = s->best.row_block = s->best.hidden_chunk = s->best.thread_split = 0,
            s->best.prefetch = PREFETCH_UNSAID;
        s->best.tried = tried;
        s->tuned = false;
    }
}

static void report(const Tuner *t, double before, double after)
{
    int64_t open = 0;
    for (int64_t i = 0; i < t->tasks.len; i++) {
        const Task *s = &t->tasks.at[i];
        ScheduleChoice unused;
        open += schedule_candidate(t->cpu, &s->best, s->best.tried, &unused);
        printf("%10.3f ms → %8.3f ms  %s %s\n", s->first_ms, s->ms, s->tuned ? "better" : "  same", choice_text(t, &s->best));
    }
    printf("%lld %s compared in %.0f s, %lld %s; ", (long long)t->n_compared, COUNTED(t->n_compared, "candidate"),
           clock_seconds() - t->start, (long long)t->threads, COUNTED(t->threads, "thread"));
    if (after > 0)
        printf("a run took %.3f ms, takes %.3f ms", before, after);
    else
        fputs("nothing is clearly faster than what the model chose", stdout);
    printf("; %s\n", open ? "the same command goes on from here" : "nothing is left to try");
}

static void finish(Tuner *t)
{
    double before = 0, after = 0;
    bool tuned = false, better = true;
    for (int64_t i = 0; i < t->tasks.len; i++)
        tuned |= t->tasks.at[i].tuned;
    if (tuned && !compare_whole(t, &before, &after, &better))
        return;
    if (!better) {
        forget(t);
        after = 0;
    }
    if (!save(t))
        return;
    terminal_clear();
    report(t, before, after);
}

static bool prepare(Tuner *t)
{
    Driver *driver = t->driver;
    t->build = options_build(driver);
    t->build.prefix = "tuned";
    t->runs = FEWEST_RUNS;
    t->cpu = starting_profile(driver);
    if (!t->cpu || !resource_dir(t->build.options.system, t->arena, &driver->diag) || !build_load(&t->build) ||
        !build_optimize(&t->build))
        return false;
    t->build.temp_dir = output_temp_dir(driver->options.output, t->arena, &driver->diag);
    if (!t->build.temp_dir || !schedule_with(t, t->cpu) || !make(t, &t->first))
        return false;
    t->best = t->first;
    collect_tasks(t, t->best.program);
    return measure_first(t);
}

ExitCode subcommand_tune(Driver *driver)
{
    Tuner tuner = {.driver = driver,
                   .arena = driver->arena,
                   .start = clock_seconds(),
                   .budget = driver->options.seconds > 0 ? driver->options.seconds : default_budget};
    const Options *o = &driver->options;
    if (!o->output)
        usage_error(driver, "tune needs -o PROFILE.xml, where to write what it finds");
    else if (!str_ends_with(o->output, ".xml"))
        usage_error(driver, "-o %s: a profile's name ends in .xml, so that -mcpu knows it", o->output);
    if (diag_failed(&driver->diag) || !output_check(o->output, o->arguments.at[0], &driver->diag))
        return driver_exit_code(driver);
    tuner.threads = o->threads ? o->threads : parallel_cores();
    progress_begin("tune");
    bool more = true, ok = prepare(&tuner);
    show_progress(&tuner);
    while (ok && more && (is_time_for(&tuner, FIRST_TURNS) || !tuner.n_compared)) /* one at least */
        ok = step(&tuner, &more);
    if (ok)
        finish(&tuner);
    progress_end();
    return driver_exit_code(driver);
}
