/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What stands in for parts of other libraries that are never used; compiler/link/link.c puts them in place.
 *
 *   cnxrt_no_stream   for stderr, inside a library made from the runtime: the image libraries' messages go to our own
 *                     handlers, so nothing is ever written to it, and a library is silent
 *   cnxrt_no_encoder  for the functions through which decoders hang on their encoders: a trap, should one be called */
#include <stdio.h>

extern FILE *const cnxrt_no_stream;
FILE *const cnxrt_no_stream = NULL;

void cnxrt_no_encoder(void);
void cnxrt_no_encoder(void) { __builtin_trap(); }
