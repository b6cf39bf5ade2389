/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Labels, names of tensors and paths may hold any bytes, and a terminal obeys control characters: they set its title and its
 * clipboard, and hide what was printed before. So text for people has them as C and Python write them, and the backslash, too,
 * so that it can be read back.
 *
 *   "a\tb"  a\tb      ESC "]0;x" BEL  \x1b]0;x\x07      U+009B  \xc2\x9b      a stray byte  \xff      "\"  \\ */
#include "ir/base/escape.h"
#include "ir/base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* C0, DEL and C1 (U+0080 to U+009F, in UTF-8 c2 80 to c2 9f). */
static bool is_control(const unsigned char *text, int n)
{
    return (n == 1 && (*text < 32 || *text == 127)) || (n == 2 && *text == 0xc2 && text[1] < 0xa0);
}

/* What turns the order of all that follows: U+202A to U+202E, U+2066 to U+2069. */
static bool is_turning(const unsigned char *text, int n)
{
    return n == 3 && *text == 0xe2 &&
           ((text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) || (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9));
}

static int escape_byte(unsigned char byte, char *piece)
{
    static const char letters[] = "\tt\nn\rr\\\\";
    for (const char *l = letters; *l; l += 2)
        if ((unsigned char)*l == byte)
            return sprintf(piece, "\\%c", l[1]);
    return sprintf(piece, "\\x%02x", byte);
}

int escape_next(const char *text, int64_t left, char piece[ESCAPE_ROOM])
{
    const unsigned char *c = (const unsigned char *)text;
    if (left <= 0)
        return 0;
    int n = utf8_length(text, left), length = n ? n : 1;
    if (n && *c != '\\' && !is_control(c, n) && !is_turning(c, n)) {
        memcpy(piece, text, (size_t)n);
        piece[n] = 0;
        return n;
    }
    for (int i = 0; i < length; i++)
        piece += escape_byte(c[i], piece);
    return length;
}

void put_escaped(FILE *out, const char *text)
{
    char piece[ESCAPE_ROOM];
    int64_t left = (int64_t)strlen(text);
    for (int n; (n = escape_next(text, left, piece)); text += n, left -= n)
        fputs(piece, out);
}

static void put_json(FILE *out, const char *text, bool (*special)(const unsigned char *c, int n))
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int n = utf8_length((const char *)c, 4);
        if (n == 0)
            fputs("\xef\xbf\xbd", out);
        else if (!special(c, n))
            fwrite(c, 1, (size_t)n, out);
        else if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else
            fprintf(out, "\\u%04x", n == 1 ? c[0] : c[1]);
        c += n ? n : 1;
    }
}

static bool in_string(const unsigned char *c, int n) { return *c == '"' || *c == '\\' || is_control(c, n); }

static bool in_text(const unsigned char *c, int n) { return *c > 32 && is_control(c, n); } /* newlines are between strings */

void put_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    put_json(out, text, in_string);
    fputc('"', out);
}

void put_json_text(FILE *out, const char *json) { put_json(out, json, in_text); }
