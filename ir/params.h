/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a node's attributes and constant inputs mean, as plain numbers: said here for inference, the interpreter, passes and
 * schedule. ONNX moved many attributes to inputs over time; both forms are read. All require that what a node is given by inputs
 * is known at compile time, and types of its inputs; what inference refuses may not be asked for. */
#ifndef CNXC_IR_PARAMS_H
#define CNXC_IR_PARAMS_H

#include "ir/graph.h"

/* Integers, or one, given by an input or else by an attribute; no input: -1, no attribute: "". */
typedef struct Ints {
    bool given;
    int64_t count;
    const int64_t *at;
} Ints;
Ints node_ints(const Node *node, const char *attr, int64_t input);

/* The attribute axis as it is written, or its default, which for Softmax depends on the opset; and counted from the front. */
int64_t node_axis_written(const Node *node);
int node_axis(const Node *node);

/* Before opset 13, Softmax, LogSoftmax and Hardmax take all dimensions from axis on together. */
bool softmax_flattens(const Node *node);

Ints node_mvn_axes(const Node *node); /* MeanVarianceNormalization: those it is over */

bool node_is_reduce(const Node *node); /* ReduceMean, ReduceSum … */
/* The dimensions that Reduce* reduces over: none where it leaves its input as it is. */
void node_reduced(const Node *node, bool reduced[MAX_RANK]);

/* Transpose: dimension i of the result is dimension perm[i] of the operand. The rank. */
int node_perm(const Node *node, int64_t perm[MAX_RANK]);

/* Slice, in one dimension. Of one element the step is 1: a step beyond the dimension leads nowhere. */
typedef struct Slice {
    int64_t start, step, length; /* length is -1 of a symbolic dimension */
    bool whole;                  /* the dimension stays as it is */
} Slice;
void node_slices(const Node *node, Slice slices[MAX_RANK]); /* one for each dimension of the input */

/* Pad: elements put before and after each dimension; taken away where negative. */
void node_pads(const Node *node, int64_t before[MAX_RANK], int64_t after[MAX_RANK]);
typedef enum PadMode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP, N_PAD_MODES } PadMode;
PadMode node_pad_mode(const Node *node); /* N_PAD_MODES: there is no such mode */
/* Which element of a dimension of that size stands at place i of the result; -1: the constant does. */
int64_t pad_source(PadMode mode, int64_t size, int64_t before, int64_t after, int64_t i);

const int64_t *node_parts(const Node *node); /* the lengths of Split's outputs, be they left out or not */

void node_shape_range(const Node *node, int64_t *start, int64_t *end); /* Shape: the dimensions [start, end) */

/* The window of a convolution, AveragePool and MaxPool, attributes resolved (auto_pad, defaults). */
typedef struct Window {
    int n; /* spatial dimensions */
    int64_t kernel[MAX_RANK], stride[MAX_RANK], dilation[MAX_RANK], begin[MAX_RANK], end[MAX_RANK]; /* pads */
} Window;
void node_window(const Node *node, Window *window);
/* The same of ConvTranspose, whose pads are taken off its result; out: the result's spatial sizes, of sizes that are known. */
void node_transposed_window(const Node *node, Window *window, int64_t out[MAX_RANK]);
int64_t node_weights(const Node *node); /* a convolution's: which input */
int node_spatial_axis(const Node *node); /* where in its input the spatial dimensions begin */

#endif
