/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The example in a model's header: how a program uses this very model. */
#ifndef CNXC_BUILD_EXAMPLE_H
#define CNXC_BUILD_EXAMPLE_H

#include "compiler/build/build.h"

/* Lines for LinkOptions.header_example. Requires artifact_describe. */
const char *header_example(const Build *build);

#endif
