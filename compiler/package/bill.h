/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The bill of materials of a package: CycloneDX 1.5. */
#ifndef CNXC_PACKAGE_BILL_H
#define CNXC_PACKAGE_BILL_H

#include "compiler/build/build.h"

const char *bill_text(const Build *build); /* JSON */
bool bill_is_ours(const char *path);       /* the file is one that cnxc wrote */

#endif
