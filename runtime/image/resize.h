/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Resize: Pillow's and torchvision's 8-bit resampling, and torchvision's of floats, of the part of the result that is wanted. */
#ifndef CNXRT_IMAGE_RESIZE_H
#define CNXRT_IMAGE_RESIZE_H

#include "runtime/image/image.h"

enum { RESAMPLE_NEAREST, RESAMPLE_LANCZOS, RESAMPLE_BILINEAR, RESAMPLE_BICUBIC, RESAMPLE_BOX, RESAMPLE_HAMMING };

/* The part of a result that is wanted, and where it goes. */
typedef struct Window {
    int64_t from, length; /* in the resized picture */
    int64_t to;           /* in the canvas */
} Window;

typedef struct Resize {
    int64_t width, height;        /* of the whole resized picture */
    int64_t resample;             /* RESAMPLE_ */
    bool torchvision;             /* its arithmetic instead of Pillow's */
    bool vertical_first;          /* Pillow 13's order of passes */
    Window x, y;
} Resize;

/* Writes the windows into canvas, which has image's channels; takes what it needs from room. */
bool image_resize(const Image *image, const Resize *how, Room *room, Image *canvas, ImageError *error);

/* Whether there is such a size and filter; image_resize checks it itself. */
bool image_check_resize(const Image *image, const Resize *how, ImageError *error);

/* What is known of an axis before there is a picture. */
typedef struct ResizeBound {
    int64_t length;               /* outputs that are wanted, at most */
    double scale;                 /* inputs to one output, at most */
} ResizeBound;

/* So many bytes of room are enough for pictures up to this size; `how` without sizes and windows. */
double image_resize_room(const Image *largest, const Resize *how, ResizeBound x, ResizeBound y);

/* resize_float.c: the same of samples times factor, in floats, by a filter; canvas's rows are `row` floats apart. False: room was
 * too small. */
bool image_resize_float(const Image *image, const Resize *how, float factor, Room *room, float *canvas, int64_t row);
double image_resize_float_room(const Image *largest, const Resize *how, ResizeBound x, ResizeBound y);

double resize_filter(int64_t resample, double x);
double resize_support(int64_t resample); /* the filter is zero outside [-support, support] */
double resize_widest(int64_t resample, double scale); /* inputs under the filter at one output, at most */

#endif
