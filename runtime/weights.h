/* Weights: where the packed constants are, embedded in the artifact or mapped from a file. */
#ifndef CNXRT_WEIGHTS_H
#define CNXRT_WEIGHTS_H

#include "runtime/api.h"
#include "runtime/model.h"

typedef struct Weights {
    const uint8_t *data;   /* first byte after the header, 64-byte aligned */
    const uint8_t *header; /* the header's first byte */
    size_t mapped_bytes;   /* 0: embedded, nothing to unmap */
} Weights;

/* path: of the weights file, NULL for the model's own place. Embedded weights are taken as they are (their bytes are
 * as trustworthy as the code beside them); a file is checked to the last bit. */
cnxrt_status weights_open(const CnxrtModel *compiled, const char *path, Weights *weights);
void weights_close(Weights *weights);

/* Compares the contents with their checksum. */
cnxrt_status weights_verify(const CnxrtModel *compiled, const Weights *weights);

#endif
