/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What to calibrate with: pictures, or batches of pixels, in a folder or one for each class. */
#ifndef CNXC_BUILD_CALIBRATE_SET_H
#define CNXC_BUILD_CALIBRATE_SET_H

#include "ir/base/diag.h"
#include "ir/base/str.h"
#include "ir/tensor.h"

typedef struct SetFile {
    const char *path;
    int64_t first, images; /* number of the first of them in the set; how many: of a picture 1 */
    bool is_batch;         /* DIR/NAME.npy: pixels [images, …] */
} SetFile;

typedef struct CalibrationSet {
    VEC(SetFile) files;    /* sorted by path */
    int64_t images;
} CalibrationSet;

bool set_read(CalibrationSet *set, const char *dir, Arena *arena, Diag *diag); /* false after a diagnostic */

/* Of paths and contents. False: errno says why. */
bool set_hash(const char *dir, uint64_t *hash);

/* Every second image is kept to judge by what was learned from the others. */
static inline bool set_judges(int64_t image) { return image % 2; }

#endif
