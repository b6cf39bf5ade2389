/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The cache of compiled executables and libraries: $XDG_CACHE_HOME/cnxc, keyed by content and options. */
#ifndef CNXC_BUILD_CACHE_H
#define CNXC_BUILD_CACHE_H

#include "compiler/build/build.h"

/* Path of the model's artifact, compiled now if it is not there. Loads build->model in any case.
 * NULL after a diagnostic. */
const char *cache_artifact(Build *build, ArtifactKind kind);

#endif
