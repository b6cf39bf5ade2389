/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* ONNX text: .onnxtxt. Its printer is ir/print.h. */
#ifndef CNXC_FRONTEND_TEXT_TEXT_H
#define CNXC_FRONTEND_TEXT_TEXT_H

#include "ir/graph.h"

bool text_probe(const Source *source); /* does it look like text, not like a protobuf? */
/* dir: where external data is looked for. NULL after diagnostics. */
Model *text_parse(const Source *source, const char *dir, Arena *arena, Diag *diag);

#endif
