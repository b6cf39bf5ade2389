/* Sources: what is read as a whole, from a file, a pipe or standard input. */
#ifndef CNXC_FRONTEND_INPUT_SOURCE_H
#define CNXC_FRONTEND_INPUT_SOURCE_H

#include "ir/base/diag.h"

/* Mapped read-only, or read if a pipe; "-" is standard input. NULL after a diagnostic. */
const Source *source_open(const char *path, Arena *arena, Diag *diag);

#endif
