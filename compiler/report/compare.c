/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A comparison of two reports: what got worse, and what got better.
 *
 *   {"with": "old.json", "ratio": 1.08, "confidence": [1.05, 1.11],
 *    "findings": [{"kind": "lost fusion", "output": "layers.0_1", "before": 1, "after": 3, "unit": "regions", "text": "…"},
 *                 {"kind": "slower", "output": "layers.0_1", "before": 1.4, "after": 2.3, "unit": "ms", "text": "…"}],
 *    "regions": [{"output", "before_ms", "after_ms", "ratio"}], "before": {the other report}}
 *
 * What is certain stands before what is measured, and so causes before effects: fusions that were lost, signal to noise, time, memory,
 * size; then what got better. Of one kind the largest is first. Regions are the same if their outputs are called the same; of the
 * rest the first block is the other's first block, and so on.
 *
 * Times that were measured in turn come with an interval of confidence, and what it leaves open is no finding. Of a saved report
 * nothing is known but how far its runs were apart: a region is slower if it is by more than that, beside what has become of the
 * regions in the middle; a machine that is busier today makes no finding of each. */
#include "compiler/report/compare.h"

#include "compiler/report/json.h"
#include "ir/base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_NOISE = 0.05, MOST_NOISE = 0.25; /* of a ratio of times that were not measured in turn */
static const double LEAST_SHARE = 0.005;                   /* of a run: less is not worth a finding */
static const double LEAST_DECIBELS = 1, LEAST_GROWTH = 0.01;

typedef enum Rank { LOST_FUSION, LESS_PRECISE, SLOWER, MORE_MEMORY, LARGER, ELSEWHERE, BETTER } Rank;

typedef struct Finding {
    Rank rank;
    double weight;        /* of one rank the largest first */
    int64_t index;        /* and of these the first that was found */
    json_t *json;
} Finding;

typedef struct Region {
    const json_t *json, *other; /* other: its like in the other report; NULL: none */
} Region;

typedef struct Comparison {
    Arena *arena;
    const json_t *after, *before, *pair;
    StrMap phases;        /* of the pair: name → its json_t */
    Region *regions;      /* of the report after */
    int64_t n_regions;
    double noise, drift;  /* of times that were not measured in turn: the median of all regions' ratios */
    double run;           /* ms, before */
    VEC(Finding) findings;
} Comparison;

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const json_t *regions_of(const json_t *report) { return json_object_get(report, "regions"); }

/* ── Findings ────────────────────────────────────────────────────────────────────────────────────────── */

static json_t *add(Comparison *c, Rank rank, double weight, const char *kind, const char *output, const char *text)
{
    json_t *json =
        json_pack("{s:s, s:o, s:o}", "kind", kind, "output", output ? json_text(output) : json_null(), "text", json_text(text));
    vec_push(c->arena, &c->findings, ((Finding){rank, weight, c->findings.len, json}));
    return json;
}

static void put_change(json_t *finding, double before, double after, const char *unit)
{
    json_object_set_new(finding, "before", json_finite(before));
    json_object_set_new(finding, "after", json_finite(after));
    json_object_set_new(finding, "unit", json_string(unit));
}

