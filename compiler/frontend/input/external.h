/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* External data: constants that stay in their file, mapped. Every size is checked before it is used. */
#ifndef CNXC_FRONTEND_INPUT_EXTERNAL_H
#define CNXC_FRONTEND_INPUT_EXTERNAL_H

#include "ir/graph.h"

/* A file mapped read-only for the arena's life; each path is mapped once for each model. The path is
 * dir/location; "..", absolute paths, links that leave dir (but a hub cache's snapshot → ../../blobs) and
 * anything but regular files are refused. NULL after a diagnostic at span. */
typedef struct ExternalFile {
    const char *path, *location; /* location NULL: standard input */
    const uint8_t *data;
    int64_t length;
    int64_t links;            /* hard links to it: 1 where no other name may lie elsewhere */
} ExternalFile;
const ExternalFile *external_open(const char *dir, const char *location, Span span, Arena *arena, Diag *diag);

/* Is the file at path, by whatever name, one that this compilation has opened? */
bool external_is_open(const char *path, const Arena *arena);

/* ONNX external data: fills tensor->data (dtype and dims are set) from location, offset and length; length -1:
 * what dtype and dims need. Works for any file, a .safetensors among them, that has one hard link. */
bool external_read(Tensor *tensor, const char *dir, const char *location, int64_t offset, int64_t length, Span span, Arena *arena,
                   Diag *diag);

/* Lets the tensor's data be bytes of a file, in place where they are aligned. The range was checked. */
void external_place(Tensor *tensor, const ExternalFile *file, int64_t offset, int64_t length, Arena *arena);

#endif
