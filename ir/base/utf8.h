/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* UTF-8. The runtime is compiled with this file, too. */
#ifndef CNXC_IR_BASE_UTF8_H
#define CNXC_IR_BASE_UTF8_H

#include <stdint.h>

/* Bytes of the character at text, of which `left` may be looked at; 0: it is not one, or NUL. */
int utf8_length(const char *text, int64_t left);
/* How many of the bytes are UTF-8 without NUL, up to the first that is not; length: all of them. */
int64_t utf8_span(const char *text, int64_t length);

#endif
