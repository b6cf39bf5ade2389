/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The text frontend: checks the bytes, runs the parser, builds the model.
 *
 * ONNX text is UTF-8 without NUL and without a byte order mark. That is checked once, up front, so that names and
 * strings can be C strings from here on. */
#include "compiler/frontend/text/text.h"
#include "compiler/frontend/text/tree.h"

#include "compiler/frontend/text/parser.h"
#include "ir/base/utf8.h"

#include <string.h>

/* ── Is it text? ── */

static bool is_letter(unsigned char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

/* Text begins with blanks, a comment, a header or a graph's name; a ModelProto with a field's tag, most often
 * 0x08. Some tags are letters: then a length or a small number follows, a control character. */
bool text_probe(const Source *source)
{
    const unsigned char *s = (const unsigned char *)source->text;
    int64_t n = source->length, i = 0;
    if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
        return true; /* a byte order mark, which text_parse explains */
    while (i < n && i < 4096 && strchr(" \t\n\v\f\r", s[i]) && s[i])
        i++;
    if (i == n)
        return true;
    if (s[i] == '<' || s[i] == '#' || s[i] == '"')
        return true;
    return is_letter(s[i]) && (i + 1 == n || s[i + 1] >= ' ' || strchr("\t\n\v\f\r", s[i + 1]));
}

/* ── Bytes ── */

static bool check_bytes(const Source *source, Diag *diag)
{
    const unsigned char *text = (const unsigned char *)source->text;
    if (source->length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        diag_error(diag, (Span){source, 0, 3}, "the text begins with a byte order mark, expected plain UTF-8");
        return false;
    }
    int64_t at = utf8_span(source->text, source->length);
    if (at == source->length)
        return true;
    diag_error(diag, (Span){source, at, at + 1}, text[at] ? "byte 0x%02x is not valid UTF-8" : "NUL byte in text", text[at]);
    return false;
}

static bool parse(TextParser *p)
{
    if (text_yylex_init_extra(p, &p->scanner))
        out_of_memory();
    bool ok = text_yyparse(p, p->scanner) == 0;
    text_yylex_destroy(p->scanner);
    return ok;
}

Model *text_parse(const Source *source, const char *dir, Arena *arena, Diag *diag)
{
    TextParser p = {.arena = arena, .diag = diag, .source = source, .dir = dir};
    int64_t errors = diag->n_errors;
    if (!check_bytes(source, diag) || !parse(&p))
        return NULL;
    Model *model = model_new(arena, diag);
    model->source = source;
    return text_build(&p, model) && diag->n_errors == errors ? model : NULL;
}
