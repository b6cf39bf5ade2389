/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tensors in NumPy's .npy files, for exchange with compiled programs. */
#ifndef CNXC_IR_NPY_H
#define CNXC_IR_NPY_H

#include "ir/tensor.h"

bool tensor_write_npy(const Tensor *tensor, const char *path); /* false: errno says why, or EINVAL for a type without one */
Tensor *tensor_read_npy(const char *path, Arena *arena);       /* NULL if path is not such a file */

#endif
