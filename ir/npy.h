/* NumPy's .npy files, for exchanging tensors with compiled programs. */
#ifndef CNXC_IR_NPY_H
#define CNXC_IR_NPY_H

#include "ir/tensor.h"

bool npy_write(const char *path, const Tensor *tensor); /* false: errno says why, or EINVAL for a dtype without one */

/* A tensor of float, int64, int32 or bool; NULL if path is not such a file. */
Tensor *npy_read(const char *path, Arena *arena);

#endif
