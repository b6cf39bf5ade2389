/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The steps of segment, for the executable's way of running. */
#ifndef CNXRT_SEGMENT_H
#define CNXRT_SEGMENT_H

#include "runtime/images.h"

/* What a run has left in tensors (inputs, then outputs) for one picture: the class of each pixel of a picture of that size.
 * Empties the room and takes what it needs from there. NULL: out of memory. */
int32_t *segment_labels(const CnxrtModel *compiled, uint8_t *const *tensors, int64_t height, int64_t width, Room *room);

#endif
