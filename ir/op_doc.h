/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* docs/ops.md, written from the op table. */
#ifndef CNXC_IR_OP_DOC_H
#define CNXC_IR_OP_DOC_H

#include <stdio.h>

void ops_markdown(FILE *out);

#endif
