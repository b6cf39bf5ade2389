/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What Resize and Upsample mean, as plain numbers: sizes along each axis, and of which neighbours each result is made. As with
 * ir/params.h, what is given by inputs must be known, and what inference refuses may not be asked for. */
#ifndef CNXC_IR_RESIZE_H
#define CNXC_IR_RESIZE_H

#include "ir/graph.h"

typedef struct ResizeAxis {
    int axis;
    int64_t in, out;      /* -1: not known */
    float scale;
    double length;        /* the result's, before it became a whole number: scale * in */
    float from, to;       /* the region of interest, as parts of the input */
    bool stays;           /* the result is the input, along this axis */
} ResizeAxis;

/* Inputs as they are given; NULL: not given, or empty. */
const Value *resize_scales(const Node *node);
const Value *resize_sizes(const Node *node);
const Value *resize_roi(const Node *node); /* only where coordinates are its */

bool resize_is_old(const Node *node);      /* of opset 10 and before: asymmetric, and the nearest by the direction */
bool resize_is_nearest(const Node *node);
bool resize_keeps_ratio(const Node *node);
int node_resize(const Node *node, ResizeAxis axes[MAX_RANK]); /* how many axes it names */

/* Along an axis: result i is Σ weights[i*n + t] * in[first[i] + t], t < n; outside [begin, end) it is the extrapolation value. */
typedef struct ResizeTaps {
    int64_t n, begin, end;
    const int64_t *first;
    const double *weights;
} ResizeTaps;
ResizeTaps resize_taps(const Node *node, const ResizeAxis *axis, Arena *arena);

#endif
