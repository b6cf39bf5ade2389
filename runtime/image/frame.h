/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Frame: a picture that the caller has decoded, as samples that the image processor takes. */
#ifndef CNXRT_IMAGE_FRAME_H
#define CNXRT_IMAGE_FRAME_H

#include "runtime/image/image.h"

/* False after error was set: something in it cannot be. What its planes point at is the caller's word. */
bool frame_check(const cnxrt_image *frame, ImageError *error);

/* Requires frame_check. The samples as a file of this kind would give them to a model of so many channels, `white` as in
 * IMAGE_RGB_WHITE: where they lie, if they have that form already, else in room, which is emptied. */
bool frame_image(const cnxrt_image *frame, int64_t channels, bool white, Room *room, Image *image, ImageError *error);

/* So many bytes of room are enough for frames like this one, up to its size; 0: it is used where it lies. */
double frame_room(const cnxrt_image *frame, int64_t channels);

#endif
