/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Two compiled programs measured in turn: which is faster, and how sure that is. */
#ifndef CNXC_REPORT_BENCH_PAIR_H
#define CNXC_REPORT_BENCH_PAIR_H

#include "compiler/report/player.h"

enum { MOST_PAIRS = 1000 };

typedef struct PairOptions {
    PlayerOptions player;    /* of both */
    int64_t rounds;          /* of A, B, B, A: FEWEST_PAIRS … MOST_PAIRS; 0: ten seconds' worth */
} PairOptions;

/* {"a": {"median_ms", "gflops"}, "b": likewise, "ratio": of B to A, "confidence": [low, high] at 95 %, "difference": "faster",
 * "slower" or "none" (of B), "rounds", "threads", "batch", and with per_op "per_op": [{"name", "a_ms", "b_ms", "ratio", "confidence"}]
 * of the phases that both have, in A's order, whose intervals all hold together at 95 %}. A bound that is not known is null.
 * NULL after a diagnostic; else the caller's. */
json_t *bench_pair(const char *a, const char *b, const PairOptions *options, Arena *arena, Diag *diag);

/* To standard output; a and b have names. */
void bench_pair_print(const json_t *answer);

/* An error if B takes more time than A by more than `most` (0.02: 2 %) with confidence; a note if that can't be told. */
void bench_pair_judge(const json_t *answer, double most, Diag *diag);

#endif
