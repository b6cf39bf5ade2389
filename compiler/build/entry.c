/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Entries: what lies in the cache is run, perhaps months later, so each says itself what it should be. A seal follows the
 * program's last byte, which no loader reads:
 *
 *   tiny-0f3a…   ELF …  "CNXCSEAL"  XXH3-64 of all before
 *
 * Whoever uses an entry holds a shared lock on it, whoever removes one an exclusive lock, and entries come and go only under
 * a lock on their folder. The system drops the locks of processes that are killed. Where it has no locks, a program may be
 * missing when it is started, and the next try compiles it. */
#include "compiler/build/entry.h"

#include "compiler/build/bytes.h"
#include "compiler/build/output.h"
#include "ir/base/path.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Seal {
    char magic[8];
    uint64_t hash; /* of all bytes before the seal */
} Seal;

static const char magic[8] = "CNXCSEAL";

static bool lock(int file, int how) { return flock(file, how | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

static bool is_at(int file, const char *path)
{
    struct stat a, b;
    return fstat(file, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* ── One entry ───────────────────────────────────────────────────────────────────────────────────────── */

static bool seal(int file)
{
    struct stat info;
    Seal made = {0};
    memcpy(made.magic, magic, sizeof magic);
    return fstat(file, &info) == 0 && bytes_hash(file, 0, info.st_size, &made.hash) &&
           bytes_write(file, &made, sizeof made, info.st_size);
}

static bool is_sealed(int file)
{
    struct stat info;
    Seal found;
    uint64_t hash;
    if (fstat(file, &info) != 0 || info.st_size < (off_t)sizeof found)
        return false;
    int64_t end = (int64_t)info.st_size - (int64_t)sizeof found;
    return pread(file, &found, sizeof found, end) == (ssize_t)sizeof found && memcmp(found.magic, magic, sizeof magic) == 0 &&
           bytes_hash(file, 0, end, &hash) && hash == found.hash;
}

/* The file stays open, so that the lock stays. Its times say when it was used last. */
bool entry_open(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return false;
    if (lock(file, LOCK_SH) && is_at(file, path) && access(path, X_OK) == 0 && is_sealed(file)) {
        futimens(file, NULL);
        return true;
    }
    close(file);
    return false;
}

/* ── All of them ─────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Entry {
    const char *path;
    int64_t bytes;
    struct timespec used;
} Entry;

typedef VEC(Entry) Entries;

/* "tiny-0123456789abcdef" */
static bool is_entry_name(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash && strlen(dash) == 17 && strspn(dash + 1, "0123456789abcdef") == 16;
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const Entry *)a)->used, *y = &((const Entry *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static Entries list_entries(const char *folder, Arena *arena)
{
    Entries entries = {0};
    DIR *stream = opendir(folder);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        struct stat info;
        const char *path = arena_printf(arena, "%s/%s", folder, entry->d_name);
        if (is_entry_name(entry->d_name) && lstat(path, &info) == 0 && S_ISREG(info.st_mode))
            vec_push(arena, &entries, (Entry){path, (int64_t)info.st_size, info.st_mtim});
    }
    if (stream)
        closedir(stream);
    if (entries.len)
        qsort(entries.at, (size_t)entries.len, sizeof *entries.at, by_use);
    return entries;
}

static bool remove_unused(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool unused = file < 0 || lock(file, LOCK_EX);
    bool removed = unused && unlink(path) == 0;
    if (file >= 0)
        close(file);
    return removed;
}

static void trim(const char *folder, const char *kept, int64_t limit, Arena *arena)
{
    Entries entries = list_entries(folder, arena);
    int64_t bytes = 0;
    for (int64_t i = 0; i < entries.len; i++)
        bytes += entries.at[i].bytes;
    for (int64_t i = 0; i < entries.len && bytes > limit; i++)
        if (strcmp(entries.at[i].path, kept) != 0 && remove_unused(entries.at[i].path))
            bytes -= entries.at[i].bytes;
}

/* Closed before it is run: no program starts that is open to be written. */
static bool seal_at(const char *path)
{
    int file = open(path, O_RDWR | O_CLOEXEC);
    bool sealed = file >= 0 && seal(file);
    int error = errno;
    if (file >= 0 && close(file) != 0 && sealed)
        return false;
    errno = error;
    return sealed;
}

/* Sealed and locked before others can see it. */
bool entry_put(const char *made, const char *path, int64_t limit, Arena *arena, Diag *diag)
{
    if (!seal_at(made)) {
        diag_resource(diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
        return false;
    }
    const char *folder = path_directory(arena, path);
    int in_use = open(made, O_RDONLY | O_CLOEXEC), dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* in_use stays so */
    if (in_use >= 0)
        lock(in_use, LOCK_SH);
    if (dir >= 0)
        flock(dir, LOCK_EX);
    bool ok = output_commit(made, path, diag);
    if (ok)
        trim(folder, path, limit, arena);
    if (dir >= 0)
        close(dir);
    return ok;
}
