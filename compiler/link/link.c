/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The linker: from a model's object to what the user asked for, by LLD and LLVM's libraries, which are part of this program; no
 * compiler, linker or C library need be installed, nor be the same elsewhere.
 *
 *   executable   ld.lld  model.o weights.o libcnxrt.a libjpeg.a libpng16.a libwebp.a libz.a libm.stub libc.stub
 *   libraries    ld.lld -r  the same, the public functions as roots → one relocatable object
 *                llvm-objcopy: cnxrt_run → PREFIX_run for the public functions; everything else becomes local
 *                → it is the .o, llvm-ar makes the .a; NAME.h is made beside it
 *                ld.lld -shared  that, without weights so far → the .so
 *
 * So a library shows PREFIX_ symbols only, and any number of models, each with its own copy of the runtime, live in
 * one process. Weights are an object from the start (weights_object.c): no C array, no assembler, no memory.
 * A stub has the C library's names and versions (runtime/stub.cmake). Only --static wants the C library itself. */
#define _GNU_SOURCE /* strverscmp */
#include "compiler/link/link.h"
#include "compiler/link/command.h"
#include "compiler/link/header.h"
#include "compiler/link/lld.h"
#include "ir/base/parallel.h"
#include "ir/base/path.h"
#include "ir/base/str.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Linking {
    const LinkOptions *options;
    Arena *arena;
    Diag *diag;
    const char *output;         /* the temporary beside options->output */
} Linking;

static const char *const image_libraries[] = {"libjpeg.a", "libpng16.a", "libwebpdemux.a", "libwebp.a", "libz.a"};

/* The threads by which the decoders hang on their encoders: functions that only writing a picture calls, named by
 * decoders' objects all the same. A trap of the runtime stands in for them, and 170 kB of Huffman tables, PNG writer
 * and deflate stay out. A libjpeg or libpng without such a name is none the worse. */
static const char *const encoder_functions[] = {
    "jsimd_huff_encode_one_block_sse2", "jconst_huff_encode_one_block", "jsimd_huff_encode_one_block_neon", "png_save_uint_32",
    "png_destroy_write_struct",         "png_free_buffer_list",
};

static Command ld(const Linking *link)
{
    Command command = {.arena = link->arena};
    command_add(&command, "ld.lld");
    command_add(&command, arena_printf(link->arena, "--threads=%lld", (long long)parallel_jobs()));
    return command;
}

static bool run(const Linking *link, const Command *command)
{
    if (link->options->verbose)
        command_print(command);
    return link->options->dry_run || command_link(command, link->diag);
}

static const char *temp_path(const Linking *link, const char *name)
{
    return arena_printf(link->arena, "%s/%s", link->options->temp_dir, name);
}

