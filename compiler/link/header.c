/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* NAME.h: api.h is valid C as it stands; a model's header is the same text with another prefix.
 *
 *   CNXRT_API int64_t cnxrt_abi_version(void);   with --prefix=tiny becomes
 *   TINY_API int64_t tiny_abi_version(void);
 *
 * and the lines that mark the places of an example and of the constants give way to those of the model. */
#include "compiler/link/header.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char *const public_names[] = {
    "cnxrt_abi_version",    "cnxrt_classify_file",   "cnxrt_classify_images", "cnxrt_classify_memory",
    "cnxrt_context_create", "cnxrt_context_destroy", "cnxrt_context_error",   "cnxrt_context_set_image_size",
    "cnxrt_create",         "cnxrt_destroy",         "cnxrt_image_size",      "cnxrt_info_json",
    "cnxrt_label",          "cnxrt_last_error",      "cnxrt_licenses",        "cnxrt_n_labels",
    "cnxrt_prepare",        "cnxrt_prepare_encoded", "cnxrt_reserve",         "cnxrt_run",
    "cnxrt_run_images",     "cnxrt_segment_file",    "cnxrt_segment_image",   "cnxrt_segment_memory",
    "cnxrt_status_text",    "cnxrt_workspace_bytes",
};

int64_t public_symbols(const char *const **names)
{
    *names = public_names;
    return countof(public_names);
}

static const char *read_text(const char *path, Arena *arena, Diag *diag)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        diag_resource(diag, NO_SPAN, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    StrBuf text = {.arena = arena};
    char chunk[4096];
    size_t n;
    do {
        n = fread(chunk, 1, sizeof chunk, file);
        sb_put_n(&text, chunk, (int64_t)n);
    } while (n == sizeof chunk);
    bool failed = ferror(file);
    fclose(file);
    if (failed || !text.len)
        diag_resource(diag, NO_SPAN, "cannot read %s", path);
    return failed || !text.len ? NULL : text.text;
}

static const char *upper_case(const char *text, Arena *arena)
{
    char *upper = arena_strdup(arena, text);
    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return upper;
}

/* Identifiers only: the mark must not stand after a letter, as in "mycnxrt_". */
static void put_renamed(StrBuf *out, const char *text, int64_t length, const char *prefix, const char *upper)
{
    const char *end = text + length;
    for (const char *at = text; at < end;) {
        bool word = at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (!word && strncmp(at, "cnxrt", 5) == 0) {
            sb_put(out, prefix);
            at += 5;
        } else if (!word && strncmp(at, "CNXRT", 5) == 0) {
            sb_put(out, upper);
            at += 5;
        } else {
            sb_put_n(out, at++, 1);
        }
    }
}

const char *header_text(const LinkOptions *options, Arena *arena, Diag *diag)
{
    const struct {
        const char *mark, *text; /* NULL: none */
    } parts[] = {
        {" * @example of the model@\n", options->header_example},
        {"/* @constants of the model@ */\n", options->header_extra},
    };
    const char *path = arena_printf(arena, "%s/api.h", options->runtime_dir), *rest = read_text(path, arena, diag);
    const char *upper = upper_case(options->prefix, arena);
    StrBuf out = {.arena = arena};
    if (!rest)
        return NULL;
    for (size_t i = 0; i < countof(parts); i++) {
        const char *mark = strstr(rest, parts[i].mark);
        if (!mark) {
            diag_resource(diag, NO_SPAN, "%s is not cnxc's own: it has no place for the model's own", path);
            return NULL;
        }
        put_renamed(&out, rest, mark - rest, options->prefix, upper);
        if (parts[i].text)
            put_renamed(&out, parts[i].text, (int64_t)strlen(parts[i].text), options->prefix, upper);
        rest = mark + strlen(parts[i].mark);
    }
    put_renamed(&out, rest, (int64_t)strlen(rest), options->prefix, upper);
    return out.text;
}
