/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A report as a page. Files of page/ are put together when cnxc is built (page/page.cmake); all that is left to do is to put the
 * report in its place. HTML ends a script at </script and at nothing else, so that a report without < is safe whatever names are in
 * it; in JSON < stands in strings only, where it has an escape.
 *
 *   {"name": "</script>"} ─► <script type="application/json" id="report">{"name": "\u003c/script>"}</script> */
#include "compiler/report/page.h"
#include "compiler/report/page/text.h"

#include <string.h>

static const char before_report[] = "<script type=\"application/json\" id=\"report\">", mark[] = "@report@";

void page_print(FILE *out, const char *report)
{
    const char *place = strstr(page_text, mark);
    fwrite(page_text, 1, (size_t)(place - page_text), out);
    for (const char *c = report; *c; c++)
        *c == '<' ? (void)fputs("\\u003c", out) : (void)fputc(*c, out);
    fputs(place + strlen(mark), out);
}

const char *page_report(const char *text)
{
    const char *tag = strstr(text, before_report);
    return tag ? tag + strlen(before_report) : NULL;
}