static int by_rank(const void *a, const void *b)
{
    const Finding *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static json_t *findings_json(Comparison *c)
{
    json_t *list = json_array();
    if (c->findings.len)
        qsort(c->findings.at, (size_t)c->findings.len, sizeof *c->findings.at, by_rank);
    for (int64_t i = 0; i < c->findings.len; i++)
        json_array_append_new(list, c->findings.at[i].json);
    return list;
}

/* ── Which region is which ───────────────────────────────────────────────────────────────────────────── */

typedef struct Queue {
    VEC(const json_t *) regions; /* that nothing is like yet, of one kind */
    int64_t next;
} Queue;

typedef struct Named {
    const json_t *region;
    bool taken;
} Named;

static void match_by_output(Comparison *c, StrMap *named)
{
    for (int64_t i = 0; i < c->n_regions; i++) {
        Named *like = strmap_get(named, text_of(c->regions[i].json, "output"));
        if (!like || like->taken)
            continue;
        like->taken = true;
        c->regions[i].other = like->region;
    }
}

static void match_by_kind(Comparison *c, const Named *before, int64_t n)
{
    StrMap queues = {.arena = c->arena};
    for (int64_t i = 0; i < n; i++) {
        const char *kind = text_of(before[i].region, "kind");
        if (before[i].taken)
            continue;
        if (!strmap_get(&queues, kind))
            strmap_put(&queues, kind, NEW(c->arena, Queue));
        Queue *queue = strmap_get(&queues, kind);
        vec_push(c->arena, &queue->regions, before[i].region);
    }
    for (int64_t i = 0; i < c->n_regions; i++) {
        Queue *queue = c->regions[i].other ? NULL : strmap_get(&queues, text_of(c->regions[i].json, "kind"));
        if (queue && queue->next < queue->regions.len)
            c->regions[i].other = queue->regions.at[queue->next++];
    }
}

static void match(Comparison *c)
{
    const json_t *before = regions_of(c->before), *after = regions_of(c->after);
    int64_t n = (int64_t)json_array_size(before);
    Named *named = NEW_ARRAY(c->arena, Named, n + 1);
    StrMap by_output = {.arena = c->arena};
    c->n_regions = (int64_t)json_array_size(after);
    c->regions = NEW_ARRAY(c->arena, Region, c->n_regions + 1);
    for (int64_t i = 0; i < c->n_regions; i++)
        c->regions[i].json = json_array_get(after, (size_t)i);
    for (int64_t i = 0; i < n; i++) {
        named[i].region = json_array_get(before, (size_t)i);
        strmap_put(&by_output, text_of(named[i].region, "output"), &named[i]);
    }
    match_by_output(c, &by_output);
    match_by_kind(c, named, n);
}

/* ── Fusions ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef VEC(const char *) Names;

/* A node is known by its operator and its name. */
static const char *node_key(const json_t *origin, Arena *arena)
{
    return arena_printf(arena, "%s %s", text_of(origin, "op"), text_of(origin, "name"));
}

/* Node → the outputs of the regions that it is in; those of functions are in one for each call. */
static StrMap homes_of(const json_t *report, Arena *arena)
{
    StrMap homes = {.arena = arena};
    size_t i, j;
    const json_t *region, *origin;
    json_array_foreach (regions_of(report), i, region) {
        const char *output = text_of(region, "output");
        json_array_foreach (json_object_get(region, "origin"), j, origin) {
            const char *key = node_key(origin, arena);
            Names *names = strmap_get(&homes, key);
            if (!names)
                strmap_put(&homes, key, names = NEW(arena, Names));
            if (!names->len || names->at[names->len - 1] != output) /* once for each region */
                vec_push(arena, names, output);
        }
    }
    return homes;
}

/* The regions that a region's nodes are in, each once. */
static Names spread_of(const json_t *region, const StrMap *homes, Arena *arena)
{
    Names spread = {0};
    StrMap seen = {.arena = arena}, keys = {.arena = arena};
    size_t i;
    const json_t *origin;
    json_array_foreach (json_object_get(region, "origin"), i, origin) {
        const char *key = node_key(origin, arena);
        const Names *names = strmap_put(&keys, key, (void *)"seen") ? strmap_get(homes, key) : NULL;
        for (int64_t j = 0; names && j < names->len; j++)
            if (strmap_put(&seen, names->at[j], (void *)"seen"))
                vec_push(arena, &spread, names->at[j]);
    }
    return spread;
}

static const char *listed(const Names *names, Arena *arena)
{
    enum { MOST = 4 };
    StrBuf text = {.arena = arena};
    for (int64_t i = 0; i < names->len && i < MOST; i++)
        sb_printf(&text, "%s%s", !i ? "" : i == names->len - 1 ? " and " : ", ", names->at[i]);
    if (names->len > MOST)
        sb_printf(&text, " and %lld more", (long long)(names->len - MOST));
    return text.text ? text.text : "";
}

/* Of the first report's regions those that are more of the second's. */
static void find_splits(Comparison *c, const json_t *first, const json_t *second, Rank rank)
{
    StrMap own = homes_of(first, c->arena), homes = homes_of(second, c->arena);
    bool lost = rank == LOST_FUSION;
    size_t i;
    const json_t *region;
    json_array_foreach (regions_of(first), i, region) {
        Names was = spread_of(region, &own, c->arena), is = spread_of(region, &homes, c->arena);
        if (is.len <= was.len)
            continue;
        const char *output = text_of(region, "output"), *list = listed(&is, c->arena);
        const char *text =
            arena_printf(c->arena, "%s %s one %s and %s %lld regions%s: %s", output, lost ? "was" : "is", text_of(region, "kind"),
                         lost ? "is" : "was", (long long)is.len, lost ? " now" : "", list);
        put_change(add(c, rank, (double)(is.len - was.len), lost ? "lost fusion" : "new fusion", output, text),
                   lost ? (double)was.len : (double)is.len, lost ? (double)is.len : (double)was.len, "regions");
    }
}

/* ── Precision ───────────────────────────────────────────────────────────────────────────────────────── */

static void compare_decibels(Comparison *c, const Region *region, const char *precision)
{
    const json_t *after = json_object_get(json_object_get(region->json, "snr_db"), precision);
    const json_t *before = json_object_get(json_object_get(region->other, "snr_db"), precision);
    double now = json_number_value(after), then = json_number_value(before), loss = then - now;
    if (!json_is_number(after) || !json_is_number(before) || !(fabs(loss) > LEAST_DECIBELS))
        return;
    const char *output = text_of(region->json, "output");
    const char *text = arena_printf(c->arena, "%s has %.1f dB of signal to noise in %s, %.1f dB %s than before", output, now,
                                    precision, fabs(loss), loss > 0 ? "less" : "more");
    put_change(add(c, loss > 0 ? LESS_PRECISE : BETTER, fabs(loss), loss > 0 ? "less precise" : "more precise", output, text),
               then, now, "dB");
}

/* ── Time ────────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Times {
    double before, after; /* ms */
    double low, high;     /* of their ratio */
} Times;

