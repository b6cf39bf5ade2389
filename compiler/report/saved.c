/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A saved report may come from anywhere, so what others rely on is checked once, here: that each of these keys is of its type. What is
 * not in the table is looked for and may be missing.
 *
 *   old.json   {"format": "cnxc-report", …}
 *   old.html   <!doctype html>… <script type="application/json" id="report">{"format": …}</script> …   in which < is \u003c */
#include "compiler/report/saved.h"
#include "compiler/report/json.h"
#include "compiler/report/page.h"
#include "compiler/report/start.h"
#include "ir/base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t MOST_BYTES = 256 << 20;
enum { MOST_LEVELS = 32 }; /* of objects and lists; a comparison holds a report two levels further in, and is read again */

bool saved_is_report(const char *path, Diag *diag)
{
    char start[64] = {0};
    ssize_t n = start_read(path, start, sizeof start - 1, diag);
    const char *at = start + strspn(start, " \t\r\n");
    return n > 0 && (*at == '{' || *at == '[' || strncmp(at, "<!", 2) == 0);
}

/* Of a file of no more than MOST_BYTES; NULL: errno says why. The caller frees it. */
static char *read_text(const char *path, size_t *length)
{
    struct stat info;
    FILE *file = fopen(path, "rbe");
    char *text = NULL;
    bool ok = file && fstat(fileno(file), &info) == 0;
    if (ok && info.st_size > MOST_BYTES) {
        errno = EFBIG;
    } else if (ok) {
        text = memory_new((size_t)info.st_size + 1);
        *length = fread(text, 1, (size_t)info.st_size, file);
        text[*length] = 0;
    }
    if (text && ferror(file)) {
        free(text);
        text = NULL;
    }
    int error = errno;
    if (file)
        fclose(file);
    errno = error;
    return text;
}

/* ── What is relied on ───────────────────────────────────────────────────────────────────────────────── */

static const JsonRule rules[] = {
    {NULL, "model", NEED_OBJECT},   {NULL, "how", NEED_OBJECT},       {NULL, "time", NEED_OBJECT},
    {NULL, "regions", NEED_LIST},   {"regions", "output", NEED_TEXT}, {"regions", "kind", NEED_TEXT},
    {"regions", "ms", NEED_NUMBER}, {"regions", "phases", NEED_LIST},
};

/* Whether there is more in it than `most` levels of objects and lists. */
static bool is_deeper(const json_t *value, int most)
{
    size_t i;
    const char *key;
    json_t *item;
    bool deeper = !most && (json_is_object(value) || json_is_array(value));
    if (most) {
        json_array_foreach (value, i, item)
            deeper = deeper || is_deeper(item, most - 1);
        json_object_foreach ((json_t *)(uintptr_t)value, key, item)
            deeper = deeper || is_deeper(item, most - 1);
    }
    return deeper;
}

static bool check(const json_t *root, const char *path, Diag *diag)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    if (!format || strcmp(format, "cnxc-report") != 0)
        diag_error(diag, NO_SPAN, "'%s' is no report that cnxc has written", path);
    else if (version != 1)
        diag_error(diag, NO_SPAN, "'%s' is a report of version %lld, expected 1", path, (long long)version);
    else if (is_deeper(root, MOST_LEVELS))
        diag_error(diag, NO_SPAN, "'%s' is no report: it has more than %d levels", path, MOST_LEVELS);
    return !diag_failed(diag) && json_keeps(root, rules, countof(rules), path, "report", diag);
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static json_t *parse(const char *text, size_t length, const char *path, Diag *diag)
{
    const char *report = text[strspn(text, " \t\r\n")] == '<' ? page_report(text) : text;
    json_error_t error;
    if (!report) {
        diag_error(diag, NO_SPAN, "'%s' is a page without a report of cnxc", path);
        return NULL;
    }
    json_t *root = json_loadb(report, report == text ? length : strcspn(report, "<"), JSON_REJECT_DUPLICATES, &error);
    if (!root)
        diag_error(diag, NO_SPAN, "'%s' is no report: line %d: %s", path, error.line, error.text);
    return root;
}

json_t *saved_read(const char *path, Diag *diag)
{
    size_t length = 0;
    char *text = read_text(path, &length);
    if (!text) {
        diag_resource(diag, NO_SPAN, "'%s' can't be read: %s", path, strerror(errno));
        return NULL;
    }
    json_t *root = parse(text, length, path, diag);
    free(text);
    if (!root || check(root, path, diag))
        return root;
    json_decref(root);
    return NULL;
}
