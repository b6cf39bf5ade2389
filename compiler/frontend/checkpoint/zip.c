/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The directory of a ZIP archive.
 *
 * Problem: a checkpoint is an archive of a pickle and of one entry for each storage, over 4 GiB in all; its tensors
 * are to be used where they lie. Idea: entries are stored, so a name is a range of bytes of the mapped file.
 *
 *   … data … [entry: "m/data/0", header at 8342, 3072 bytes] … [end: directory at 214000, 67 entries]
 *   →  "m/data/0" = bytes 8448 to 11520
 *
 * The end record is looked for from the file's end, as a comment may follow it. Where a field of 16 or 32 bits is
 * all ones, the ZIP64 record or extra field has it in 64. Every size is checked against the file. */
#include "compiler/frontend/checkpoint/zip.h"

#include <inttypes.h>
#include <string.h>

enum { END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20, ENTRY_SIZE = 46, LOCAL_SIZE = 30, LONGEST_COMMENT = 0xffff };
static const uint32_t END = 0x06054b50, END64 = 0x06064b50, LOCATOR = 0x07064b50, ENTRY = 0x02014b50, LOCAL = 0x04034b50;

typedef struct Reader {
    const ExternalFile *file;
    const Source *source;
    Zip *zip;
    int64_t directory, directory_end; /* bytes of the file */
    uint64_t count;                   /* of entries */
    Arena *arena;
    Diag *diag;
} Reader;

static Span at_byte(const Reader *r, int64_t byte) { return (Span){r->source, byte, byte + 1}; }

static bool broken(const Reader *r, int64_t byte, const char *what)
{
    diag_error(r->diag, at_byte(r, byte), "broken ZIP archive: %s", what);
    return false;
}

static uint64_t number(const Reader *r, int64_t at, int bytes)
{
    uint64_t value = 0;
    memcpy(&value, r->file->data + at, (size_t)bytes);
    return value;
}

static bool is_record(const Reader *r, int64_t at, uint32_t signature, int64_t size)
{
    return at >= 0 && at <= r->file->length - size && number(r, at, 4) == signature;
}

static int64_t find_end(const Reader *r)
{
    int64_t last = r->file->length - END_SIZE, first = last - LONGEST_COMMENT;
    for (int64_t at = last; at >= 0 && at >= first; at--)
        if (is_record(r, at, END, END_SIZE) && (int64_t)number(r, at + 20, 2) <= last - at)
            return at;
    return -1;
}

/* The directory's place and size, from the record that has them in full. */
static bool set_directory(Reader *r, int64_t end, uint64_t count, uint64_t size, uint64_t offset)
{
    if (offset > (uint64_t)end || size > (uint64_t)end - offset)
        return broken(r, end, "its directory goes past the end record");
    if (count > size / ENTRY_SIZE)
        return broken(r, end, "its directory is too small for the entries it is said to have");
    r->directory = (int64_t)offset;
    r->directory_end = (int64_t)(offset + size);
    r->count = count;
    return true;
}

static bool read_end(Reader *r)
{
    int64_t end = find_end(r), locator = end - LOCATOR_SIZE;
    if (end < 0)
        return broken(r, r->file->length, "it has no end record; the file may be cut short");
    if (!is_record(r, locator, LOCATOR, LOCATOR_SIZE))
        return set_directory(r, end, number(r, end + 10, 2), number(r, end + 12, 4), number(r, end + 16, 4));
    uint64_t end64 = number(r, locator + 8, 8);
    if (end64 > (uint64_t)r->file->length || !is_record(r, (int64_t)end64, END64, END64_SIZE))
        return broken(r, locator, "its ZIP64 end record is not where it is said to be");
    int64_t at = (int64_t)end64;
    return set_directory(r, at, number(r, at + 32, 8), number(r, at + 40, 8), number(r, at + 48, 8));
}

/* The fields of an entry that may need 64 bits. */
typedef struct Sizes {
    uint64_t length, stored, header;
} Sizes;

