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

static bool fits(const json_t *value, JsonNeed need)
{
    return need == NEED_OBJECT ? json_is_object(value)
           : need == NEED_LIST ? json_is_array(value)
           : need == NEED_TEXT ? json_is_string(value)
                               : json_is_number(value);
}

static bool keeps(const json_t *root, const JsonRule *rule, const char *path, const char *what, Diag *diag)
{
    static const char *const names[] = {
        [NEED_OBJECT] = "an object", [NEED_LIST] = "a list", [NEED_TEXT] = "a string", [NEED_NUMBER] = "a number"};
    const json_t *list = rule->list ? json_object_get(root, rule->list) : NULL;
    size_t n = rule->list ? json_array_size(list) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = rule->list ? json_array_get(list, i) : root;
        if (fits(rule->key ? json_object_get(item, rule->key) : item, rule->need))
            continue;
        if (rule->list)
            diag_error(diag, NO_SPAN, "'%s' is no %s: %s[%zu]%s%s is not %s", path, what, rule->list, i, rule->key ? "." : "",
                       rule->key ? rule->key : "", names[rule->need]);
        else
            diag_error(diag, NO_SPAN, "'%s' is no %s: %s is not %s", path, what, rule->key, names[rule->need]);
        return false;
    }
    return true;
}

bool json_keeps(const json_t *root, const JsonRule *rules, int64_t n, const char *path, const char *what, Diag *diag)
{
    for (int64_t i = 0; i < n; i++)
        if (!keeps(root, &rules[i], path, what, diag))
            return false;
    return true;
}

bool json_is_of_program(const json_t *root, const JsonRule *rules, int64_t n, const char *program, Diag *diag)
{
    return json_keeps(root, rules, n, program, "program that cnxc has made", diag);
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
