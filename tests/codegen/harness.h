/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Running kernels by hand: cases are collected, compiled into one object for a CPU, loaded and compared.
 *
 * A case is a kernel, its arguments and what its output must hold afterwards, element by element: also those
 * that it must leave alone. Every buffer ends at an unmapped page, so that a read or write too far is a fault. */
#ifndef CNXC_TESTS_CODEGEN_HARNESS_H
#define CNXC_TESTS_CODEGEN_HARNESS_H

#include "compiler/codegen/codegen.h"
#include "runtime/model.h"

typedef struct Case {
    const char *label;
    Kernel kernel;
    int n_args;
    void *args[MAX_ARGS];    /* from test_buffer, or NULL: left out */
    int out;                 /* index of the output argument */
    DType out_dtype;
    double *expected;        /* of all n_out elements of the output's buffer */
    int64_t n_out;
    double tolerance;        /* of max(1, |expected|) */
} Case;

typedef struct Suite {
    Arena *arena;
    const CpuProfile *cpu;
    int64_t lanes;
    uint64_t random;
    VEC(Case *) cases;
    void *library;           /* dlopen */
    const CnxrtModel *model;
} Suite;

Suite *suite_new(const char *cpu);       /* NULL: this machine cannot run it */
Suite *suite_emulated(const char *cpu, int64_t emulated); /* the caller sees to these CNXRT_CPU_ bits; -1: runs nothing */
void suite_free(Suite *suite);
Case *suite_case(Suite *suite, KernelKind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

void *test_buffer(Suite *suite, int64_t bytes);             /* zeroed, ends at an unmapped page */
float *test_floats(Suite *suite, int64_t count, double low, double high); /* random */
double test_random(Suite *suite, double low, double high);
/* Expectations start as what the output holds now. */
void case_expect(Suite *suite, Case *c, int out, DType dtype, int64_t count, double tolerance);
void case_arg(Case *c, void *buffer);

/* Compiles all cases; run one by its index, repeat times. False: something failed, and was printed. */
bool suite_build(Suite *suite);
void suite_run(Suite *suite, int64_t index, int64_t repeat);
/* Runs and compares all cases: the number of those that are wrong. */
int suite_check(Suite *suite);

/* The expression in double precision. */
double expr_reference(const Expr *expr, const double *operands);
double step_reference(const ExprStep *step, double a, double b, double c);

/* Expressions. */
void expr_begin(Case *c, int n_operands);
void expr_step(Case *c, OpKind op, int a, int b, double imm0, double imm1);
void case_operand(Case *c, int index, DType dtype, int64_t row, int64_t step);

#endif
