/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Saved reports, as JSON or as pages, two of them with a NUL between. What is accepted can be compared with the other, both ways,
 * and as a page says the same again. */
#define _GNU_SOURCE /* memrchr */
#include "tests/fuzz/fuzz.h"

#include "compiler/report/compare.h"
#include "compiler/report/json.h"
#include "compiler/report/page.h"
#include "compiler/report/saved.h"
#include "ir/base/str.h"

#include <stdlib.h>
#include <string.h>

static json_t *read_saved(Fuzz *fuzz, const char *name)
{
    const char *path = arena_printf(fuzz->arena, "%s/%s", fuzz_folder(), name);
    if (!saved_is_report(path, &fuzz->diag)) /* it would be a model */
        return NULL;
    json_t *report = saved_read(path, &fuzz->diag);
    fuzz_require_said(fuzz, report != NULL);
    return report;
}

static json_t *read_part(const char *name, const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    fuzz_write(name, data, size);
    json_t *report = read_saved(&fuzz, name);
    fuzz_end(&fuzz);
    return report;
}

static char *page_of(const json_t *report)
{
    Printed json, page;
    printed_begin(&json);
    json_write(report, JSON_COMPACT | JSON_REAL_PRECISION(17), json.out);
    printed_end(&json);
    printed_begin(&page);
    page_print(page.out, json.text);
    printed_end(&page);
    free(json.text);
    return page.text;
}

static void write_and_read(const json_t *report)
{
    char *page = page_of(report);
    json_t *again = read_part("again.html", (const uint8_t *)page, strlen(page));
    fuzz_require(json_equal(report, again), "a page says what its report does");
    json_decref(again);
    free(page);
}

static void compare(const json_t *after, const json_t *before)
{
    Fuzz fuzz = fuzz_begin();
    json_t *compared = json_copy((json_t *)(uintptr_t)after);
    json_object_set_new(compared, "comparison", compare_reports(after, before, NULL, "before.json", fuzz.arena));
    write_and_read(compared);
    json_decref(compared);
    fuzz_end(&fuzz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memrchr(data, 0, size);
    size_t first = nul ? (size_t)(nul - data) : size;
    json_t *a = read_part("a", data, first), *b = nul ? read_part("b", nul + 1, size - first - 1) : json_incref(a);
    if (a && b) {
        compare(a, b);
        compare(b, a);
    }
    json_decref(a);
    json_decref(b);
    return 0;
}
