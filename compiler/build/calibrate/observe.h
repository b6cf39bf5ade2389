/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the float model multiplies, seen on pictures. */
#ifndef CNXC_BUILD_CALIBRATE_OBSERVE_H
#define CNXC_BUILD_CALIBRATE_OBSERVE_H

#include "compiler/build/calibrate/run.h"
#include "compiler/passes/quantize.h"

/* Some of the rows that were multiplied, evenly spread over pictures and pixels. */
typedef struct SampleRows {
    float *at;         /* [n, k] */
    int64_t n, room;
} SampleRows;

typedef struct Observed {
    const char *name;  /* of the product's output */
    Quantizable q;
    int64_t k, n;      /* of its weights */
    float *largest;    /* [k]: magnitude in each column, of all rows that were learned from */
    SampleRows learn, judge;
} Observed;

typedef struct Observation {
    Build build;       /* the same model in float32, for this machine */
    SetRun run;        /* of its program, for what products multiply, each value once */
    VEC(Observed) products;
} Observation;

/* A build of the same model that runs on this machine, in float32. False after a diagnostic. */
bool host_build(Build *build, const Build *of, Arena *arena);

/* Compiles the float model of `of` and runs it on the set; memory of all that comes from the arena. False after a diagnostic. */
bool observe(Observation *o, const Build *of, const CalibrationSet *set, const char *dir, Arena *arena);

#endif
