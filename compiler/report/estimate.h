/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Estimates of what a program will need, from its schedule and the CPU profile alone: see estimate.c. */
#ifndef CNXC_REPORT_ESTIMATE_H
#define CNXC_REPORT_ESTIMATE_H

#include "compiler/schedule/program.h"

#include <jansson.h>

typedef struct Estimate {
    double arithmetic_ms;    /* what the vector units need */
    double traffic_ms;       /* what weights and activations need on their way */
    double ms;               /* the larger, and the barrier */
} Estimate;

/* Of an image, on so many threads. All 0 where the profile does not say how fast the CPU is. */
Estimate estimate_phase(const Program *program, const Phase *phase, int64_t threads);
Estimate estimate_program(const Program *program, int64_t threads); /* the sums over all phases */

/* From and to memory, for an image: every tensor, arena buffer and packed weight that the phases name, once. */
int64_t estimate_bytes(const PhaseList *phases);

/* For `cnxc info`: on one thread and on all of the profile's cores. */
void estimate_print(const Program *program);
json_t *estimate_json(const Program *program);

#endif
