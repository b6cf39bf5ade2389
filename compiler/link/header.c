/* NAME.h: api.h is valid C as it stands; a model's header is the same text with another prefix.
 *
 *   CNXRT_API int64_t cnxrt_abi_version(void);   with --prefix=tiny becomes
 *   TINY_API int64_t tiny_abi_version(void);
 *
 * and the line that marks the place of the constants gives way to those of the model. */
#include "compiler/link/header.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char constants_mark[] = "/* @constants of the model@ */\n";

static const char *const public_names[] = {
    "cnxrt_abi_version",
    "cnxrt_classify_file",
    "cnxrt_classify_memory",
    "cnxrt_context_create",
    "cnxrt_context_destroy",
    "cnxrt_context_error",
    "cnxrt_context_set_image_size",
    "cnxrt_create",
    "cnxrt_destroy",
    "cnxrt_image_size",
    "cnxrt_info_json",
    "cnxrt_run",
    "cnxrt_status_text",
    "cnxrt_workspace_bytes",
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
    const char *path = arena_printf(arena, "%s/api.h", options->runtime_dir);
    const char *text = read_text(path, arena, diag);
    const char *mark = text ? strstr(text, constants_mark) : NULL;
    if (!mark) {
        if (text)
            diag_resource(diag, NO_SPAN, "%s is not cnxc's own: it has no place for constants", path);
        return NULL;
    }
    const char *upper = upper_case(options->prefix, arena), *extra = options->header_extra;
    StrBuf out = {.arena = arena};
    put_renamed(&out, text, mark - text, options->prefix, upper);
    if (extra)
        put_renamed(&out, extra, (int64_t)strlen(extra), options->prefix, upper);
    const char *rest = mark + strlen(constants_mark);
    put_renamed(&out, rest, (int64_t)strlen(rest), options->prefix, upper);
    return out.text;
}
