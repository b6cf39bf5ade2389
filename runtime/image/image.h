/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pictures: encoded bytes → samples → the model's pixel values, to the bit as Pillow and transformers do it. */
#ifndef CNXRT_IMAGE_IMAGE_H
#define CNXRT_IMAGE_IMAGE_H

#include "runtime/api.h"
#include "runtime/image/room.h"
#include "runtime/model.h"

#include <stdbool.h>

/* 8-bit samples, channels interleaved: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA (or CMYK while decoding). */
typedef struct Image {
    int64_t width, height, channels;
    uint8_t *pixels; /* of the top row; malloc'ed by the decoders, whose rows follow one another */
    int64_t row;     /* bytes from row to row; negative where the next one lies before */
    bool blue_first; /* the first and the third sample of a pixel stand in each other's place */
} Image;

typedef enum ImageMode {
    IMAGE_RGB,       /* as transformers' load_image: EXIF orientation applied, then RGB, alpha dropped */
    IMAGE_RGB_WHITE, /* the same, but alpha is composited on white */
    IMAGE_NATIVE,    /* the file's own gray, RGB or RGBA samples; no orientation */
} ImageMode;

/* Why a picture was refused. */
typedef struct ImageError {
    cnxrt_status status;
    char text[320];
} ImageError;

/* By content: JPEG, PNG or WebP. False after error was set; image then owns nothing. */
bool image_decode(const uint8_t *bytes, size_t size, ImageMode mode, Image *image, ImageError *error);
bool image_is_known(const uint8_t *bytes, size_t size); /* as one of the three; the first 12 bytes say so */
void image_free(Image *image);

/* The size that the processor makes of the picture. */
void image_prepared_size(const Image *image, const CnxrtPreprocessor *how, int64_t *height, int64_t *width);

/* Resize, crop, rescale and normalise into channels × height × width floats at out, where height and width are those
 * of image_prepared_size. Empties the room and takes all that it needs from there. */
bool image_prepare(const Image *image, const CnxrtPreprocessor *how, Room *room, float *out, ImageError *error);

/* So many bytes of room are enough for any picture up to this size that becomes `height` x `width`. */
double image_prepare_room(const Image *largest, const CnxrtPreprocessor *how, int64_t height, int64_t width);

/* For the decoders. */
bool image_fail(ImageError *error, cnxrt_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool image_check_size(int64_t width, int64_t height, ImageError *error); /* before a library allocates for it */
bool image_allocate(Image *image, int64_t width, int64_t height, int64_t channels, ImageError *error);
bool image_allocate_clear(Image *image, int64_t width, int64_t height, int64_t channels, ImageError *error); /* zeros */

#endif
