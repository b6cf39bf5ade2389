/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Endings of file names. The runtime is compiled with this file, too. */
#ifndef CNXC_IR_BASE_ENDINGS_H
#define CNXC_IR_BASE_ENDINGS_H

#include <stdbool.h>

/* In a folder these are read as pictures, or reported; what else lies there is passed over. */
bool ends_like_picture(const char *name);

#endif
