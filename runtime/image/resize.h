/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Resize: Pillow's and torchvision's 8-bit resampling, of the part of the result that is wanted. */
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

/* What is known of an axis before there is a picture. */
typedef struct ResizeBound {
    int64_t length;               /* outputs that are wanted, at most */
    double scale;                 /* inputs to one output, at most */
} ResizeBound;

/* So many bytes of room are enough for pictures up to this size; `how` without sizes and windows. */
double image_resize_room(const Image *largest, const Resize *how, ResizeBound x, ResizeBound y);

#endif
