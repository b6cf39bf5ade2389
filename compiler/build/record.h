/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Records: what an artifact whose weights lie in a file says of itself, for whoever packs others for it. */
#ifndef CNXC_BUILD_RECORD_H
#define CNXC_BUILD_RECORD_H

#include "compiler/codegen/codegen.h"

#include <jansson.h>

typedef struct Record {
    json_t *info;   /* as NAME_info_json returns it */
    json_t *recipe; /* recipe.h */
} Record; /* objects, for the arena's life */

/* Puts both texts into info->record; info->info_json then points into it. */
void record_put(ArtifactInfo *info, const char *recipe, Arena *arena);

/* The whole record at `at`, of which so many bytes are there. False: it is none. */
bool record_read(Record *record, const char *at, int64_t bytes, Arena *arena);

/* That of a program, library or object. False after a diagnostic: it has none, or several. */
bool record_find(Record *record, const char *path, Arena *arena, Diag *diag);

#endif
