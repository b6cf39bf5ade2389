/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files of ONNX: a ModelProto, read and written. */
#ifndef CNXC_FRONTEND_ONNX_ONNX_H
#define CNXC_FRONTEND_ONNX_ONNX_H

#include "ir/print.h"

/* dir: where external data is looked for. NULL after diagnostics. */
Model *onnx_read(const Source *source, const char *dir, Arena *arena, Diag *diag);
bool onnx_write(const Model *model, FILE *out, const PrintOptions *options);

#endif
