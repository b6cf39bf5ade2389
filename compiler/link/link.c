/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The linker: from a model's object to what the user asked for, with the system's cc, ld, objcopy and ar; for another
 * system with the tools that are named after it.
 *
 *   executable   cc     model.o weights.o libcnxrt.a libjpeg.a libpng16.a libwebp.a libz.a
 *   libraries    ld -r  the same, the public functions as roots → one relocatable object
 *                objcopy: cnxrt_run → PREFIX_run for the public functions; everything else becomes local
 *                → it is the .o, ar makes the .a, cc -shared the .so; NAME.h is made beside it
 *
 * So a library shows PREFIX_ symbols only, and any number of models, each with its own copy of the runtime, live in
 * one process. Weights are an object from the start (weights_object.c): no C array, no assembler, no memory. */
#include "compiler/link/link.h"
#include "compiler/link/command.h"
#include "compiler/link/header.h"
#include "ir/base/path.h"
#include "ir/base/str.h"

#include <assert.h>
#include <errno.h>
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

static bool run(const Linking *link, const Command *command)
{
    return command_run(command, link->options->verbose, link->options->dry_run, link->diag);
}

/* A command that begins with a tool: what environment variable `name` says, or the system's own. */
static Command tool(const Linking *link, const char *name, const char *native, const char *cross)
{
    const char *prefix = link->options->cross;
    Command command = {.arena = link->arena};
    command_add_tool(&command, name, prefix ? arena_printf(link->arena, "%s%s", prefix, cross) : native);
    return command;
}

static const char *temp_path(const Linking *link, const char *name)
{
    return arena_printf(link->arena, "%s/%s", link->options->temp_dir, name);
}

static bool write_text(const Linking *link, const char *path, const char *text)
{
    if (link->options->dry_run)
        return true;
    FILE *file = fopen(path, "wb");
    bool ok = file && fputs(text, file) >= 0;
    if (file && fclose(file) != 0)
        ok = false;
    if (!ok)
        diag_resource(link->diag, NO_SPAN, "cannot write %s: %s", path, strerror(errno));
    return ok;
}

/* ── Parts ───────────────────────────────────────────────────────────────────────────────────────────── */

/* Where the C compiler finds a static library; NULL after a diagnostic. */
static const char *library_path(const Linking *link, const char *name)
{
    Command command = tool(link, "CC", "cc", "gcc");
    command_add(&command, arena_printf(link->arena, "-print-file-name=%s", name));
    const char *path = command_output(&command, link->diag);
    if (!path || strchr(path, '/'))
        return path;
    diag_resource(link->diag, NO_SPAN, "%s is not installed (%s)", name,
                  link->options->install ? link->options->install : "see docs/DEPENDENCIES.md");
    return NULL;
}

/* prefix: how this command hands a word to the linker. */
static void leave_encoders_out(const Linking *link, Command *command, const char *prefix)
{
    command_add(command, arena_printf(link->arena, "%s--undefined=cnxrt_no_encoder", prefix));
    for (int64_t i = 0; i < countof(encoder_functions); i++)
        command_add(command, arena_printf(link->arena, "%s--defsym=%s=cnxrt_no_encoder", prefix, encoder_functions[i]));
}

static bool add_parts(const Linking *link, Command *command)
{
    for (int64_t i = 0; i < link->options->n_model_objects; i++)
        command_add_file(command, link->options->model_objects[i]);
    if (link->options->weights_object)
        command_add_file(command, link->options->weights_object);
    command_add_file(command, arena_printf(link->arena, "%s/libcnxrt.a", link->options->runtime_dir));
    for (int64_t i = 0; i < countof(image_libraries); i++) {
        const char *path = library_path(link, image_libraries[i]);
        if (!path)
            return false;
        command_add(command, path);
    }
    return true;
}

/* ── Artifacts ───────────────────────────────────────────────────────────────────────────────────────── */

static bool link_executable(const Linking *link)
{
    Command command = tool(link, "CC", "cc", "gcc");
    command_add(&command, link->options->static_libc ? "-static-pie" : "-pie");
    command_add(&command, "-o");
    command_add_file(&command, link->output);
    if (!add_parts(link, &command))
        return false;
    leave_encoders_out(link, &command, "-Wl,");
    if (link->options->static_libc)
        command_add(&command, "-Wl,--undefined=licenses_glibc");
    command_add(&command, "-Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,--build-id=none");
    if (!link->options->symbols)
        command_add(&command, "-s");
    command_add(&command, "-lm");
    command_add(&command, "-pthread");
    return run(link, &command);
}

/* Debian's libjpeg and libpng refer to stderr, in default error handlers that the runtime replaces, by a relocation
 * that no shared library may have: a constant of the runtime stands in for it. */
static bool merge_objects(const Linking *link, const char *output)
{
    const char *const *names;
    int64_t n = public_symbols(&names);
    Command command = tool(link, "LD", "ld", "ld");
    command_add(&command, "-r");
    command_add(&command, "--gc-sections");
    command_add(&command, "-o");
    command_add_file(&command, output);
    for (int64_t i = 0; i < n; i++) {
        command_add(&command, "-u");
        command_add(&command, names[i]);
    }
    command_add(&command, "--defsym=stderr=cnxrt_no_stream");
    leave_encoders_out(link, &command, "");
    return add_parts(link, &command) && run(link, &command);
}

/* objcopy applies --keep-global-symbols to the new names. */
static bool rename_symbols(const Linking *link, const char *input, const char *output)
{
    const char *const *names;
    int64_t n = public_symbols(&names);
    assert(n > 0);
    const char *renames = temp_path(link, "renames"), *keep = temp_path(link, "keep");
    StrBuf rename_list = {.arena = link->arena}, keep_list = {.arena = link->arena};
    for (int64_t i = 0; i < n; i++) {
        const char *name = names[i] + strlen("cnxrt");
        sb_printf(&rename_list, "%s %s%s\n", names[i], link->options->prefix, name);
        sb_printf(&keep_list, "%s%s\n", link->options->prefix, name);
    }
    if (!write_text(link, renames, rename_list.text) || !write_text(link, keep, keep_list.text))
        return false;
    Command command = tool(link, "OBJCOPY", "objcopy", "objcopy");
    command_add(&command, arena_printf(link->arena, "--redefine-syms=%s", renames));
    command_add(&command, arena_printf(link->arena, "--keep-global-symbols=%s", keep));
    command_add_file(&command, input);
    command_add_file(&command, output);
    return run(link, &command);
}

static bool link_shared(const Linking *link, const char *object)
{
    Command command = tool(link, "CC", "cc", "gcc");
    command_add(&command, "-shared");
    command_add(&command, "-o");
    command_add_file(&command, link->output);
    command_add_file(&command, object);
    command_add(&command, "-Xlinker");
    command_add(&command, arena_printf(link->arena, "-soname=%s", path_base(link->options->output)));
    command_add(&command, "-Wl,-z,defs,-z,relro,-z,now,-z,noexecstack,--build-id=none");
    if (!link->options->symbols)
        command_add(&command, "-s");
    command_add(&command, "-lm");
    command_add(&command, "-pthread");
    return run(link, &command);
}

static bool make_archive(const Linking *link, const char *object)
{
    Command command = tool(link, "AR", "ar", "ar");
    command_add(&command, "rcsD");
    command_add_file(&command, link->output);
    command_add_file(&command, object);
    return run(link, &command);
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
    return text && write_text(link, header_temporary, text) && link_library(link) &&
           put_in_place(link, link->output, options->output) && put_in_place(link, header_temporary, header);
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