/* Extra field 1 holds in 64 bits, in this order, those fields that are all ones. */
static bool widen(const Reader *r, int64_t at, int64_t end, Sizes *sizes)
{
    uint64_t *const fields[] = {&sizes->length, &sizes->stored, &sizes->header};
    while (at <= end - 4) {
        uint64_t id = number(r, at, 2), size = number(r, at + 2, 2);
        int64_t data = at + 4, data_end = data + (int64_t)size;
        if (data_end > end)
            return broken(r, at, "an extra field goes past its entry");
        for (int64_t i = 0; id == 1 && i < countof(fields); i++)
            if (*fields[i] == UINT32_MAX && data <= data_end - 8) {
                *fields[i] = number(r, data, 8);
                data += 8;
            }
        at = data_end;
    }
    return true;
}

/* The entry's own header repeats the name, and says where the data begins. */
static bool locate(Reader *r, int64_t at, const Sizes *sizes, ZipEntry *entry)
{
    if (sizes->header > (uint64_t)r->directory || !is_record(r, (int64_t)sizes->header, LOCAL, LOCAL_SIZE))
        return broken(r, at, "an entry's header is not where the directory says");
    int64_t header = (int64_t)sizes->header, n = (int64_t)number(r, header + 26, 2);
    int64_t data = header + LOCAL_SIZE + n + (int64_t)number(r, header + 28, 2);
    if (data > r->directory || sizes->length > (uint64_t)(r->directory - data))
        return broken(r, at, "an entry's data goes past the directory");
    if ((size_t)n != strlen(entry->name) || memcmp(r->file->data + header + LOCAL_SIZE, entry->name, (size_t)n) != 0)
        return broken(r, at, "an entry's header has another name than the directory");
    entry->offset = data;
    entry->length = (int64_t)sizes->length;
    return true;
}

static bool check_method(const Reader *r, int64_t at, const char *name, const Sizes *sizes)
{
    uint64_t flags = number(r, at + 8, 2), method = number(r, at + 10, 2);
    if ((flags & 1) || method != 0) {
        diag_unsupported(r->diag, at_byte(r, at), "ZIP entry %s is %s, expected it stored as torch.save does", name,
                         flags & 1 ? "encrypted" : "compressed");
        return false;
    }
    return sizes->length == sizes->stored || broken(r, at, "a stored entry has two sizes");
}

static bool read_entry(Reader *r, int64_t *next)
{
    int64_t at = *next;
    if (at > r->directory_end - ENTRY_SIZE || number(r, at, 4) != ENTRY)
        return broken(r, at, "expected an entry of the directory");
    int64_t name = at + ENTRY_SIZE, extra = name + (int64_t)number(r, at + 28, 2),
            comment = extra + (int64_t)number(r, at + 30, 2);
    *next = comment + (int64_t)number(r, at + 32, 2);
    if (*next > r->directory_end)
        return broken(r, at, "an entry goes past the directory");
    if (memchr(r->file->data + name, 0, (size_t)(extra - name)))
        return broken(r, at, "an entry's name holds a NUL");
    Sizes sizes = {number(r, at + 24, 4), number(r, at + 20, 4), number(r, at + 42, 4)};
    ZipEntry *entry = NEW(r->arena, ZipEntry);
    entry->name = arena_strndup(r->arena, (const char *)r->file->data + name, (size_t)(extra - name));
    if (!widen(r, extra, comment, &sizes) || !check_method(r, at, entry->name, &sizes) || !locate(r, at, &sizes, entry))
        return false;
    vec_push(r->arena, &r->zip->entries, entry);
    return strmap_put(&r->zip->by_name, entry->name, entry) || broken(r, at, "two entries have the same name");
}

Zip *zip_open(const ExternalFile *file, const Source *source, Arena *arena, Diag *diag)
{
    Reader r = {.file = file, .source = source, .zip = NEW(arena, Zip), .arena = arena, .diag = diag};
    r.zip->by_name.arena = arena;
    if (!read_end(&r))
        return NULL;
    int64_t at = r.directory;
    for (uint64_t i = 0; i < r.count; i++)
        if (!read_entry(&r, &at))
            return NULL;
    return r.zip;
}
