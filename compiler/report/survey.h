/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Surveys: what a phase of a tile program does, in the terms people think in. */
#ifndef CNXC_REPORT_SURVEY_H
#define CNXC_REPORT_SURVEY_H

#include "compiler/schedule/program.h"

/* Calls of one kind of kernel (products: with one inner length), whatever their tiles. */
typedef struct SurveyStep {
    const Kernel *kernel;     /* the form that does most of the work */
    const char *form;         /* its name without prefix, hash and ISA: gemm_f32_14x32_k96 */
    int64_t calls, forms;     /* of all forms, in the whole phase */
    int64_t work;             /* of `kernel`'s form: elements times inner length */
} SurveyStep;

typedef struct Survey {
    const Phase *phase;
    int64_t chunks, sections;
    VEC(SurveyStep) steps;    /* in the order of the program's kernels */
    /* Of one chunk, of the section where it is most: */
    int64_t pixels;           /* rows that LayerNorm writes: the block of pixels; 0: no LayerNorm here */
    int64_t hidden;           /* columns of the hidden tensor that lie in scratch at a time; 0: no such tensor */
    int64_t scratch_bytes, data_bytes, weight_bytes; /* touched, in whole cache lines; data: tensors and arena */
    DType precision;          /* of the product with most work, its weights'; undefined: there is no product */
    int64_t tile_bytes;       /* of the product with most work: its rows of A, its panel of B, its tile of C */
} Survey;

Survey survey_phase(const Program *program, const Phase *phase, Arena *arena);

#endif
