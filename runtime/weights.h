/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Weights: where the packed constants are, embedded in the artifact or mapped from a file. */
#ifndef CNXRT_WEIGHTS_H
#define CNXRT_WEIGHTS_H

#include "runtime/api.h"
#include "runtime/model.h"

#include <stdbool.h>
#include <time.h>

typedef struct Weights {
    const uint8_t *data;   /* first byte after the header, 64-byte aligned */
    const uint8_t *header; /* the header's first byte */
    size_t mapped_bytes;   /* or copied; 0: embedded, nothing to let go of */
    int file;              /* that is mapped, where mapped_bytes is not 0; -1: a copy, which nobody else can change */
    struct timespec time;  /* the file's last modification when it was checked */
} Weights;

/* path: of the weights file, NULL for the model's own place. Embedded weights are taken as they are, for
 * weights_verify to check; a file is checked to the last bit, and mapped, or copied into memory. */
cnxrt_status weights_open(const CnxrtModel *compiled, const char *path, bool copy, Weights *weights);
/* Embedded ones go where copies go, and are checked: how fast they are read no longer depends on how the artifact was written. */
cnxrt_status weights_move(const CnxrtModel *compiled, Weights *weights);
void weights_close(Weights *weights);

/* What a file's header says, NULL for the model's own place: that its weights fit, and their hash. */
cnxrt_status weights_look(const CnxrtModel *compiled, const char *path, uint64_t *hash);

/* Whether the mapped file was written to or cut since it was checked: then its pages are no longer what was checked, or not
 * there. One fstat. What happens during a run is not seen; who must not depend on it has a copy. */
bool weights_changed(const Weights *weights);

/* Compares the contents with their checksum. */
cnxrt_status weights_verify(const CnxrtModel *compiled, const Weights *weights);

#endif