bool link_write_text(const char *path, const char *text, Diag *diag)
{
    FILE *file = fopen(path, "wbe");
    bool ok = file && fputs(text, file) >= 0;
    if (file && fclose(file) != 0)
        ok = false;
    if (!ok)
        diag_resource(diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
    return ok;
}

/* ── Parts ───────────────────────────────────────────────────────────────────────────────────────────── */

static const char *runtime_part(const Linking *link, const char *name)
{
    return arena_printf(link->arena, "%s/%s", link->options->runtime_dir, name);
}

static void leave_encoders_out(const Linking *link, Command *command)
{
    command_add(command, "--undefined=cnxrt_no_encoder");
    for (int64_t i = 0; i < countof(encoder_functions); i++)
        command_add(command, arena_printf(link->arena, "--defsym=%s=cnxrt_no_encoder", encoder_functions[i]));
}

static void add_code(const Linking *link, Command *command)
{
    leave_encoders_out(link, command);
    for (int64_t i = 0; i < link->options->n_model_objects; i++)
        command_add_file(command, link->options->model_objects[i]);
    command_add_file(command, runtime_part(link, "libcnxrt.a"));
    for (int64_t i = 0; i < countof(image_libraries); i++)
        command_add_file(command, runtime_part(link, image_libraries[i]));
}

static void add_weights(const Linking *link, Command *command)
{
    if (link->options->weights_object)
        command_add_file(command, link->options->weights_object);
}

static void add_stubs(const Linking *link, Command *command)
{
    static const char *const stubs[] = {"libm.stub", "libc.stub", "ld.stub"};
    command_add(command, "--as-needed");
    for (int64_t i = 0; i < countof(stubs); i++)
        command_add_file(command, runtime_part(link, stubs[i]));
}

/* What executables and shared libraries have in common. */
static void add_manners(const Linking *link, Command *command)
{
    static const char *const manners[] = {"--gc-sections",
                                          "--eh-frame-hdr",
                                          "--hash-style=gnu",
                                          "--build-id=none",
                                          "-z",
                                          "relro",
                                          "-z",
                                          "now",
                                          "-z",
                                          "noexecstack",
                                          "-z",
                                          "defs",
                                          NULL};
    command_add_all(command, manners);
    if (!link->options->symbols)
        command_add(command, "-s");
    command_add(command, "-o");
    command_add_file(command, link->output);
}

/* ── The C library itself ────────────────────────────────────────────────────────────────────────────── */

/* The last file that a pattern finds, of several versions the newest; NULL: none. */
static const char *newest(const Linking *link, const char *pattern, const char *file)
{
    glob_t found;
    const char *path = NULL;
    if (glob(arena_printf(link->arena, pattern, link->options->system, file), 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            if (!path || strverscmp(found.gl_pathv[i], path) > 0)
                path = arena_strdup(link->arena, found.gl_pathv[i]);
        globfree(&found);
    }
    return path;
}

/* Adds a file of a development package; false after a diagnostic. */
static bool add_installed(const Linking *link, Command *command, const char *file)
{
    static const char *const places[] = {"/usr/lib/%s/%s", "/usr/%s/lib/%s", "/usr/lib/gcc/%s/*/%s",
                                         "/usr/lib/gcc-cross/%s/*/%s"};
    for (int64_t i = 0; i < countof(places); i++) {
        const char *path = newest(link, places[i], file);
        if (path) {
            command_add(command, path);
            return true;
        }
    }
    diag_resource(link->diag, NO_SPAN, "--static needs %s, which is not installed: install %s", file, link->options->install);
    return false;
}

static bool add_all_installed(const Linking *link, Command *command, const char *const *files)
{
    bool ok = true;
    for (; ok && *files; files++)
        ok = add_installed(link, command, *files);
    return ok;
}

/* ── Artifacts ───────────────────────────────────────────────────────────────────────────────────────── */

static bool link_with_libc(const Linking *link)
{
    static const char *const words[] = {"-static", "-pie", "--no-dynamic-linker", "-z", "text", "--undefined=licenses_glibc",
                                        NULL};
    static const char *const before[] = {"rcrt1.o", "crti.o", NULL};
    static const char *const after[] = {"libm.a", "libc.a", "libgcc.a", "libgcc_eh.a", NULL};
    Command command = ld(link);
    command_add_all(&command, words);
    add_manners(link, &command);
    if (!add_all_installed(link, &command, before))
        return false;
    add_code(link, &command);
    add_weights(link, &command);
    command_add(&command, "--start-group");
    if (!add_all_installed(link, &command, after))
        return false;
    command_add(&command, "--end-group");
    return add_installed(link, &command, "crtn.o") && run(link, &command);
}

static bool link_executable(const Linking *link)
{
    if (link->options->static_libc)
        return link_with_libc(link);
    Command command = ld(link);
    command_add(&command, "-pie");
    command_add(&command, arena_printf(link->arena, "--dynamic-linker=%s", link->options->interpreter));
    add_manners(link, &command);
    add_code(link, &command);
    add_weights(link, &command);
    add_stubs(link, &command);
    return run(link, &command);
}

/* Debian's libjpeg and libpng refer to stderr, in default error handlers that the runtime replaces, by a relocation
 * that no shared library may have: a constant of the runtime stands in for it. */
static bool merge_objects(const Linking *link, const char *output)
{
    const char *const *names;
    int64_t n = public_symbols(&names);
    Command command = ld(link);
    command_add(&command, "-r");
    command_add(&command, "--gc-sections");
    command_add(&command, "-o");
    command_add_file(&command, output);
    for (int64_t i = 0; i < n; i++)
        command_add(&command, arena_printf(link->arena, "--undefined=%s", names[i]));
    command_add(&command, "--defsym=stderr=cnxrt_no_stream");
    add_code(link, &command);
    if (link->options->kind != ARTIFACT_SHARED)
        add_weights(link, &command);
    return run(link, &command);
}

/* Whether what LLVM's libraries were asked for was done: what they say is wrong, or NULL. */
static bool succeeded(const Linking *link, const char *output, char *mistake)
{
    if (mistake)
        diag_resource(link->diag, NO_SPAN, "cannot write %s: %s", output, mistake);
    free(mistake);
    return !mistake;
}

typedef const char *Renaming[2];

static Renaming *renamings(const Linking *link, int64_t *n)
{
    const char *const *names;
    *n = public_symbols(&names);
    Renaming *pairs = arena_alloc(link->arena, (size_t)*n * sizeof *pairs);
    for (int64_t i = 0; i < *n; i++) {
        pairs[i][0] = names[i];
        pairs[i][1] = arena_printf(link->arena, "%s%s", link->options->prefix, names[i] + strlen("cnxrt"));
    }
    return pairs;
}

static void print_renaming(const Linking *link, Renaming *names, int64_t n, const char *input, const char *output)
{
    Command command = {.arena = link->arena};
    command_add(&command, "llvm-objcopy");
    for (int64_t i = 0; i < n; i++) {
        command_add(&command, arena_printf(link->arena, "--redefine-sym=%s=%s", names[i][0], names[i][1]));
        command_add(&command, arena_printf(link->arena, "--keep-global-symbol=%s", names[i][0]));
    }
    command_add_file(&command, input);
    command_add_file(&command, output);
    command_print(&command);
}

static bool rename_symbols(const Linking *link, const char *input, const char *output)
{
    int64_t n;
    Renaming *names = renamings(link, &n);
    if (link->options->verbose)
        print_renaming(link, names, n, input, output);
    return link->options->dry_run ||
           succeeded(link, output, lld_rename(input, output, (const char *const(*)[2])names, (size_t)n));
}

static bool link_shared(const Linking *link, const char *object)
{
    Command command = ld(link);
    command_add(&command, "-shared");
    command_add(&command, arena_printf(link->arena, "--soname=%s", path_base(link->options->output)));
    add_manners(link, &command);
    command_add_file(&command, object);
    add_weights(link, &command);
    add_stubs(link, &command);
    return run(link, &command);
}

static bool make_archive(const Linking *link, const char *object)
{
    Command command = {.arena = link->arena};
    command_add(&command, "llvm-ar");
    command_add(&command, "rcsD");
    command_add_file(&command, link->output);
    command_add_file(&command, object);
    if (link->options->verbose)
        command_print(&command);
    return link->options->dry_run || succeeded(link, link->output, lld_archive(object, link->output));
}

static bool link_library(const Linking *link)
{
    const char *merged = temp_path(link, "merged.o");
    const char *object = link->options->kind == ARTIFACT_OBJ
                             ? link->output
                             : temp_path(link, arena_printf(link->arena, "%s.o", link->options->prefix));
    if (!merge_objects(link, merged) || !rename_symbols(link, merged, object))
        return false;
    switch (link->options->kind) {
    case ARTIFACT_SHARED: return link_shared(link, object);
    case ARTIFACT_STATIC: return make_archive(link, object);
    default: return true;
    }
}

/* ── Putting them in place ───────────────────────────────────────────────────────────────────────────── */

const char *link_header_path(const char *output, Arena *arena) { return arena_printf(arena, "%s.h", path_stem(arena, output)); }

/* A device or a folder must not be renamed over. */
static bool check_place(const char *path, Diag *diag)
{
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode))
        return true;
    diag_resource(diag, NO_SPAN, "cannot write %s: it is %s", path, S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
    return false;
}

static bool put_in_place(const Linking *link, const char *temporary, const char *path)
{
    if (link->options->dry_run || rename(temporary, path) == 0)
        return true;
    diag_resource(link->diag, NO_SPAN, "cannot write %s: %s", path, strerror(errno));
    return false;
}

static bool link_and_place(Linking *link, const char *header, const char *header_temporary)
{
    const LinkOptions *options = link->options;
    if (options->kind == ARTIFACT_EXE)
        return link_executable(link) && put_in_place(link, link->output, options->output);
    const char *text = header_text(options, link->arena, link->diag);
    bool ok = text && (options->dry_run || link_write_text(header_temporary, text, link->diag));
    return ok && link_library(link) && put_in_place(link, link->output, options->output) &&
           put_in_place(link, header_temporary, header);
}

bool link_artifact(const LinkOptions *options, Arena *arena, Diag *diag)
{
    Linking link = {.options = options, .arena = arena, .diag = diag};
    const char *header = link_header_path(options->output, arena);
    bool library = options->kind != ARTIFACT_EXE;
    if (!check_place(options->output, diag) || (library && !check_place(header, diag)))
        return false;
    if (library && str_equal(header, options->output)) {
        diag_resource(diag, NO_SPAN, "cannot write %s: its header would have the same name", options->output);
        return false;
    }
    link.output = arena_printf(arena, "%s.%ld.tmp", options->output, (long)getpid());
    const char *header_temporary = arena_printf(arena, "%s.%ld.tmp", header, (long)getpid());
    bool ok = link_and_place(&link, header, header_temporary);
    if (!options->dry_run && !ok) {
        unlink(link.output);
        unlink(header_temporary);
    }
    return ok;
}
