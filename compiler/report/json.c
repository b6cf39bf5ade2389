/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Answers as JSON: of compiled programs, read; of cnxc, indented, with keys in the order they were set. */
#include "compiler/report/json.h"
#include "compiler/build/process.h"
#include "ir/base/escape.h"

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

void json_print(json_t *answer, int digits)
{
    char *text = json_dumps(answer, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(digits));
    if (!text)
        out_of_memory();
    put_json_text(stdout, text);
    putchar('\n');
    free(text);
    json_decref(answer);
}

json_t *json_finite(double number) { return isfinite(number) ? json_real(number) : json_null(); }
