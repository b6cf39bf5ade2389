/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The timeline: a run that the program has traced (runtime/cli/trace.c), thread by thread, each phase with its region.
 *
 *   {"run_ms": 0.402, "threads": [[{"phase": 3, "region": 2, "start_us": 1.2, "end_us": 31.6, "wait_us": 0.3}, …], […]]}
 *
 * From start to end the thread works on the phase; then it waits for the others. What of a run is in no phase goes by while threads
 * are woken, before the first, and while the last of them come home. */
#include "compiler/report/parts.h"
#include "compiler/target/rounds.h"

#include <math.h>
#include <string.h>

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static int64_t group_of_phase(const Groups *groups, int64_t phase)
{
    for (int64_t i = 0; i < groups->len; i++)
        for (int64_t j = 0; j < groups->at[i].at.len; j++)
            if (groups->at[i].at.at[j] == phase)
                return i;
    return -1;
}

static void add_stretch(json_t *thread, const json_t *event, const Groups *groups)
{
    json_int_t phase = json_integer_value(json_object_get(json_object_get(event, "args"), "phase"));
    double start = number(event, "ts");
    json_array_append_new(thread, json_pack("{s:I, s:I, s:f, s:f, s:f}", "phase", phase, "region",
                                            (json_int_t)group_of_phase(groups, phase), "start_us", start, "end_us",
                                            start + number(event, "dur"), "wait_us", 0.0));
}

/* A wait follows its phase. */
static void add_event(json_t *threads, const json_t *event, const Groups *groups)
{
    const char *category = json_string_value(json_object_get(event, "cat"));
    json_t *thread = json_array_get(threads, (size_t)json_integer_value(json_object_get(event, "tid")));
    if (!category || !thread)
        return;
    json_t *last = json_array_get(thread, json_array_size(thread) - 1);
    if (strcmp(category, "phase") == 0)
        add_stretch(thread, event, groups);
    else if (strcmp(category, "wait") == 0 && last)
        json_object_set_new(last, "wait_us", json_real(number(event, "dur")));
}

json_t *parts_timeline(const char *trace, const Groups *groups, Diag *diag)
{
    size_t i;
    const json_t *event;
    json_t *root = json_load_file(trace, 0, NULL), *threads = json_array();
    if (!root) {
        diag_resource(diag, NO_SPAN, "the trace of the compiled program can't be read");
        json_decref(threads);
        return NULL;
    }
    const json_t *other = json_object_get(root, "otherData");
    int n_threads = (int)fmax(0, fmin(number(other, "threads"), ROUNDS_MOST_THREADS));
    for (int t = 0; t < n_threads; t++)
        json_array_append_new(threads, json_array());
    json_array_foreach (json_object_get(root, "traceEvents"), i, event)
        add_event(threads, event, groups);
    json_t *timeline = json_pack("{s:f, s:o}", "run_ms", number(other, "run_us") * 1e-3, "threads", threads);
    json_decref(root);
    return timeline;
}

/* ── What it adds up to ──────────────────────────────────────────────────────────────────────────────── */

typedef struct Sum {
    double work, wait; /* ms */
} Sum;

static Sum sum_of(const json_t *thread)
{
    Sum sum = {0};
    size_t i;
    const json_t *stretch;
    json_array_foreach (thread, i, stretch) {
        sum.work += (number(stretch, "end_us") - number(stretch, "start_us")) * 1e-3;
        sum.wait += number(stretch, "wait_us") * 1e-3;
    }
    return sum;
}

/* Before thread 0's first phase, while the others are woken, and behind its last, while they come home. */
static void put_ends(json_t *time, const json_t *thread, double run)
{
    const json_t *first = json_array_get(thread, 0), *last = json_array_get(thread, json_array_size(thread) - 1);
    double end = (number(last, "end_us") + number(last, "wait_us")) * 1e-3;
    json_object_set_new(time, "wake_ms", json_real(number(first, "start_us") * 1e-3));
    json_object_set_new(time, "home_ms", json_real(last ? run - end : 0));
}

/* The phases are those of thread 0, which takes part in all of them; waits are of all threads, on average. */
void parts_account(const json_t *timeline, json_t *time)
{
    size_t i;
    const json_t *thread, *threads = json_object_get(timeline, "threads");
    double run = number(timeline, "run_ms"), wait = 0;
    Sum first = sum_of(json_array_get(threads, 0));
    json_array_foreach (threads, i, thread)
        wait += sum_of(thread).wait / (double)json_array_size(threads);
    json_object_set_new(time, "accounted", json_real(run > 0 ? (first.work + first.wait) / run : 0));
    json_object_set_new(time, "barrier_ms", json_real(wait));
    json_object_set_new(time, "other_ms", json_real(run - first.work - first.wait));
    put_ends(time, json_array_get(threads, 0), run);
}
