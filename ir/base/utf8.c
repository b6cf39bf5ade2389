/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Whether bytes are UTF-8 (Unicode 15, table 3-7). What users write is checked once, where it enters; names and strings are C
 * strings from there on, so NUL counts as wrong, too.
 *
 *   "ab\xc3\xa9"  4 of 4      "ab\xc3"  2 of 3: cut      "\xc0\x80"  0: overlong      "\xed\xa0\x80"  0: a surrogate */
#include "ir/base/utf8.h"

#include <stdbool.h>
#include <string.h>

int utf8_length(const char *text, int64_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    if (*s < 0x80)
        return *s != 0;
    int n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
    if (*s < 0xc2 || *s > 0xf4 || left < n)
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool bad =
        (*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f);
    return bad ? 0 : n;
}

/* Whether eight bytes are all ASCII and none is NUL: what nearly all of a model is. */
static bool is_plain(const unsigned char *s)
{
    uint64_t word, high = 0x8080808080808080u, ones = 0x0101010101010101u;
    memcpy(&word, s, sizeof word);
    return !((word | (word - ones)) & high);
}

int64_t utf8_span(const char *text, int64_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    for (int64_t i = 0, n; i < length; i += n) {
        n = length - i >= 8 && is_plain(s + i) ? 8 : utf8_length(text + i, length - i);
        if (n == 0)
            return i;
    }
    return length;
}
