/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pairs: a machine that others use, or whose clock changes, is slower in one minute than in the next by more than what is looked
 * for. So both programs run side by side in time, in rounds of four short turns,
 *
 *   A B B A   A B B A   A B B A …        while one runs, the other sleeps
 *
 * in which whatever changes steadily meets both alike. A round's ratio is what is kept of it: of the medians of its turns, the
 * geometric mean of B's by that of A's. What the rounds say together, and how sure that is, ratio.c tells.
 *
 * A program is also faster in one start than in the next, by some 2 %, for its memory comes to lie elsewhere; a thousand turns of
 * one start would agree on that as if it were a difference (Kalibera and Jones, Rigorous Benchmarking in Reasonable Time, ISMM
 * 2013). So each round starts both anew. Where a file's code lies in the page cache stays the same from start to start, and is not
 * evened out: copies of one program were 1 % apart, seldom more. */
#include "compiler/report/bench_pair.h"
#include "compiler/report/json.h"
#include "compiler/report/ratio.h"
#include "ir/base/clock.h"
#include "ir/base/escape.h"
#include "ir/base/progress.h"
#include "ir/base/vec.h"
#include "ir/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double WARM_SECONDS = 0.1, SECONDS = 10, TURN_MS = 20, WARM_MS = 4, CONFIDENCE_ERROR = 0.05;
enum { LEAST_ROUNDS = 8, MOST_RUNS_OF_TURN = 1000 };

typedef VEC(double) Doubles;

typedef struct Side {
    const char *program;
    Player player;
    json_t *greeting;           /* its first one */
    int64_t uncounted, counted; /* runs of a turn */
    Doubles medians;            /* ms, of each turn */
    Doubles *phases;            /* ms of each phase in each turn */
    int64_t n_phases;
} Side;

typedef struct Phases {
    int64_t a, b;               /* indices of one that both have */
} Phases;

