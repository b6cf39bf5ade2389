/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* NAME.h: the runtime's public header with the model's prefix and constants. */
#ifndef CNXC_LINK_HEADER_H
#define CNXC_LINK_HEADER_H

#include "compiler/link/link.h"

/* The header's text, made from runtime_dir/api.h; NULL after a diagnostic. */
const char *header_text(const LinkOptions *options, Arena *arena, Diag *diag);

/* The public functions that api.h declares, spelled with cnxrt_. */
int64_t public_symbols(const char *const **names);

#endif
