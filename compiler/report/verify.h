/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What `cnxc verify` compares and says. */
#ifndef CNXC_REPORT_VERIFY_H
#define CNXC_REPORT_VERIFY_H

#include "compiler/build/build.h"

typedef struct Comparison {
    const Value *value;      /* of the reference graph; region by region, of the compiled one */
    const Tensor *expected;  /* from the interpreter */
    const Tensor *exact;     /* per_op: in float32; the same, where the precision is none of the graph's */
    double error, magnitude; /* largest of all elements, beside what is expected */
    double signal, noise;    /* per_op: sums of squares, of what is exact and of the distance from it */
    bool compared, ok;
} Comparison;

typedef struct Given {
    const char *name;        /* of an input of the compiled program */
    const Tensor *tensor;
} Given;

typedef struct Verify {
    Build reference, compiled; /* of one model, not loaded yet */
    bool per_node;             /* compare every value that a program could give, not only the outputs */
    bool per_op; /* compare what each region makes of the reference's values: its own error, not that of those before */
    const char *dir; /* where files go; NULL: a temporary folder */
    int64_t seed; /* of the random inputs */
    StrList runner; /* what runs the executable; empty: it runs by itself */
    VEC(Given) given; /* found by verify_run, as what follows; the graph's inputs come first */
    StrMap known; /* per_op: name → Tensor, of the reference's values that could be given to a program */
    VEC(Comparison) values; /* per_op: the noisiest first */
} Verify;

double verify_decibels(const Comparison *c); /* signal to noise; infinite where nothing is lost */
bool verify_run(Verify *v); /* false after a diagnostic */
bool verify_ok(const Verify *v); /* nothing was wrong */
void verify_print(const Verify *v); /* to standard output */
void verify_print_json(const Verify *v);

#endif