typedef struct Pair {
    Arena *arena;
    Diag *diag;
    const PairOptions *options;
    Side sides[2];
    VEC(Phases) shared;
} Pair;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* They are sorted. */
static double median(double *values, int64_t n)
{
    if (!n)
        return 0;
    qsort(values, (size_t)n, sizeof *values, by_value);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static double median_of(const Doubles *list, Arena *arena)
{
    double *copy = NEW_ARRAY(arena, double, list->len + 1);
    if (list->len)
        memcpy(copy, list->at, (size_t)list->len * sizeof *copy);
    return median(copy, list->len);
}

/* ── Turns ───────────────────────────────────────────────────────────────────────────────────────────── */

static double turn_median(const json_t *answer, Arena *arena)
{
    const json_t *runs = json_object_get(answer, "ms");
    Doubles ms = {0};
    for (size_t i = 0; i < json_array_size(runs); i++)
        vec_push(arena, &ms, json_number_value(json_array_get(runs, i)));
    return median(ms.at, ms.len);
}

static bool take_turn(Pair *pair, Side *side)
{
    json_t *answer = player_turn(&side->player, side->uncounted, side->counted);
    if (!answer)
        return false;
    vec_push(pair->arena, &side->medians, turn_median(answer, pair->arena));
    const json_t *phases = json_object_get(answer, "phases_ms");
    for (int64_t i = 0; i < side->n_phases; i++)
        vec_push(pair->arena, &side->phases[i], json_number_value(json_array_get(phases, (size_t)i)));
    json_decref(answer);
    return true;
}

/* Until it is as fast as it gets; then turns of about TURN_MS, behind runs enough to have its data back in the caches. */
static bool warm_up(Pair *pair, Side *side)
{
    double start = clock_seconds(), ms = 0;
    for (int64_t turns = 0; turns < 2 || clock_seconds() - start < WARM_SECONDS; turns++) {
        json_t *answer = player_turn(&side->player, 0, 1);
        if (!answer)
            return false;
        ms = turn_median(answer, pair->arena);
        json_decref(answer);
    }
    ms = ms > 0.001 ? ms : 0.001;
    side->counted = ms < TURN_MS ? (int64_t)ceil(fmin(TURN_MS / ms, MOST_RUNS_OF_TURN)) : 1;
    side->uncounted = ms < TURN_MS ? (int64_t)ceil(fmin(WARM_MS / ms, MOST_RUNS_OF_TURN)) : 0;
    return true;
}

static bool start(Pair *pair, Side *side)
{
    if (!player_start(&side->player, side->program, &pair->options->player, pair->arena, pair->diag))
        return false;
    if (!side->greeting) {
        side->greeting = json_incref(side->player.greeting);
        side->n_phases = (int64_t)json_array_size(json_object_get(side->greeting, "phases"));
        side->phases = NEW_ARRAY(pair->arena, Doubles, side->n_phases + 1);
    }
    return warm_up(pair, side);
}

static bool play_round(Pair *pair)
{
    static const int order[] = {0, 1, 1, 0};
    bool ok = start(pair, &pair->sides[0]) && start(pair, &pair->sides[1]);
    for (int64_t i = 0; ok && i < countof(order); i++)
        ok = take_turn(pair, &pair->sides[order[i]]);
    player_end(&pair->sides[1].player);
    player_end(&pair->sides[0].player);
    return ok;
}

static double part_done(int64_t done, int64_t rounds, double seconds)
{
    return rounds ? (double)done / (double)rounds : fmin(seconds / SECONDS, (double)done / LEAST_ROUNDS);
}

static bool play(Pair *pair)
{
    double start = clock_seconds();
    int64_t rounds = pair->options->rounds, most = rounds ? rounds : MOST_PAIRS;
    bool ok = true, enough = false;
    progress_begin("bench");
    for (int64_t round = 1; ok && !enough && round <= most; round++) {
        progress_show(part_done(round - 1, rounds, clock_seconds() - start), "round %lld", (long long)round);
        ok = play_round(pair);
        enough = !rounds && round >= LEAST_ROUNDS && clock_seconds() - start >= SECONDS;
    }
    progress_end();
    return ok;
}

/* ── Phases of one name ──────────────────────────────────────────────────────────────────────────────── */

static const char *phase_name(const Side *side, int64_t i)
{
    return json_string_value(json_array_get(json_object_get(side->greeting, "phases"), (size_t)i));
}

/* Two that share a name follow one another in both. */
static void match_phases(Pair *pair)
{
    const Side *a = &pair->sides[0], *b = &pair->sides[1];
    bool *taken = NEW_ARRAY(pair->arena, bool, b->n_phases + 1);
    for (int64_t i = 0; i < a->n_phases; i++)
        for (int64_t j = 0; j < b->n_phases; j++)
            if (!taken[j] && strcmp(phase_name(a, i), phase_name(b, j)) == 0) {
                vec_push(pair->arena, &pair->shared, ((Phases){i, j}));
                taken[j] = true;
                break;
            }
}

/* ── The answer ──────────────────────────────────────────────────────────────────────────────────────── */

/* Of the turns of A and B, which stand in the order of the rounds. A phase may be too short for the clock. */
static Ratio ratio_of_turns(const Doubles *a, const Doubles *b, double error, Arena *arena)
{
    static const double least = 1e-6; /* ms */
    int64_t n = a->len / 2;
    double *logs = NEW_ARRAY(arena, double, n + 1);
    for (int64_t i = 0; i < n; i++)
        for (int64_t turn = 2 * i; turn < 2 * i + 2; turn++)
            logs[i] += (log(fmax(b->at[turn], least)) - log(fmax(a->at[turn], least))) / 2;
    return ratio_of_pairs(logs, n, error);
}

static void put_ratio(json_t *object, Ratio ratio)
{
    json_object_set_new(object, "ratio", json_finite(ratio.value));
    json_object_set_new(object, "confidence",
                        json_pack("[o, o]", ratio.low > 0 ? json_real(ratio.low) : json_null(), json_finite(ratio.high)));
}

static json_t *side_json(const Side *side, Arena *arena)
{
    double ms = median_of(&side->medians, arena), flops = json_number_value(json_object_get(side->greeting, "flops"));
    return json_pack("{s:f, s:o}", "median_ms", ms, "gflops", json_finite(ms > 0 ? flops / ms * 1e-6 : 0));
}

static json_t *phases_json(const Pair *pair)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < pair->shared.len; i++) {
        const Doubles *a = &pair->sides[0].phases[pair->shared.at[i].a], *b = &pair->sides[1].phases[pair->shared.at[i].b];
        json_t *phase = json_pack("{s:s, s:f, s:f}", "name", phase_name(&pair->sides[0], pair->shared.at[i].a), "a_ms",
                                  median_of(a, pair->arena), "b_ms", median_of(b, pair->arena));
        put_ratio(phase, ratio_of_turns(a, b, CONFIDENCE_ERROR / (double)pair->shared.len, pair->arena)); /* Bonferroni */
        json_array_append_new(list, phase);
    }
    return list;
}

