/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What is installed beside the compiler. */
#ifndef CNXC_BUILD_RESOURCE_H
#define CNXC_BUILD_RESOURCE_H

#include "compiler/target/system.h"
#include "ir/base/diag.h"

/* The folder with libcnxrt.a and api.h; NULL after a diagnostic. */
const char *resource_dir(const System *system, Arena *arena, Diag *diag);

#endif
