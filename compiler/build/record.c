/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A record is a header and two texts, in the artifact's constants:
 *
 *   "CNXCREC\0", bytes of each text, XXH3-64 of both    {"name": "tiny", …}\0    {"options": ["--precision=bf16"], …}\0
 *
 * It is found by its first bytes wherever it lies, so that a stripped program, an archive and a program that a library was linked
 * into do as well; the hash says that it is one. */
#define _GNU_SOURCE /* memmem */
#include "compiler/build/record.h"
#include "compiler/frontend/input/source.h"
#include "runtime/model.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

typedef struct RecordHeader {
    char magic[8];
    uint64_t info_bytes, recipe_bytes; /* with their NULs */
    uint64_t hash;
} RecordHeader;

static const char record_magic[8] = "CNXCREC", weights_magic[8] = CNXRT_WEIGHTS_MAGIC;

void record_put(ArtifactInfo *info, const char *recipe, Arena *arena)
{
    RecordHeader header = {.info_bytes = strlen(info->info_json) + 1, .recipe_bytes = strlen(recipe) + 1};
    uint64_t bytes = header.info_bytes + header.recipe_bytes;
    char *record = arena_alloc(arena, sizeof header + bytes), *texts = record + sizeof header;
    memcpy(texts, info->info_json, header.info_bytes);
    memcpy(texts + header.info_bytes, recipe, header.recipe_bytes);
    memcpy(header.magic, record_magic, sizeof record_magic);
    header.hash = XXH3_64bits(texts, bytes);
    memcpy(record, &header, sizeof header);
    info->record = record;
    info->record_bytes = (int64_t)(sizeof header + bytes);
    info->info_json = texts;
}

/* ── Finding ─────────────────────────────────────────────────────────────────────────────────────────── */

/* The texts of a whole record at `at`, of which `left` bytes are there; NULL: it is none. */
static const char *texts_of(const char *at, uint64_t left, RecordHeader *header)
{
    if (left < sizeof *header)
        return NULL;
    memcpy(header, at, sizeof *header);
    left -= sizeof *header;
    uint64_t info = header->info_bytes, recipe = header->recipe_bytes;
    if (!info || !recipe || info > left || recipe > left - info)
        return NULL;
    const char *texts = at + sizeof *header;
    bool closed = !texts[info - 1] && !texts[info + recipe - 1];
    return closed && XXH3_64bits(texts, info + recipe) == header->hash ? texts : NULL;
}

static void release(void *json) { json_decref(json); }

static json_t *parse(const char *text, Arena *arena)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    arena_on_free(arena, release, json);
    return json_is_object(json) ? json : NULL;
}

bool record_read(Record *record, const char *at, int64_t bytes, Arena *arena)
{
    RecordHeader header;
    const char *texts = texts_of(at, (uint64_t)bytes, &header);
    if (!texts)
        return false;
    *record = (Record){parse(texts, arena), parse(texts + header.info_bytes, arena)};
    return record->info && record->recipe;
}

static bool is_weights(const char *at, uint64_t left)
{
    CnxrtWeightsHeader header;
    if (left < sizeof header)
        return false;
    memcpy(&header, at, sizeof header);
    return header.abi == CNXRT_ABI && header.bytes >= sizeof header && header.bytes <= left;
}

/* Packed weights that lie inside the file. */
static bool embeds_weights(const Source *source)
{
    const char *at = source->text, *end = at + source->length;
    while ((at = memmem(at, (size_t)(end - at), weights_magic, sizeof weights_magic)) && !is_weights(at, (uint64_t)(end - at)))
        at++;
    return at && at > source->text;
}

static bool is_none(const Source *source, Diag *diag)
{
    if (embeds_weights(source))
        diag_error(diag, NO_SPAN, "'%s' has its weights inside; compiled with --weights=FILE it takes others", source->path);
    else
        diag_error(diag, NO_SPAN, "'%s' is no program or library that cnxc compiled", source->path);
    return false;
}

static int64_t find_all(Record *record, const Source *source, Arena *arena)
{
    const char *at = source->text, *end = at + source->length;
    int64_t found = 0;
    for (; (at = memmem(at, (size_t)(end - at), record_magic, sizeof record_magic)); at++)
        found += record_read(record, at, end - at, arena);
    return found;
}

bool record_find(Record *record, const char *path, Arena *arena, Diag *diag)
{
    const Source *source = source_open(path, arena, diag);
    if (!source)
        return false;
    int64_t found = find_all(record, source, arena);
    if (found > 1)
        diag_error(diag, NO_SPAN, "'%s' holds %lld models that take weights; name the library or object of the one that is meant",
                   source->path, (long long)found);
    return found == 1 || (!found && is_none(source, diag));
}