static json_t *pair_json(Pair *pair)
{
    const Side *a = &pair->sides[0], *b = &pair->sides[1];
    Ratio ratio = ratio_of_turns(&a->medians, &b->medians, CONFIDENCE_ERROR, pair->arena);
    json_t *answer = json_pack("{s:o, s:o}", "a", side_json(a, pair->arena), "b", side_json(b, pair->arena));
    put_ratio(answer, ratio);
    json_object_set_new(answer, "difference", json_string(ratio.low > 1 ? "slower" : ratio.high < 1 ? "faster" : "none"));
    json_object_set_new(answer, "rounds", json_integer(a->medians.len / 2));
    json_object_set(answer, "threads", json_object_get(a->greeting, "threads"));
    json_object_set(answer, "batch", json_object_get(a->greeting, "batch"));
    if (pair->options->player.per_op) {
        match_phases(pair);
        json_object_set_new(answer, "per_op", phases_json(pair));
        json_object_set_new(answer, "phases_of_one",
                            json_pack("{s:I, s:I}", "a", (json_int_t)(a->n_phases - pair->shared.len), "b",
                                      (json_int_t)(b->n_phases - pair->shared.len)));
    }
    return answer;
}

json_t *bench_pair(const char *a, const char *b, const PairOptions *options, Arena *arena, Diag *diag)
{
    Pair pair = {arena, diag, options, .sides = {{.program = a}, {.program = b}}};
    json_t *answer = play(&pair) ? pair_json(&pair) : NULL;
    json_decref(pair.sides[0].greeting);
    json_decref(pair.sides[1].greeting);
    return answer;
}

/* ── In words ────────────────────────────────────────────────────────────────────────────────────────── */

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

/* A bound that is not known is what it must be: 0, infinity. */
static Ratio ratio_read(const json_t *object)
{
    const json_t *bounds = json_object_get(object, "confidence"), *high = json_array_get(bounds, 1);
    return (Ratio){number(object, "ratio"), json_number_value(json_array_get(bounds, 0)),
                   json_is_null(high) ? INFINITY : json_number_value(high)};
}

enum { PERCENT_TEXT = 48 };

/* "4.2 % more", "0.3 % less" */
static const char *percent_text(char text[PERCENT_TEXT], double ratio)
{
    if (isinf(ratio))
        return "any amount more";
    snprintf(text, PERCENT_TEXT, "%.1f %% %s", fabs(ratio - 1) * 100, ratio < 1 ? "less" : "more");
    return text;
}

static void print_side(const char *letter, const json_t *side)
{
    const char *precision = json_string_value(json_object_get(side, "precision"));
    printf("%s %12.4g ms %9.1f GFLOP/s   ", letter, number(side, "median_ms"), number(side, "gflops"));
    put_escaped(stdout, precision ? precision : "?");
    fputs("   ", stdout);
    put_escaped(stdout, json_string_value(json_object_get(side, "name")));
    putchar('\n');
}

static void print_phases(const json_t *answer)
{
    size_t index;
    json_t *phase, *lone = json_object_get(answer, "phases_of_one");
    json_array_foreach (json_object_get(answer, "per_op"), index, phase) {
        Ratio ratio = ratio_read(phase);
        printf("%10.4f ms in A %10.4f ms in B  %-6s  ", number(phase, "a_ms"), number(phase, "b_ms"),
               ratio.low > 1    ? "slower"
               : ratio.high < 1 ? "faster"
                                : "");
        put_escaped(stdout, json_string_value(json_object_get(phase, "name")));
        putchar('\n');
    }
    if (number(lone, "a") + number(lone, "b") > 0)
        printf("and %.0f of A, %.0f of B that the other has none of the name of\n", number(lone, "a"), number(lone, "b"));
}

void bench_pair_print(const json_t *answer)
{
    char is[PERCENT_TEXT], low[PERCENT_TEXT], high[PERCENT_TEXT];
    Ratio ratio = ratio_read(answer);
    bool seen = ratio.low > 1 || ratio.high < 1;
    double threads = number(answer, "threads");
    print_phases(answer);
    print_side("A", json_object_get(answer, "a"));
    print_side("B", json_object_get(answer, "b"));
    printf("%sB takes %s time than A (95 %% confidence: %s to %s; %.0f rounds, %.0f %s, batch %.0f)\n",
           seen ? "" : "no difference can be seen: ", percent_text(is, ratio.value), percent_text(low, ratio.low),
           percent_text(high, ratio.high), number(answer, "rounds"), threads, COUNTED(threads, "thread"),
           number(answer, "batch"));
}

void bench_pair_judge(const json_t *answer, double most, Diag *diag)
{
    char is[PERCENT_TEXT], low[PERCENT_TEXT];
    Ratio ratio = ratio_read(answer);
    if (ratio.low > 1 + most)
        diag_error(diag, NO_SPAN,
                   "B is slower than A by more than %g %%: it takes %s time, and with 95 %% confidence at least %s", most * 100,
                   percent_text(is, ratio.value), percent_text(low, ratio.low));
    else if (ratio.high > 1 + most)
        diag_note(diag, NO_SPAN,
                  "whether B is slower than A by more than %g %% can't be told from %.0f rounds; --rounds=%.0f tells more",
                  most * 100, number(answer, "rounds"), fmin(4 * number(answer, "rounds"), MOST_PAIRS));
}