static double high_of(const json_t *confidence)
{
    const json_t *high = json_array_get(confidence, 1);
    return json_is_number(high) ? json_number_value(high) : INFINITY;
}

/* Of the region's phases, if all were measured in turn: their intervals hold together, so does that of the sum. */
static bool times_in_turn(const Comparison *c, const json_t *region, Times *times)
{
    const json_t *phase, *phases = json_object_get(region, "phases");
    double low = 0, high = 0;
    size_t i;
    *times = (Times){0};
    json_array_foreach (phases, i, phase) {
        const json_t *pair = strmap_get(&c->phases, text_of(phase, "name")), *confidence = json_object_get(pair, "confidence");
        if (!pair)
            return false;
        times->before += number(pair, "a_ms");
        times->after += number(pair, "b_ms");
        low += number(pair, "a_ms") * json_number_value(json_array_get(confidence, 0));
        high += number(pair, "a_ms") * high_of(confidence);
    }
    times->low = times->before > 0 ? low / times->before : 0;
    times->high = times->before > 0 ? high / times->before : INFINITY;
    return json_array_size(phases) > 0;
}

static Times times_apart(const Comparison *c, double before, double after, double drift)
{
    double ratio = before > 0 ? after / before : after > 0 ? INFINITY : 1;
    return (Times){before, after, ratio / drift / (1 + c->noise), ratio / drift * (1 + c->noise)};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double drift_of(const Comparison *c)
{
    double *ratios = NEW_ARRAY(c->arena, double, c->n_regions + 1);
    int64_t n = 0;
    for (int64_t i = 0; i < c->n_regions; i++) {
        double before = number(c->regions[i].other, "ms"), after = number(c->regions[i].json, "ms");
        if (before > 0 && after > 0)
            ratios[n++] = after / before;
    }
    qsort(ratios, (size_t)n, sizeof *ratios, by_value);
    return n && isfinite(ratios[n / 2]) ? ratios[n / 2] : 1;
}

static bool times_of(const Comparison *c, const Region *region, Times *times)
{
    if (times_in_turn(c, region->json, times))
        return true;
    if (!region->other)
        return false;
    *times = times_apart(c, number(region->other, "ms"), number(region->json, "ms"), c->drift);
    return true;
}

static void compare_times(Comparison *c, const char *output, Times times)
{
    double share = c->run > 0 ? fabs(times.after - times.before) / c->run : 0;
    bool slower = times.low > 1, faster = times.high < 1;
    if (!(slower || faster) || !(share > LEAST_SHARE))
        return;
    const char *times_as =
        times.before > 0 ? arena_printf(c->arena, "%.3g times as long as", times.after / times.before) : "more than";
    const char *text = arena_printf(c->arena, "%s takes %.3g ms, %s before (%.3g ms)", output ? output : "a run", times.after,
                                    times_as, times.before);
    put_change(add(c, slower ? SLOWER : BETTER, output ? share : INFINITY, slower ? "slower" : "faster", output, text),
               times.before, times.after, "ms");
}

static void put_ratio(json_t *object, Times times)
{
    json_object_set_new(object, "ratio", json_finite(times.before > 0 ? times.after / times.before : NAN));
}

static json_t *compare_regions(Comparison *c)
{
    json_t *rows = json_array();
    for (int64_t i = 0; i < c->n_regions; i++) {
        const char *output = text_of(c->regions[i].json, "output");
        Times times;
        if (!times_of(c, &c->regions[i], &times))
            continue;
        json_t *row = json_pack("{s:o, s:o, s:o}", "output", json_text(output), "before_ms", json_finite(times.before),
                                "after_ms", json_finite(times.after));
        put_ratio(row, times);
        json_array_append_new(rows, row);
        compare_times(c, output, times);
        compare_decibels(c, &c->regions[i], "bf16");
        compare_decibels(c, &c->regions[i], "int8");
    }
    return rows;
}

/* Of the whole run; its ratio, and, where it was measured in turn, how sure that is. */
static void compare_runs(Comparison *c, json_t *comparison)
{
    double before = number(json_object_get(c->before, "time"), "median_ms");
    double after = number(json_object_get(c->after, "time"), "median_ms");
    const json_t *confidence = json_object_get(c->pair, "confidence");
    Times times = times_apart(c, before, after, 1);
    if (c->pair)
        times = (Times){number(json_object_get(c->pair, "a"), "median_ms"), number(json_object_get(c->pair, "b"), "median_ms"),
                        json_number_value(json_array_get(confidence, 0)), high_of(confidence)};
    if (c->pair)
        json_object_set(comparison, "ratio", json_object_get(c->pair, "ratio"));
    else
        put_ratio(comparison, times);
    json_object_set(comparison, "confidence", confidence ? (json_t *)(uintptr_t)confidence : json_null());
    compare_times(c, NULL, times);
}

/* Times of another machine, or of other threads, say little; what was compared in turn was here. */
static void compare_places(Comparison *c)
{
    const json_t *before = json_object_get(c->before, "how"), *after = json_object_get(c->after, "how");
    const char *then = text_of(json_object_get(before, "machine"), "cpu"),
               *now = text_of(json_object_get(after, "machine"), "cpu");
    double was = number(json_object_get(c->before, "time"), "threads"), is = number(json_object_get(c->after, "time"), "threads");
    if (c->pair || (strcmp(then, now) == 0 && was == is))
        return;
    add(c, ELSEWHERE, 0, "measured elsewhere", NULL,
        arena_printf(c->arena, "the other was measured on %s with %.0f thread%s, this on %s with %.0f",
                     *then ? then : "an unknown CPU", was, was == 1 ? "" : "s", *now ? now : "an unknown CPU", is));
}

/* ── Memory and size ─────────────────────────────────────────────────────────────────────────────────── */

static const struct Size {
    const char *part, *key, *name, *more, *less;
    Rank rank;
} sizes[] = {
    {"memory", "arena_bytes", "the arena", "memory", "less memory", MORE_MEMORY},
    {"memory", "scratch_bytes", "a thread's scratch", "memory", "less memory", MORE_MEMORY},
    {"memory", "weights_bytes", "the weights", "memory", "less memory", MORE_MEMORY},
    {"program", "bytes", "the executable", "larger program", "smaller program", LARGER},
};

static void compare_size(Comparison *c, const struct Size *size)
{
    const json_t *before = json_object_get(json_object_get(c->before, size->part), size->key);
    const json_t *after = json_object_get(json_object_get(c->after, size->part), size->key);
    double then = json_number_value(before), now = json_number_value(after), growth = now - then;
    if (!json_is_number(before) || !json_is_number(after) || !(fabs(growth) > LEAST_GROWTH * then))
        return;
    const char *text = arena_printf(c->arena, "%s takes %.3f MB, %.3f MB %s than before", size->name, now * 1e-6,
                                    fabs(growth) * 1e-6, growth > 0 ? "more" : "less");
    put_change(
        add(c, growth > 0 ? size->rank : BETTER, growth > 0 ? growth : 0, growth > 0 ? size->more : size->less, NULL, text), then,
        now, "bytes");
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

/* How far a report's runs are apart. */
static double spread(const json_t *report)
{
    const json_t *time = json_object_get(report, "time");
    double median = number(time, "median_ms");
    return median > 0 ? number(time, "p90_ms") / median - 1 : 0;
}

static void index_phases(Comparison *c)
{
    size_t i;
    json_t *phase;
    c->phases.arena = c->arena;
    json_array_foreach (json_object_get(c->pair, "per_op"), i, phase)
        if (!strmap_get(&c->phases, text_of(phase, "name")))
            strmap_put(&c->phases, text_of(phase, "name"), phase);
}

static json_t *without_comparison(const json_t *report)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)report);
    json_object_set_new(copy, "comparison", json_null());
    return copy;
}

json_t *compare_reports(const json_t *after, const json_t *before, const json_t *pair, const char *with, Arena *arena)
{
    Comparison c = {.arena = arena, .after = after, .before = before, .pair = pair};
    json_t *comparison = json_pack("{s:o}", "with", json_text(with));
    c.noise = fmin(MOST_NOISE, fmax(LEAST_NOISE, fmax(spread(after), spread(before))));
    c.run = number(json_object_get(before, "time"), "median_ms");
    index_phases(&c);
    match(&c);
    c.drift = drift_of(&c);
    compare_runs(&c, comparison);
    compare_places(&c);
    find_splits(&c, before, after, LOST_FUSION);
    find_splits(&c, after, before, BETTER);
    json_t *rows = compare_regions(&c);
    for (int64_t i = 0; i < countof(sizes); i++)
        compare_size(&c, &sizes[i]);
    json_object_set_new(comparison, "findings", findings_json(&c));
    json_object_set_new(comparison, "regions", rows);
    json_object_set_new(comparison, "before", without_comparison(before));
    return comparison;
}
