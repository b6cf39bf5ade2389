/* What `cnxc verify` compares and says. */
#ifndef CNXC_REPORT_VERIFY_H
#define CNXC_REPORT_VERIFY_H

#include "compiler/build/build.h"

typedef struct Comparison {
    const Value *value;      /* of the reference graph */
    const Tensor *expected;
    double error, magnitude; /* largest of all elements */
    bool compared, ok;
} Comparison;

typedef struct Verify {
    Build reference, compiled; /* of one model, not loaded yet */
    bool per_node;             /* compare every value that a program could give, not only the outputs */
    int64_t seed;              /* of the random inputs */
    StrList runner;            /* what runs the executable; empty: it runs by itself */
    Tensor **inputs;           /* found by verify_run, as what follows */
    VEC(Comparison) values;
} Verify;

bool verify_run(Verify *v);      /* false after a diagnostic */
bool verify_ok(const Verify *v); /* nothing was wrong */
void verify_print(const Verify *v); /* to standard output */
void verify_print_json(const Verify *v);

#endif
