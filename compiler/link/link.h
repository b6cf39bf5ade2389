/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The linker: model object + packed weights + runtime → executable, shared library, archive or object. */
#ifndef CNXC_LINK_LINK_H
#define CNXC_LINK_LINK_H

#include "ir/base/diag.h"

typedef enum ArtifactKind { ARTIFACT_EXE, ARTIFACT_SHARED, ARTIFACT_STATIC, ARTIFACT_OBJ } ArtifactKind;

typedef struct LinkOptions {
    ArtifactKind kind;
    const char *output;       /* written whole or not at all: a temporary beside it, renamed */
    const char *prefix;       /* cnxrt_ becomes PREFIX_ in libraries; the header is output's stem + ".h" */
    const char *const *model_objects; /* from codegen: one for each variant, the descriptor */
    int64_t n_model_objects;
    const char *weights_object; /* packed weights behind a weights_object_head, to be embedded; or NULL */
    const char *runtime_dir;  /* holds what runtime/parts.cmake lists */
    const char *header_extra; /* constants of this model, put into the header: C text that spells the prefix CNXRT_;
                                 CNXRT_ARENA_BYTES, _SCRATCH_BYTES and _BY_IMAGE must be among them; NULL for executables */
    const char *header_example; /* how this model is used, put into the header's first comment: lines that begin with " * " and
                                 spell the prefix likewise; NULL: none */
    const char *temp_dir;     /* for intermediate files; the caller removes it */
    const char *system;       /* as Debian names its folders, "aarch64-linux-gnu" */
    const char *interpreter;  /* the dynamic linker that an executable names */
    const char *install;      /* packages that --static needs */
    bool symbols;             /* executables and shared libraries keep their symbol table, for debuggers */
    bool static_libc, verbose, dry_run; /* -v prints commands; -### prints and does not run */
} LinkOptions;

const char *link_header_path(const char *output, Arena *arena); /* "dir/libtiny.so" → "dir/libtiny.h" */
bool link_artifact(const LinkOptions *options, Arena *arena, Diag *diag);
bool link_write_text(const char *path, const char *text, Diag *diag); /* as a file of its own; false after a diagnostic */

#endif
