/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products of 8-bit integers: which nodes can become one, and what is planned for them (compiler/build/calibrate makes plans). */
#ifndef CNXC_PASSES_QUANTIZE_H
#define CNXC_PASSES_QUANTIZE_H

#include "ir/graph.h"

/* What becomes of a product. Zeroed: integers, rounded to nearest, and nothing else. */
typedef struct ProductPlan {
    DType precision; /* float or bf16: it stays a product of floats, of that precision; undefined: of integers */
    const float *multipliers; /* [K] of the weights' rows; the columns of what is multiplied are divided by them; NULL: 1 */
    const int8_t *rounded; /* [K,N] the weights, of scales as those to nearest have; NULL: to nearest */
    const float *correction; /* [N] added to the bias; NULL: 0 */
    double decibels; /* signal to noise of the product, on pictures; 0: not measured */
} ProductPlan;

typedef struct QuantizePlan {
    StrMap products; /* name of a product's output → ProductPlan; one that is absent is zero */
    StrList names; /* of those that are there, in the order of the graph */
} QuantizePlan;

typedef struct Quantizable {
    Value *input; /* what is multiplied: its rows, or its patches */
    const Value *weights;
    const Tensor *matrix; /* the weights as float [K,N] */
    Value *bias; /* [N], that is added; NULL: none */
    Node *add; /* who adds it; NULL: the node itself, or nobody */
    bool normal; /* what is multiplied comes out of a LayerNormalization */
    int64_t range; /* of K; 0: all */
    int64_t patch[2]; /* height and width; 0: rows, as they are */
} Quantizable;

/* A MatMul, or a ConvNHWC over patches that do not overlap, of constant weights and worth it. */
bool quantizable(Node *node, Quantizable *q);

/* Weights [K,N] to the nearest integers, times a scale for each column. False: not all are finite. */
bool quantize_weights(const float *weights, int64_t k, int64_t n, int8_t *rounded, float *scales);

#endif
