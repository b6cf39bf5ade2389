/* UTF-8. */
#ifndef CNXC_IR_BASE_UTF8_H
#define CNXC_IR_BASE_UTF8_H

#include <stdint.h>

/* How many of the bytes are UTF-8 without NUL, up to the first that is not; length: all of them. */
int64_t utf8_span(const char *text, int64_t length);

#endif
