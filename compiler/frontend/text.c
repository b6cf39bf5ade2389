/* The text frontend: checks the bytes, runs the parser, builds the model.
 *
 * ONNX text is UTF-8 without NUL and without a byte order mark. That is checked once, up front, so that names and
 * strings can be C strings from here on. */
#include "compiler/frontend/text.h"
#include "compiler/frontend/frontend.h"

#include "compiler/frontend/parser.h"

#include <string.h>

/* The length of the UTF-8 sequence at s; 0: it is not one (overlong, surrogate, too large, cut). */
static int utf8_length(const unsigned char *s, int64_t left)
{
    if (*s < 0x80)
        return 1;
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
static bool plain_word(const unsigned char *s)
{
    uint64_t word, high = 0x8080808080808080u, ones = 0x0101010101010101u;
    memcpy(&word, s, sizeof word);
    return !((word | (word - ones)) & high);
}

static bool check_bytes(const Source *source, Diag *diag)
{
    const unsigned char *text = (const unsigned char *)source->text;
    if (source->length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        diag_error(diag, (Span){source, 0, 3}, "the text begins with a byte order mark, expected plain UTF-8");
        return false;
    }
    for (int64_t i = 0; i < source->length;) {
        if (source->length - i >= 8 && plain_word(text + i)) {
            i += 8;
            continue;
        }
        int n = text[i] ? utf8_length(text + i, source->length - i) : 0;
        if (n == 0) {
            diag_error(diag, (Span){source, i, i + 1}, text[i] ? "byte 0x%02x is not valid UTF-8" : "NUL byte in text", text[i]);
            return false;
        }
        i += n;
    }
    return true;
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
