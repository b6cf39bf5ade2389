/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Answers as JSON: of compiled programs, read; of cnxc, indented, with keys in the order they were set. */
#include "compiler/report/json.h"
#include "compiler/build/process.h"
#include "ir/base/escape.h"
#include "ir/base/str.h"

#include <math.h>
#include <stdlib.h>

json_t *json_answer(const char *const *arguments, Arena *arena, Diag *diag)
{
    StrBuf text = {.arena = arena};
    int code = process_run(arguments, &text, diag);
    json_t *answer = code == 0 && text.text ? json_loads(text.text, 0, NULL) : NULL;
    if (!answer && !diag_failed(diag))
        diag_resource(diag, NO_SPAN, "the compiled program ended with exit code %d", code);
    return answer;
}

void json_write(const json_t *answer, size_t layout, FILE *out)
{
    char *text = json_dumps(answer, layout | JSON_PRESERVE_ORDER);
    if (!text)
        out_of_memory();
    put_json_text(out, text);
    free(text);
}

void json_print(json_t *answer, int digits)
{
    json_write(answer, JSON_INDENT(2) | JSON_REAL_PRECISION(digits), stdout);
    putchar('\n');
    json_decref(answer);
}

json_t *json_text(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    Printed printed;
    printed_begin(&printed);
    put_json_string(printed.out, text);
    printed_end(&printed);
    json = json_loads(printed.text, JSON_DECODE_ANY, NULL);
    free(printed.text);
    return json;
}

json_t *json_finite(double number) { return isfinite(number) ? json_real(number) : json_null(); }
