/* Answers as JSON: indented, keys in the order they were set. */
#include "compiler/report/json.h"

#include <stdio.h>

void json_print(json_t *answer, int digits)
{
    json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(digits));
    putchar('\n');
    json_decref(answer);
}
