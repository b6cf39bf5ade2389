/* The text frontend: checks the bytes, runs the parser, builds the model.
 *
 * ONNX text is UTF-8 without NUL and without a byte order mark. That is checked once, up front, so that names and
 * strings can be C strings from here on. */
#include "compiler/frontend/text.h"
#include "compiler/frontend/frontend.h"

#include "compiler/frontend/parser.h"
#include "ir/base/utf8.h"

#include <string.h>

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
