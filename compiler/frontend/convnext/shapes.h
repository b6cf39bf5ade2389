/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the config.json of a checkpoint would say, that has none. */
#ifndef CNXC_FRONTEND_CONVNEXT_SHAPES_H
#define CNXC_FRONTEND_CONVNEXT_SHAPES_H

#include "compiler/frontend/convnext/parameters.h"

/* Whether they tell all. False after a diagnostic. */
bool hf_shapes_tell(const Parameters *weights, const char *path, Diag *diag);
/* JSON; path is the checkpoint's, for messages. */
const Source *hf_config_of_shapes(const Parameters *weights, const char *path, Arena *arena);

#endif
