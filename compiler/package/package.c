/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Whoever embeds a model needs more than a library: a header for their language, and a file that tells their build where it lies. Objects
 * and weights are made once and linked twice; the rest are texts, embedded in cnxc, in which the model's name is filled in:
 *
 *   files/model.hpp   namespace @name@ {          →  include/tiny.hpp   namespace tiny {
 *
 * All of it is written into one folder beside its place, which a single rename puts there. */
#define _GNU_SOURCE /* renameat2 */
#include "compiler/package/package.h"
#include "compiler/package/bill.h"
#include "compiler/package/files.h"
#include "ir/base/path.h"
#include "runtime/licenses.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Mark {
    const char *name, *text; /* "@name@" becomes text */
} Mark;

typedef struct Marks {
    Mark at[16];
    int64_t n;
} Marks;

/* ── What differs from model to model ────────────────────────────────────────────────────────────────── */

static int64_t item_bytes(const Type *type)
{
    int64_t count = 1;
    for (int i = 0; i < type->shape.rank; i++)
        count *= type->shape.dims[i].size < 0 ? 1 : type->shape.dims[i].size;
    return count * dtype_size(type->dtype);
}

static Value *const *values_of(const Graph *graph, bool inputs) { return inputs ? graph->inputs.at : graph->outputs.at; }

/* "{602112, true}, {4, false}": bytes of an item, in the size that takes most, and whether the batch comes first. */
static const char *tensors(const Build *build, bool inputs, const char *form)
{
    const Graph *first = build->model->graph;
    int64_t n = inputs ? first->inputs.len : first->outputs.len;
    StrBuf out = {.arena = build->arena};
    sb_put(&out, "");
    for (int64_t i = 0; i < n; i++) {
        const Shape *shape = &values_of(first, inputs)[i]->type.shape;
        int64_t most = 0;
        for (int64_t size = 0; size < build->models.len; size++) {
            int64_t bytes = item_bytes(&values_of(build->models.at[size]->graph, inputs)[i]->type);
            most = bytes > most ? bytes : most;
        }
        bool batched = shape->rank > 0 && shape->dims[0].size < 0;
        sb_put(&out, i ? ", " : "");
        sb_printf(&out, form, (long long)most, batched ? "true" : "false");
    }
    return out.text;
}

static void add(Marks *marks, const char *name, const char *text) { marks->at[marks->n++] = (Mark){name, text}; }

static const char *upper_case(const char *text, Arena *arena)
{
    char *upper = arena_strdup(arena, text);
    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return upper;
}

static Marks marks_of(const Build *build)
{
    Arena *arena = build->arena;
    const Graph *graph = build->model->graph;
    bool arm = str_starts_with(build->options.system->name, "aarch64");
    Marks marks = {.n = 0};
    add(&marks, "@name@", build->prefix);
    add(&marks, "@NAME@", upper_case(build->prefix, arena));
    add(&marks, "@version@", CNXC_VERSION);
    add(&marks, "@processor@", arm ? "aarch64" : "x86_64");
    add(&marks, "@processors@", arm ? "aarch64|arm64" : "x86_64|amd64|AMD64");
    add(&marks, "@n_inputs@", arena_printf(arena, "%lld", (long long)graph->inputs.len));
    add(&marks, "@n_outputs@", arena_printf(arena, "%lld", (long long)graph->outputs.len));
    add(&marks, "@tensors_in@", tensors(build, true, "{%lld, %s}"));
    add(&marks, "@tensors_out@", tensors(build, false, "{%lld, %s}"));
    add(&marks, "@tensors_in_rust@", tensors(build, true, "tensor(%lld, %s)"));
    add(&marks, "@tensors_out_rust@", tensors(build, false, "tensor(%lld, %s)"));
    return marks;
}

static const char *filled(const char *text, const Marks *marks, Arena *arena)
{
    StrBuf out = {.arena = arena};
    while (*text) {
        size_t plain = strcspn(text, "@");
        sb_put_n(&out, text, (int64_t)plain);
        text += plain;
        const Mark *mark = NULL;
        for (int64_t i = 0; *text && i < marks->n && !mark; i++)
            if (str_starts_with(text, marks->at[i].name))
                mark = &marks->at[i];
        if (mark)
            sb_put(&out, mark->text);
        else
            sb_put_n(&out, text, *text != '\0');
        text += mark ? strlen(mark->name) : *text != '\0';
    }
    return out.text;
}

/* ── Files ───────────────────────────────────────────────────────────────────────────────────────────── */

static bool failed(const char *path, Diag *diag)
{
    diag_resource(diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return false;
}

static bool make_folders(Build *build, const char *folder)
{
    const char *const names[] = {"",
                                 "/include",
                                 "/lib",
                                 "/lib/cmake",
                                 arena_printf(build->arena, "/lib/cmake/%s", build->prefix),
                                 "/lib/pkgconfig",
                                 "/python",
                                 "/rust",
                                 "/rust/src"};
    for (int64_t i = 0; i < countof(names); i++)
        if (mkdir(arena_printf(build->arena, "%s%s", folder, names[i]), 0777) != 0)
            return failed(folder, build->diag);
    return true;
}

static bool write_texts(Build *build, const char *folder)
{
    Arena *arena = build->arena;
    const char *name = build->prefix;
    Marks marks = marks_of(build);
    const struct {
        const char *path, *text;
        bool verbatim;
    } files[] = {
        {arena_printf(arena, "include/%s.hpp", name), package_model_hpp, false},
        {arena_printf(arena, "lib/cmake/%s/%sConfig.cmake", name, name), package_Config_cmake, false},
        {arena_printf(arena, "lib/pkgconfig/%s.pc", name), package_model_pc, false},
        {arena_printf(arena, "python/%s.py", name), package_model_py, true},
        {"rust/Cargo.toml", package_Cargo_toml, false},
        {"rust/build.rs", package_build_rs, false},
        {"rust/src/lib.rs", package_lib_rs, false},
        {"LICENSES.txt", licenses_text, true},
        {"sbom.cdx.json", bill_text(build), true},
    };
    for (int64_t i = 0; i < countof(files); i++) {
        const char *text = files[i].verbatim ? files[i].text : filled(files[i].text, &marks, arena);
        if (!link_write_text(arena_printf(arena, "%s/%s", folder, files[i].path), text, build->diag))
            return false;
    }
    return true;
}

/* In the temporary folder, where whatever a link leaves is swept. Both write the header beside them. */
static bool link_libraries(Build *build)
{
    const char *library = arena_printf(build->arena, "%s/lib%s", build->temp_dir, build->prefix);
    return build_artifact(build, ARTIFACT_STATIC, arena_printf(build->arena, "%s.a", library)) &&
           build_artifact(build, ARTIFACT_SHARED, arena_printf(build->arena, "%s.so", library));
}

static bool move(Build *build, const char *name, const char *to)
{
    const char *from = arena_printf(build->arena, "%s/%s", build->temp_dir, name);
    return rename(from, to) == 0 || failed(to, build->diag);
}

static bool move_libraries(Build *build, const char *folder)
{
    const char *name = arena_printf(build->arena, "lib%s", build->prefix);
    Arena *arena = build->arena;
    return move(build, arena_printf(arena, "%s.a", name), arena_printf(arena, "%s/lib/%s.a", folder, name)) &&
           move(build, arena_printf(arena, "%s.so", name), arena_printf(arena, "%s/lib/%s.so", folder, name)) &&
           move(build, arena_printf(arena, "%s.h", name), arena_printf(arena, "%s/include/%s.h", folder, build->prefix));
}

bool package_write(Build *build, const char *folder)
{
    if (build->options.dry_run)
        return link_libraries(build);
    return make_folders(build, folder) && link_libraries(build) && move_libraries(build, folder) && write_texts(build, folder);
}

/* ── The place ───────────────────────────────────────────────────────────────────────────────────────── */

const char *package_refuses_name(const char *prefix)
{
    /* Those of C++ no prefix may be. */
    static const char *const rust[] = {
        "abstract", "as",    "async", "await",  "become",  "box",  "crate", "dyn",      "final", "fn",  "gen",  "impl", "in",
        "let",      "loop",  "macro", "match",  "mod",     "move", "mut",   "override", "priv",  "pub", "ref",  "self", "super",
        "test",     "trait", "type",  "unsafe", "unsized", "use",  "where", "yield",    "core",  "std", "alloc"};
    static const char *const python[] = {"assert", "def",      "del",  "elif",  "except", "from", "global", "import", "is",
                                         "lambda", "nonlocal", "pass", "raise", "with",   "None", "True",   "False"};
    for (int64_t i = 0; i < countof(rust); i++)
        if (strcmp(rust[i], prefix) == 0)
            return "Rust";
    for (int64_t i = 0; i < countof(python); i++)
        if (strcmp(python[i], prefix) == 0)
            return "Python";
    return NULL;
}

static bool is_of_package(const char *name)
{
    static const char *const names[] = {"include", "lib", "python", "rust", "LICENSES.txt", "sbom.cdx.json"};
    for (int64_t i = 0; i < countof(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* What the folder holds; of its names *strange is one that a package lacks, or NULL. */
static int64_t count_entries(const char *path, const char **strange, Arena *arena)
{
    int64_t n = 0;
    DIR *stream = opendir(path);
    *strange = NULL;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n++;
        if (!is_of_package(entry->d_name))
            *strange = arena_strdup(arena, entry->d_name);
    }
    if (stream)
        closedir(stream);
    return n;
}

/* One that cnxc wrote is replaced; nobody's else is. */
static bool check_folder(const char *path, Arena *arena, Diag *diag)
{
    const char *strange;
    int64_t n = count_entries(path, &strange, arena);
    if (strange)
        diag_resource(diag, NO_SPAN, "'%s' is there and holds '%s', which no package does", path, strange);
    else if (n && !bill_is_ours(arena_printf(arena, "%s/sbom.cdx.json", path)))
        diag_resource(diag, NO_SPAN, "'%s' is there and is no package that cnxc wrote", path);
    return !diag_failed(diag);
}

static bool is_inside(const char *path, const char *folder)
{
    char file[PATH_MAX], place[PATH_MAX];
    size_t length = realpath(folder, place) ? strlen(place) : 0;
    return length && realpath(path, file) && strncmp(file, place, length) == 0 && (file[length] == '/' || file[length] == '\0');
}

bool package_check_place(const char *path, const Build *build)
{
    struct stat info;
    const BuildOptions *o = &build->options;
    const char *const inputs[] = {o->input, o->frontend.processor, o->frontend.labels, o->calibrate};
    if (stat(path, &info) != 0)
        return true;
    if (!S_ISDIR(info.st_mode)) {
        diag_resource(build->diag, NO_SPAN, "the output '%s' is a file, expected a folder", path);
        return false;
    }
    for (int64_t i = 0; i < countof(inputs); i++)
        if (inputs[i] && is_inside(inputs[i], path)) {
            diag_resource(build->diag, NO_SPAN, "the output '%s' holds the input '%s'", path, inputs[i]);
            return false;
        }
    return check_folder(path, build->arena, build->diag);
}

bool package_commit(const char *from, const char *to, Diag *diag)
{
    if (rename(from, to) == 0) /* an empty folder gives way */
        return true;
    bool there = errno == ENOTEMPTY || errno == EEXIST;
    return (there && renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) || failed(to, diag);
}
